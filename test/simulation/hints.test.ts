import t from 'tap'
import { handoffAgent } from '../../actors/handoff-agent.ts'
import { preferenceOf } from '../../actors/ring-index.ts'
import { hintsEnd, hintsStart } from '../../model/hint.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { live } from '../../model/siblings.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { ringOf } from '../../model/ring.ts'
import { servingCluster } from './asking-client.ts'
import { crashesOf, sumOf } from './exchange-cluster.ts'

const partitions = 16
const key = keyOfText('b', 'k')

/** Hosts of the key, in order of preference, then the others. */
function placesOf(cluster: SimulatedCluster, of: Key): { owners: string[]; others: string[] } {
  const { owners } = ringOf(cluster.machines[0]!.saved!.members, { partitions, replicas: 3 })
  const names = cluster.machines.map(({ name }) => name)
  const lists = owners.map(own => own.map(name => names.indexOf(name)))
  const own = preferenceOf(lists, partitionOf(positionOf(of), partitions), 3).map(index => names[index]!)
  return { owners: own, others: names.filter(name => !own.includes(name)) }
}

/** Values of the key on a host's disk. */
function onDisk(cluster: SimulatedCluster, name: string, of: Key): string[] {
  const record = cluster
    .machine(name)
    .disk.pairs(partitionOf(positionOf(of), partitions))
    ?.get(of)
  if (record === undefined) return []
  return live(decodeSiblings(record))
    .map(version => Buffer.from(version.value).toString())
    .sort()
}

function hintsOnDisks(cluster: SimulatedCluster): number {
  let hints = 0
  for (const { disk } of cluster.machines) {
    for (let partition = 0; partition < partitions; partition++) {
      for (const stored of disk.pairs(partition)?.keys() ?? []) if (stored > hintsStart && stored < hintsEnd) hints++
    }
  }
  return hints
}

function five(seed: number) {
  const made = servingCluster({ seed, hosts: 5, partitions, workBehaviours: { handoff: handoffAgent } })
  const awayOf = (names: readonly string[]) => {
    for (const name of names) made.cluster.kill(name, false)
    made.cluster.clock.run(made.cluster.clock.now() + 10_000)
  }
  const back = (names: readonly string[]) => {
    for (const name of names) made.cluster.start(name)
  }
  const drained = () => made.cluster.simulation.runUntil(() => hintsOnDisks(made.cluster) === 0, 60_000, 100)
  const isBalanced = () => {
    const sum = (name: string) => sumOf(made.cluster, name)
    return sum('hints_created_total') === sum('hints_delivered_total') + sum('hints_superseded_total') + sum('hints_pending')
  }
  return { ...made, ...placesOf(made.cluster, key), awayOf, back, drained, isBalanced }
}

t.test(
  'I13, I14: 5 hosts, N=3, one owner away: a write at W=3 is sloppy, its hint arrives without traffic, the ledger balances',
  async t => {
    const { cluster, client, owners, awayOf, back, drained, isBalanced } = five(1)
    awayOf([owners[1]!])
    const written = client.put(owners[0]!, key, 'v1', undefined, { replicas: 3, receipt: true })
    t.match(written, { kind: 'written', strength: 'sloppy', answered: 3 })
    t.match(written, { receipt: { acks: [{ role: 'primary' }, { role: 'primary' }, { role: 'fallback' }] } })
    t.equal(hintsOnDisks(cluster), 1)
    t.ok(isBalanced())
    const strict = client.put(owners[0]!, key, 'v2', undefined, { replicas: 3, sloppy: false })
    t.match(strict, { kind: 'refused', fault: { code: 'quorum_unavailable', needed: 3, answered: 0, outcome: 'refused' } })
    back([owners[1]!])
    t.ok(drained(), 'the hint is delivered')
    t.same(onDisk(cluster, owners[1]!, key), ['v1'])
    t.ok(isBalanced(), 'created = delivered + superseded + pending')
    t.same(crashesOf(cluster), [])
  }
)

