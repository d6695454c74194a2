import t, { type Test } from 'tap'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import type { LinkWeather } from '../../bus/memory-bus.ts'
import { membershipEpoch } from '../../model/ring-change.ts'
import { MembershipCluster, type MembershipOptions, type Opinion } from '../../simulation/membership-cluster.ts'

const seeds = [1, 2, 3]
const weather: Partial<LinkWeather> = { delayMinMs: 0.2, delayMaxMs: 5, reordering: 0.2 }

/** A cluster whose hosts know each other, calm; and what they think of each other from then on. */
function calmCluster(seed: number, hosts: number, more: Partial<MembershipOptions> = {}): [MembershipCluster, Opinion[]] {
  const cluster = new MembershipCluster({ seed, hosts, areMembers: true, weather, ...more })
  cluster.startAll()
  cluster.run(5_000)
  const opinions: Opinion[] = []
  cluster.onOpinion = opinion => opinions.push(opinion)
  return [cluster, opinions]
}

function ofEachSeed(t: Test, run: (seed: number) => MembershipCluster): void {
  for (const seed of seeds) t.same(run(seed).crashes, [], `seed ${seed}: no actor crashed`)
}

/** What was thought of others that were in truth up all the time. */
function wrong(opinions: readonly Opinion[], truth: (opinion: Opinion) => boolean = () => true): Opinion[] {
  return opinions.filter(opinion => opinion.state !== 'up' && truth(opinion))
}

t.test(
  '5 hosts, one is killed: within 2 s none asks it any more, within 15 s all hold it to be down; back, it is up again',
  async t => {
    ofEachSeed(t, seed => {
      const [cluster, opinions] = calmCluster(seed, 5)
      cluster.kill('h3')
      const others = cluster.running.map(host => host.name)
      t.ok(
        cluster.until(() => others.every(by => cluster.stateOf(by, 'h3') !== 'up'), 2_000),
        `seed ${seed}: suspected`
      )
      t.ok(
        cluster.until(() => others.every(by => cluster.stateOf(by, 'h3') === 'down'), 15_000),
        `seed ${seed}: down`
      )
      cluster.start('h3')
      t.ok(
        cluster.until(() => cluster.isConverged(), 3_000),
        `seed ${seed}: up again`
      )
      t.ok(
        cluster.running.filter(host => host.name !== 'h3').every(host => host.view.find(each => each.name === 'h3')?.isBack),
        'and known to have been away'
      )
      t.same(
        wrong(opinions, opinion => opinion.of !== 'h3'),
        [],
        'nobody else was suspected'
      )
      return cluster
    })
  }
)

t.test(
  '5 hosts, nobody listens at a dead one, says the bus: it is suspected without waiting, for the hint is quicker than time-outs',
  async t => {
    const [cluster] = calmCluster(1, 5)
    const [deaf] = calmCluster(1, 5)
    for (const each of [cluster, deaf]) each.kill('h2')
    // The second cluster gets no hints: what is sent to the dead host is lost on the way.
    for (const name of deaf.names) deaf.network.cut(name, 'h2')
    const time = (each: MembershipCluster): number => {
      const startMs = each.clock.now()
      each.until(() => each.running.some(by => each.stateOf(by.name, 'h2') !== 'up'), 5_000, 1)
      return each.clock.now() - startMs
    }
    t.ok(time(cluster) + 200 < time(deaf))
  }
)

t.test(
  'I20: 5 hosts, the link between two is cut both ways for a minute: nobody is suspected, and the two know that others vouch',
  async t => {
    ofEachSeed(t, seed => {
      const [cluster, opinions] = calmCluster(seed, 5)
      cluster.network.partition([['h1'], ['h2']])
      const isDirect = (by: string, of: string): boolean =>
        cluster.host(by).view.find(each => each.name === of)?.isDirect !== false
      t.ok(
        cluster.until(() => !isDirect('h1', 'h2') && !isDirect('h2', 'h1'), 15_000),
        `seed ${seed}: each knows that its own way is cut`
      )
      cluster.run(60_000)
      t.same(wrong(opinions), [], `seed ${seed}: no view changed`)
      t.ok(isDirect('h3', 'h1') && isDirect('h3', 'h2') && isDirect('h1', 'h3'))
      cluster.network.heal()
      t.ok(
        cluster.until(() => isDirect('h1', 'h2') && isDirect('h2', 'h1'), 15_000),
        `seed ${seed}: and that it is mended`
      )
      return cluster
    })
  }
)

t.test('I20: 5 hosts, one way of a link is cut: the same', async t => {
  ofEachSeed(t, seed => {
    const [cluster, opinions] = calmCluster(seed, 5)
    cluster.network.cut('h1', 'h2')
    cluster.run(60_000)
    t.same(wrong(opinions), [], `seed ${seed}: no view changed`)
    return cluster
  })
})

