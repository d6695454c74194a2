import t from 'tap'
import { addressOf, type Envelope, threadAddressOf } from '../../bus/bus.ts'
import { isGone } from '../../model/membership.ts'
import { membershipEpoch } from '../../model/ring-change.ts'
import { MembershipCluster } from '../../simulation/membership-cluster.ts'

const seeds = [1, 2, 3]
const weather = { delayMinMs: 0.2, delayMaxMs: 5, reordering: 0.2 }

function calmCluster(seed: number, hosts: number): MembershipCluster {
  const cluster = new MembershipCluster({ seed, hosts, areMembers: true, weather })
  cluster.startAll()
  cluster.run(3_000)
  return cluster
}

t.test('5 hosts that know nobody: the first founds a cluster, the others join it, and all have one view', async t => {
  for (const seed of seeds) {
    const cluster = new MembershipCluster({ seed, hosts: 5, weather })
    cluster.startAll()
    t.ok(
      cluster.until(() => cluster.isConverged() && cluster.host('h1').view.length === 5, 20_000),
      `seed ${seed}`
    )
    t.same(
      cluster
        .host('h1')
        .view.map(member => member.seat)
        .sort(),
      [0, 1, 2, 3, 4],
      'each on a seat of its own'
    )
    t.same(cluster.crashes, [])
  }
})

t.test(
  'I16: 5 hosts, one loses its disk: it comes back under its name by itself, in its own place; the old self is removed for good',
  async t => {
    for (const seed of seeds) {
      const cluster = calmCluster(seed, 5)
      const before = cluster.host('h1').view
      const seat = before.find(member => member.name === 'h3')?.seat
      cluster.wipe('h3', 7777)
      cluster.start('h3')
      let wasRead = false
      const isBack = cluster.until(() => {
        for (const host of cluster.running) {
          const old = host.view.find(member => member.uid === 1003)
          const young = host.view.find(member => member.uid === 7777)
          if (young?.seenState === 'joining' && old?.seenState !== 'down') wasRead = true
        }
        return cluster.isConverged()
      }, 30_000)
      t.ok(isBack, `seed ${seed}: it is up in the eyes of all`)
      t.notOk(
        wasRead,
        'where the new self is known, the old one is never taken for reachable, for its messages would reach the new one'
      )
      for (const host of cluster.running) {
        const rows = host.view.filter(member => member.name === 'h3')
        t.same(
          rows.filter(member => !isGone(member.state)).map(member => [member.uid, member.seat]),
          [[7777, seat]],
          'on the same seat'
        )
        t.equal(rows.find(member => member.uid === 1003)?.state, 'removed')
      }
      t.same(cluster.crashes, [])
    }
  }
)

t.test(
  'I16: a host loses its disk while it is not asked for: its directory remembers who it was, and it need not wait to be missed',
  async t => {
    const cluster = calmCluster(1, 5)
    const saved = cluster.host('h3').saved
    cluster.wipe('h3', 7777)
    cluster.host('h3').saved = saved
    cluster.start('h3')
    const startMs = cluster.clock.now()
    t.ok(cluster.until(() => cluster.isConverged() && cluster.host('h1').view.some(member => member.uid === 7777), 2_000))
    t.comment(`after ${Math.round(cluster.clock.now() - startMs)} ms`)
    t.same(cluster.crashes, [])
  }
)

t.test(
  'I16: the founder of a cluster loses its disk: it begins another cluster, hears of the one that it belongs to, and is back in it',
  async t => {
    const cluster = calmCluster(1, 3)
    const { id } = cluster.host('h2').cluster!
    cluster.wipe('h1', 7777)
    cluster.start('h1')
    t.ok(cluster.until(() => cluster.isConverged() && cluster.host('h1').cluster?.id === id, 30_000))
    t.equal(cluster.host('h1').view.filter(member => !isGone(member.state)).length, 3)
    t.same(cluster.crashes, [])
  }
)

t.test('a host that lost its disk loses it again before it is back: the last of its selves takes the place', async t => {
  const cluster = calmCluster(2, 5)
  cluster.wipe('h3', 7777)
  cluster.start('h3')
  // Kept from taking its place, since one host is not reached.
  cluster.kill('h5')
  t.ok(cluster.until(() => cluster.stateOf('h1', 'h3') === 'joining', 20_000))
  cluster.run(3_000)
  cluster.wipe('h3', 8888)
  cluster.start('h3')
  cluster.run(20_000)
  cluster.start('h5')
  t.ok(cluster.until(() => cluster.isConverged(), 30_000))
  const rows = cluster.host('h1').view.filter(member => member.name === 'h3')
  t.same(
    rows.filter(member => !isGone(member.state)).map(member => member.uid),
    [8888]
  )
  t.same(cluster.crashes, [])
})

t.test(
  'the disk that was thought lost is back before the new self has the place: the old self keeps it, the new one is removed',
  async t => {
    const cluster = calmCluster(3, 5)
    const saved = cluster.host('h3').saved
    cluster.wipe('h3', 7777)
    cluster.start('h3')
    cluster.kill('h5')
    t.ok(cluster.until(() => cluster.stateOf('h1', 'h3') === 'joining', 20_000))
    cluster.run(3_000)
    cluster.wipe('h3', 1003)
    cluster.host('h3').saved = saved
    cluster.start('h3')
    cluster.run(20_000)
    cluster.start('h5')
    t.ok(cluster.until(() => cluster.isConverged(), 60_000))
    t.ok(
      cluster.until(
        () => cluster.running.every(host => host.view.find(member => member.uid === 7777)?.state === 'removed'),
        30_000
      )
    )
    t.equal(new Set(cluster.running.map(host => membershipEpoch(host.view))).size, 1)
    t.same(cluster.crashes, [])
  }
)

t.test('3 hosts, another one comes under the name of one that lives: it is told so and not let in', async t => {
  const cluster = calmCluster(1, 3)
  const told: Envelope[] = []
  // The name's address is taken, so it speaks from another.
  const other = cluster.network.bus(threadAddressOf('x', 'system'))
  other.listen({ deliver: envelope => told.push(envelope), delivered() {}, unreachable() {} })
  const row = cluster.host('h1').view.find(member => member.name === 'h2')!
  const hello = (member: object) => {
    const to = { address: addressOf(threadAddressOf('h1', 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
    const message = { kind: 'gossip-hello', member, founded: false, formerly: 0 } as never
    other.send({ to, lane: 'control', budgetMs: 0, traceparent: undefined, message })
    other.flush()
    cluster.run(5_000)
  }
  hello({ ...row, uid: 7777 })
  t.notOk(cluster.host('h1').view.some(member => member.uid === 7777))
  t.ok(cluster.isConverged(), 'the one that had the name is as it was')
  cluster.kill('h2')
  t.ok(cluster.until(() => cluster.stateOf('h1', 'h2') === 'down', 20_000))
  hello({ ...row, uid: 7777, route: 'elsewhere:6222' })
  t.notOk(
    cluster.host('h1').view.some(member => member.uid === 7777),
    'nor is one at another address while the holder is down'
  )
})
