import fc from 'fast-check'
import t from 'tap'
import { codecRegistry, Writer } from '../../bus/codec.ts'
import type { Message } from '../../bus/bus.ts'
import { allUpShare, backgroundLoad, fixedUs } from '../../bench/scaling/background-load.ts'
import { clusterLimits, passedAt } from '../../bench/scaling/cluster-limits.ts'
import { type ClusterPlan, partitionsFor, planDefaults, shareOf, shareWanted } from '../../bench/scaling/cluster-plan.ts'
import { CountedCluster } from '../../bench/scaling/counted-cluster.ts'
import { ringFigures, ringRow } from '../../bench/scaling/counted-row.ts'
import { gossipLoad } from '../../bench/scaling/gossip-load.ts'
import { predict } from '../../bench/scaling/prediction.ts'
import { destinationsHit, forwardsOf, messagesOf, messagesOfTurn, requestLoad } from '../../bench/scaling/request-load.ts'
import { idleHosts, peersOf, ringBytes, unevenness } from '../../bench/scaling/ring-load.ts'
import { scalingPlot } from '../../bench/scaling/scaling-plot.ts'
import { serviceTimes } from '../../bench/scaling/service-times.ts'
import { limits } from '../../model/limits.ts'

const operations = 60
/** `readRepairChance` of the simulated hosts. */
const readRepairChance = 0.1

function planOf(hosts: number, more: Partial<ClusterPlan> = {}): ClusterPlan {
  return { ...planDefaults, hosts, ...more }
}

function isNear(actual: number, expected: number, share: number): boolean {
  return Math.abs(actual - expected) <= share * expected
}

for (const hosts of [3, 7]) {
  t.test(`scaling: ${hosts} simulated hosts → messages, gossip and exchanges as the model says`, async t => {
    const plan = planOf(hosts, { partitions: 32, readRepairChance })
    const cluster = new CountedCluster({ hosts, partitions: 32, replicas: 3, seed: 7 })
    const put = cluster.count('put', operations, 'owner')
    const total = messagesOf('put', plan)
    t.equal(put.kinds.get('put'), operations)
    t.equal(put.kinds.get('replicate'), 2 * operations, 'each other owner gets it once')
    t.equal(put.topics.requests.messages, (total.toPeers + total.withClient) * operations)
    t.ok(isNear(put.topics.requests.bytesBetween / operations, 655, 0.05), 'the bytes that the model begins with')

    const get = cluster.count('get', operations, 'owner')
    const compared = get.kinds.get('compare')!
    t.ok(compared >= operations && compared <= 2 * operations, 'R - 1 of the others, or all of them')
    t.equal(get.topics.requests.messages, 2 * operations + 2 * compared)

    const ofAnyone = cluster.count('put', operations, 'anyone')
    const forwards = ofAnyone.topics.requests.messages / operations - total.toPeers - total.withClient
    t.ok(Math.abs(forwards - forwardsOf(plan)) < 0.25, `${forwards} of ${forwardsOf(plan)} passed on`)

    const idle = cluster.idle(60)
    const rate = (count: number): number => count / hosts / 60
    const gossip = gossipLoad(hosts)
    t.ok(isNear(rate(idle.topics.gossip.messages), gossip.messages, 0.05))
    t.ok(isNear(rate(idle.topics.gossip.bytesBetween), gossip.bytes, 0.1))
    const { peers, unevenness: fullest } = ringFigures(cluster.view.owners, hosts)
    t.ok(isNear(peers, peersOf(plan), 0.1))
    t.ok(fullest <= unevenness(plan) + 1e-9, 'no host is fuller than the bound')
    t.ok(isNear(rate(idle.topics.repair.between), backgroundLoad(plan, serviceTimes, 1).exchanges, 0.25))

    const writer = new Writer()
    const ring: Message & { readonly view: unknown } = { kind: 'ring', view: cluster.view }
    codecRegistry().write(ring, writer)
    // The simulated hosts have no addresses, which are 50 of 230 bytes.
    t.ok(writer.position < ringBytes(plan).bus && writer.position > ringBytes(plan).bus / 2, 'the size of a ring as it travels')
  })
}

t.test('scaling: gossip of 10, 100 and 1,000 hosts → as docs/membership.md measured it', async t => {
  for (const [hosts, measured] of [
    [10, 432],
    [100, 420],
    [1_000, 426]
  ] as const)
    t.ok(isNear(gossipLoad(hosts).bytes, measured, 0.1), `${hosts} hosts: ${gossipLoad(hosts).bytes} B/s, measured ${measured}`)
})

t.test('scaling: hosts, N and R of any number → messages of an operation do not depend on hosts, and are 2N and 2R', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 7, max: 4_096 }),
      fc.integer({ min: 1, max: 7 }),
      (n, hosts, r) => {
        const reads = Math.min(r, n)
        const plan = planOf(hosts, { replicas: n, reads, writes: 1, readRepairChance: 0 })
        const [put, get] = [requestLoad('put', plan, serviceTimes), requestLoad('get', plan, serviceTimes)]
        return put.messages === 2 * n && get.messages === 2 * reads && put.batches <= put.messages + 1e-9 && get.batches > 0
      }
    )
  )
})