t.test(
  'I16: 5+5 hosts, parted for two minutes: each side holds the other to be down; healed, all are up within 10 s and no side doubts itself',
  async t => {
    ofEachSeed(t, seed => {
      const [cluster, opinions] = calmCluster(seed, 10)
      const left = cluster.names.slice(0, 5)
      const right = cluster.names.slice(5)
      cluster.network.partition([left, right])
      cluster.run(120_000)
      t.ok(
        left.every(by => right.every(of => cluster.stateOf(by, of) === 'down')),
        `seed ${seed}: down on the left`
      )
      t.ok(
        right.every(by => left.every(of => cluster.stateOf(by, of) === 'down')),
        `seed ${seed}: down on the right`
      )
      cluster.network.heal()
      t.ok(
        cluster.until(() => cluster.isConverged(), 10_000),
        `seed ${seed}: all are up again`
      )
      cluster.run(10_000)
      t.ok(cluster.isConverged(), `seed ${seed}: and stay so`)
      const isOneSide = ({ by, of }: Opinion): boolean => left.includes(by) === left.includes(of)
      t.same(wrong(opinions, isOneSide), [], `seed ${seed}: nobody ever doubted one of its own side`)
      return cluster
    })
  }
)

t.test(
  'I16: one of 5 hosts is cut off from all for a minute and comes back: it makes none of the others doubt each other',
  async t => {
    ofEachSeed(t, seed => {
      const [cluster, opinions] = calmCluster(seed, 5)
      cluster.network.isolate('h4')
      cluster.run(60_000)
      t.equal(cluster.host('h4').view.filter(each => each.seenState === 'down').length, 4, 'alone, it holds all to be down')
      cluster.network.heal()
      t.ok(
        cluster.until(() => cluster.isConverged(), 10_000),
        `seed ${seed}: healed`
      )
      cluster.run(5_000)
      t.same(
        wrong(opinions, ({ by, of }) => by !== 'h4' && of !== 'h4'),
        [],
        `seed ${seed}: the others never doubted each other`
      )
      return cluster
    })
  }
)

t.test(
  'I16: 10 hosts are all killed at once and started again one after the other: views converge, and no live host is stuck as dead',
  async t => {
    ofEachSeed(t, seed => {
      const [cluster] = calmCluster(seed, 10)
      for (const name of cluster.names) cluster.kill(name)
      cluster.run(5_000)
      for (const name of cluster.names) {
        cluster.start(name)
        cluster.run(700)
      }
      t.ok(
        cluster.until(() => cluster.isConverged(), 15_000),
        `seed ${seed}: converged`
      )
      const [first] = cluster.running
      for (const host of cluster.running) t.equal(membershipEpoch(host.view), membershipEpoch(first!.view))
      return cluster
    })
  }
)

t.test(
  'a host that is paused for 30 s is suspected; resumed, it refutes, doubts nobody for its own sleep, and is up for all',
  async t => {
    ofEachSeed(t, seed => {
      const [cluster, opinions] = calmCluster(seed, 5)
      cluster.host('h2').running?.clock.pause()
      cluster.run(30_000)
      t.equal(cluster.stateOf('h1', 'h2'), 'down')
      cluster.host('h2').running?.clock.resume()
      t.ok(
        cluster.until(() => cluster.isConverged(), 10_000),
        `seed ${seed}: up again`
      )
      const row = cluster.host('h1').view.find(each => each.name === 'h2')
      t.ok((row?.incarnation ?? 0) > 2, 'under a higher incarnation, by which it refuted')
      t.same(
        wrong(opinions, ({ of }) => of !== 'h2'),
        [],
        `seed ${seed}: it doubted nobody`
      )
      return cluster
    })
  }
)

t.test('5 hosts, a tenth of all messages is lost: in five minutes nobody is held to be down', async t => {
  for (const seed of seeds.slice(0, 2)) {
    const [cluster, opinions] = calmCluster(seed, 5, { weather: { ...weather, loss: 0.1 } })
    cluster.run(300_000)
    t.same(
      opinions.filter(opinion => opinion.state === 'down'),
      [],
      `seed ${seed}`
    )
  }
})

t.test(
  'I17: 3 hosts, a host of another cluster and an old self speak to them: refused, and nothing they say is believed',
  async t => {
    const [cluster, opinions] = calmCluster(1, 3)
    const before = cluster.host('h1').view
    const stranger = cluster.network.bus(threadAddressOf('x', 'system'))
    stranger.listen({ deliver() {}, delivered() {}, unreachable() {} })
    const to = { address: addressOf(threadAddressOf('h1', 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
    const { id } = cluster.host('h1').cluster!
    const victim = before.find(each => each.name === 'h2')!
    const lie = {
      uid: victim.uid,
      incarnation: 99,
      state: 'down',
      standing: 'up',
      heartbeat: 1,
      about: 0,
      seen: '',
      arrived: '',
      accuser: 0
    }
    const old = before.find(each => each.name === 'h3')!
    const gist = (cluster: string, uid: number, incarnation: number) => ({
      cluster,
      from: 'x',
      uid,
      incarnation,
      heartbeat: 1e6,
      view: 0,
      table: 0,
      news: [lie],
      beats: []
    })
    for (const one of [gist('ffffffffffffffff', 5, 1), gist(id, old.uid, old.incarnation - 1)]) {
      const message = { kind: 'gossip-news', gist: one } as never
      stranger.send({ to, lane: 'control', budgetMs: 0, traceparent: undefined, message })
      stranger.flush()
      cluster.run(3_000)
    }
    t.same(wrong(opinions), [])
    t.same(
      cluster
        .host('h1')
        .view.map(each => each.uid)
        .sort(),
      [1001, 1002, 1003]
    )
  }
)