t.test(
  'I10, I14: 5 hosts, N=3, two owners away: quorum writes and reads go on and say sloppy, strict ones are refused',
  async t => {
    const { cluster, client, owners, awayOf, back, drained, isBalanced } = five(2)
    awayOf(owners.slice(1))
    t.match(client.put(owners[0]!, key, 'v1'), { kind: 'written', strength: 'sloppy' })
    t.match(client.get(owners[0]!, key), { kind: 'got', strength: 'sloppy' })
    t.same(client.values(owners[0]!, key), ['v1'])
    t.match(client.get(owners[0]!, key, { sloppy: false }), { kind: 'refused', fault: { code: 'quorum_unavailable', needed: 2 } })
    t.match(client.get(owners[0]!, key, { primaries: 2 }), { kind: 'refused' })
    t.match(client.put(owners[0]!, key, 'v2', undefined, { primaries: 2 }), { kind: 'refused', fault: { outcome: 'refused' } })
    back(owners.slice(1))
    t.ok(drained())
    for (const owner of owners) t.same(onDisk(cluster, owner, key), ['v1'], owner)
    t.ok(isBalanced())
    t.same(crashesOf(cluster), [])
  }
)

t.test('I5, I13: 5 hosts, all three owners of a key away: puts and reads go on at the others; nothing of it is lost', async t => {
  const { cluster, client, owners, others, awayOf, back, drained, isBalanced } = five(3)
  t.match(client.put(owners[0]!, key, 'before'), { kind: 'written' })
  cluster.clock.run(cluster.clock.now() + 1_000)
  awayOf(owners)
  t.match(client.put(others[0]!, key, 'blind'), { kind: 'written', strength: 'sloppy' })
  t.match(client.put(others[1]!, key, 'other'), { kind: 'written', strength: 'sloppy' })
  t.same(client.values(others[1]!, key), ['blind', 'other'])
  const read = client.get(others[0]!, key)
  const seen = read?.kind === 'got' ? decodeSiblings(read.siblings).context : undefined
  t.match(client.put(others[1]!, key, 'merged', seen), { kind: 'written', strength: 'sloppy' })
  t.same(client.values(others[0]!, key), ['merged'])
  t.match(client.put(others[0]!, key, 'strict', undefined, { sloppy: false }), {
    kind: 'refused',
    fault: { code: 'quorum_unavailable', needed: 2, answered: 0, outcome: 'refused' }
  })
  back(owners)
  t.ok(drained())
  for (const owner of owners.slice(0, 2)) t.same(onDisk(cluster, owner, key), ['before', 'merged'], owner)
  t.same(client.values(owners[0]!, key, { level: 'all' }), ['before', 'merged'])
  t.ok(isBalanced())
  t.same(crashesOf(cluster), [])
})

t.test('I14: the keeper of a hint is killed and started again: the hint is delivered without any traffic', async t => {
  const { cluster, client, owners, others, awayOf, back, drained, isBalanced } = five(4)
  awayOf([owners[2]!])
  t.match(client.put(owners[0]!, key, 'v', undefined, { replicas: 3 }), { kind: 'written', strength: 'sloppy' })
  awayOf(others)
  t.equal(hintsOnDisks(cluster), 1)
  back([...others, owners[2]!])
  t.ok(drained())
  t.same(onDisk(cluster, owners[2]!, key), ['v'])
  t.ok(isBalanced())
  t.same(crashesOf(cluster), [])
})

t.test('an owner is killed while writes are under way: none ends as a timeout', async t => {
  const { cluster, client, owners } = five(5)
  cluster.kill(owners[1]!, true)
  cluster.kill(owners[2]!, true)
  for (let index = 0; index < 20; index++) {
    t.match(client.put(owners[0]!, key, `v${index}`, undefined, { replicas: 3 }), { kind: 'written', strength: 'sloppy' })
  }
  t.same(crashesOf(cluster), [])
})