t.test('scaling: a cluster like the one that was measured → the times that were measured', async t => {
  const plan = planOf(serviceTimes.measuredHosts, { inFlightPerHost: 256 / 3 })
  for (const kind of ['put', 'get'] as const) {
    const load = requestLoad(kind, plan, serviceTimes)
    t.ok(isNear(load.hostsUs, serviceTimes[kind].hosts, 0.01))
    t.ok(isNear(load.natsUs, serviceTimes[kind].nats, 0.01))
    t.ok(isNear(load.clientUs, serviceTimes[kind].client, 0.01))
  }
})

t.test('scaling: more hosts, partitions to suit → more throughput, less for each host', async t => {
  const sizes = [3, 6, 12, 24, 48, 96, 192, 384, 768, 1_536]
  const predicted = sizes.map(hosts => predict(planOf(hosts, { partitions: partitionsFor(hosts, 3) }), serviceTimes))
  for (const [index, one] of predicted.entries()) {
    t.ok(one.throughput > 0 && one.fixedShare < 0.1)
    const before = predicted[index - 1]
    if (before === undefined) continue
    t.ok(one.throughput > before.throughput, `${one.plan.hosts} hosts do more than ${before.plan.hosts}`)
    t.ok(one.throughput <= 2 * before.throughput * 1.02, 'and not more than their number')
  }
})

t.test(
  'scaling: any plan → what holds throughput is the least of the bounds, and more of everything never lowers it',
  async () => {
    const plans = fc.record({
      hosts: fc.integer({ min: 3, max: 2_000 }),
      coresPerHost: fc.integer({ min: 1, max: 64 }),
      readShare: fc.double({ min: 0, max: 1, noNaN: true }),
      networkBytes: fc.integer({ min: 1_000_000, max: 1_000_000_000 }),
      valueBytes: fc.integer({ min: 100, max: 10_000 })
    })
    fc.assert(
      fc.property(plans, more => {
        const plan = planOf(more.hosts, more)
        const one = predict(plan, serviceTimes)
        const richer = predict(
          { ...plan, coresPerHost: plan.coresPerHost + 4, networkBytes: plan.networkBytes * 2 },
          serviceTimes
        )
        return one.throughput === Math.min(...Object.values(one.bounds)) && richer.throughput >= one.throughput * 0.999
      })
    )
  }
)

t.test(
  'scaling: messages of a turn spread over hosts → found again from the size of batches; never more batches than messages',
  async () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 400, noNaN: true }), fc.integer({ min: 2, max: 1_000 }), (messages, destinations) => {
        const hit = destinationsHit(messages, destinations)
        if (hit > Math.min(messages, destinations) + 1e-9) return false
        const found = messagesOfTurn(messages / hit, destinations)
        return isNear(destinationsHit(found, destinations) / found, hit / messages, 0.01)
      })
    )
  }
)

t.test('scaling: limits → each is passed at the first size that passes it, and names a limit of the code', async t => {
  const planFor = (hosts: number): ClusterPlan => planOf(hosts, { partitions: 1_024 })
  for (const limit of clusterLimits) {
    const hosts = passedAt(limit, planFor, serviceTimes)
    if (hosts === undefined) continue
    t.ok(limit.used(planFor(hosts), serviceTimes) > 1, `${limit.name} at ${hosts}`)
    t.ok(limit.used(planFor(hosts - 1), serviceTimes) <= 1, `${limit.name} not at ${hosts - 1}`)
  }
  t.equal(passedAt(clusterLimits.find(({ name }) => name === 'hosts')!, planFor, serviceTimes), limits.hostsMax + 1)
  t.equal(passedAt(clusterLimits.find(({ name }) => name === 'data on every host')!, planFor, serviceTimes), 3 * 1_024 + 1)
})

t.test('scaling: 1,000 hosts with 256 partitions → hosts without data, as the real placement has it', async t => {
  const row = ringRow(1_000, 256, 3)
  t.equal(row.without, idleHosts({ hosts: 1_000, replicas: 3, partitions: 256 }))
  t.ok(row.unevenness <= unevenness({ hosts: 1_000, replicas: 3, partitions: 256 }) + 1e-9)
  t.ok(shareOf({ hosts: 1_000, replicas: 3, partitions: partitionsFor(1_000, 3) }) >= shareWanted)
})

t.test('scaling: more hosts → less time in which all are up, more fixed cost; a plan of no cluster is refused', async t => {
  t.ok(allUpShare(planOf(1_000)) < allUpShare(planOf(100)))
  const fixed = [30, 300, 3_000].map(hosts => fixedUs(backgroundLoad(planOf(hosts), serviceTimes, 1)))
  t.same(
    fixed.toSorted((a, b) => a - b),
    fixed
  )
  for (const more of [{ hosts: 0 }, { reads: 4 }, { coresPerHost: 0 }, { readShare: 2 }])
    t.throws(() => predict({ ...planOf(3), ...more }, serviceTimes), RangeError)
})

t.test('scaling: a plot → lines of the model, dots of what was counted', async t => {
  const svg = scalingPlot(
    [3, 10, 100].map(hosts => predict(planOf(hosts), serviceTimes)),
    []
  )
  t.match(svg, /^<svg [^>]*role="img"/)
  t.equal(svg.match(/<polyline/g)?.length, 12)
  t.notMatch(svg, /NaN|undefined|Infinity/)
})
