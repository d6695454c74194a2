import t from 'tap'
import type { BucketReply, GossipMessage } from '../../actors/gossip/gossip-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { Behaviour } from '../../runtime/actor.ts'
import { Plant, settings } from './autoscaler-plant.ts'

t.test(
  'autoscaler: load rises and falls → one host more at a time, up to the most, then one less at a time, down to N',
  async t => {
    const plant = new Plant(1, 3)
    plant.cluster.clock.advance(40_000)
    t.same(plant.orders, [], 'with nothing to do three stay three')
    plant.load = 2.8
    t.ok(
      plant.until(() => plant.up === 5, 300),
      `${plant.up} hosts carry it`
    )
    plant.cluster.clock.advance(60_000)
    t.equal(plant.up, 5, 'and stay')
    plant.load = 9
    plant.cluster.clock.advance(60_000)
    t.equal(plant.up, 5, 'five is the most')
    plant.load = 0.5
    t.ok(
      plant.until(() => plant.up === 3, 900),
      `${plant.up} hosts are left`
    )
    plant.cluster.clock.advance(120_000)
    t.equal(plant.up, 3)
    t.same(
      plant.cluster.machines.filter(({ hasLeft }) => hasLeft).map(({ name }) => name),
      ['h4', 'h5'],
      'those that came last'
    )
    t.same(
      plant.orders.map(({ order }) => [order.hosts, order.left]),
      [
        [4, ''],
        [5, ''],
        [4, 'h5'],
        [3, 'h4']
      ]
    )
    t.same(plant.cluster.crashes, [])
  }
)

t.test(
  'autoscaler: the host that it runs on is killed → another one does it, not before all are up again, and one alone',
  async t => {
    const plant = new Plant(2, 4)
    plant.load = 1.9
    plant.cluster.clock.advance(30_000)
    plant.load = 3.5
    t.ok(plant.until(() => plant.orders.length > 0, 60))
    const leader = plant.orders[0]!.by
    t.ok(plant.until(() => plant.up === 5 && plant.cluster.machines.every(({ isRunning }) => isRunning), 200))
    plant.load = 0.5
    plant.cluster.kill(leader, false)
    const orders = plant.orders.length
    plant.cluster.clock.advance(120_000)
    t.equal(plant.orders.length, orders, 'nothing is done while a host is away')
    plant.load = 1.9
    plant.start(leader)
    plant.cluster.clock.advance(60_000)
    plant.load = 0.3
    t.ok(
      plant.until(() => plant.up === 3, 900),
      `${plant.up} hosts are left`
    )
    t.same(plant.cluster.crashes, [])
  }
)

t.test('autoscaler: no host comes that was asked for → it asks again only after a while, once each time', async t => {
  const plant = new Plant(3, 3)
  plant.isSoldOut = true
  plant.load = 3
  plant.cluster.clock.advance(200_000)
  const times = plant.orders.map(({ atMs }) => atMs)
  t.ok(times.length >= 2 && times.length <= 4, `${times.length} orders`)
  t.ok(times.every((atMs, at) => at === 0 || atMs - times[at - 1]! >= settings.waitMs))
})

t.test('autoscaler: a bucket asks for four replicas → four hosts stay, however little there is to do', async t => {
  const plant = new Plant(4, 4)
  plant.load = 1.9
  plant.cluster.clock.advance(20_000)
  const asker = plant.cluster.client('asker', undefined)
  asker.start({
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 0,
    periodMs: 1_000,
    children: [{ type: 'actor', name: 'asker', behaviour: bucketSetter }]
  })
  plant.cluster.clock.advance(5_000)
  plant.load = 0
  plant.cluster.clock.advance(180_000)
  t.equal(plant.up, 4)
  t.same(plant.orders, [])
})

const bucketSetter: Behaviour<undefined, BucketReply> = {
  kind: 'bucket-setter',
  start(_, context) {
    const to: Ref<GossipMessage> = {
      address: addressOf(threadAddressOf('h1', 'system'), 'gossip-agent'),
      correlation: 0,
      incarnation: 0
    }
    context.send(to, { kind: 'set-bucket', bucket: 'wide', properties: { n: 4 }, replyTo: context.replyRef<BucketReply>(0) })
    return undefined
  },
  receive() {}
}
