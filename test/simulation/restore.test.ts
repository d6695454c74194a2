import t from 'tap'
import { contextOfBytes, decodeSiblings } from '../../model/siblings-codec.ts'
import { type Key, keyOfText, partitionOf, positionOf, systemKeysEnd } from '../../model/key.ts'
import { isDeleted } from '../../model/siblings.ts'
import type { SimulatedCluster, StoreWrite } from '../../simulation/simulated-cluster.ts'
import { servingCluster } from './asking-client.ts'
import { backupDirectory, BackupOperator, keepsTombstones } from './backup-rig.ts'
import { areEqual, crashesOf, sumOf } from './exchange-cluster.ts'

const partitions = 8
const quick = { partitions, isRepairing: true, floors: { roundMs: 1_000, pauseMsMax: 5_000 } }
const keyAt = (index: number): Key => keyOfText('b', `k${index}`)

/** Users' records of one machine, as bytes. */
function recordsOf(cluster: SimulatedCluster, name: string): Map<Key, string> {
  const { disk } = cluster.machine(name)
  const records = new Map<Key, string>()
  for (const partition of disk.partitions())
    for (const [key, record] of disk.pairs(partition) ?? [])
      if (key > systemKeysEnd) records.set(key, Buffer.from(record).toString('hex'))
  return records
}

function recordOf(cluster: SimulatedCluster, name: string, key: Key): Uint8Array | undefined {
  return cluster
    .machine(name)
    .disk.pairs(partitionOf(positionOf(key), partitions))
    ?.get(key)
}

/** Watches that no dot ever names two values, on any host of any cluster. */
class DotOracle {
  readonly reused: string[] = []
  readonly #values = new Map<string, string>()

  readonly onWrite = ({ key, record }: StoreWrite): void => {
    if (record === undefined || key <= systemKeysEnd) return
    for (const { vnode, counter, value, tombstone } of decodeSiblings(record).versions) {
      const dot = `${vnode}:${counter}`
      const what = `${key} ${tombstone} ${Buffer.from(value).toString('hex')}`
      const before = this.#values.get(dot)
      if (before !== undefined && before !== what) this.reused.push(`${dot}: ${before} and ${what}`)
      this.#values.set(dot, what)
    }
  }
}

t.test(
  'B8: 3 hosts → 1 host and more partitions: all records are the same bytes, a context of before works, a second run changes nothing',
  async t => {
    const source = servingCluster({ seed: 401, hosts: 3, partitions })
    for (let index = 0; index < 40; index++) source.client.put('h1', keyAt(index), `v${index}`, undefined, { level: 'all' })
    source.client.put('h2', keyAt(1), 'sibling', undefined, { level: 'all' })
    source.client.delete('h3', keyAt(2), { level: 'all' })
    const before = recordsOf(source.cluster, 'h1')
    const seen = contextOfBytes(recordOf(source.cluster, 'h1', keyAt(1))!)
    const directory = backupDirectory(t)
    const cut = await new BackupOperator(source.cluster).backUp(directory)

    const { cluster, client } = servingCluster({ seed: 402, hosts: 1, partitions: 32 })
    // Hosts of a simulation have uids by their number: another cluster's have others.
    for (const part of cut.parts) t.ok(part.isProven)
    const operator = new BackupOperator(cluster)
    await t.rejects(operator.restore(directory, cut), /with the uid of h1, in another cluster/)
    const foreign = servingCluster({ seed: 403, hosts: 3, partitions, uidFirst: 5_000 })
    const other = new BackupOperator(foreign.cluster)
    const dry = await other.restore(directory, cut, { isDry: true })
    t.match(dry, { new: 40, merged: 0, known: 0 })
    t.equal(recordsOf(foreign.cluster, 'h1').size, 0, 'a dry run writes nothing')
    t.match(await other.restore(directory, cut), { new: 40, failed: 0, obsolete: 0 })
    for (const name of ['h1', 'h2', 'h3']) t.same(recordsOf(foreign.cluster, name), before)
    t.match(await other.restore(directory, cut), { new: 0, merged: 0, known: 40 })
    t.same(recordsOf(foreign.cluster, 'h2'), before)

    const single = servingCluster({ seed: 404, hosts: 1, partitions: 32, uidFirst: 6_000 })
    t.match(await new BackupOperator(single.cluster).restore(directory, cut), { new: 40, failed: 0 })
    t.same(recordsOf(single.cluster, 'h1'), before)
    t.same(single.client.values('h1', keyAt(1)), ['sibling', 'v1'])
    t.equal(single.client.put('h1', keyAt(1), 'merged', seen)?.kind, 'written')
    t.same(single.client.values('h1', keyAt(1)), ['merged'])
    t.same(client.values('h1', keyAt(1)), [])
    t.same([...crashesOf(foreign.cluster), ...crashesOf(single.cluster)], [])
  }
)

t.test(
  'I6, I12: the same cluster went on → newer values win, deletes stay, purged keys come back only as new writes',
  async t => {
    const oracle = new DotOracle()
    const { cluster, client } = servingCluster({ seed: 411, hosts: 3, ...quick, onWrite: oracle.onWrite })
    const [kept, replaced, deleted, purged, lost, two] = Array.from({ length: 6 }, (_, index) => keyAt(index)) as [
      Key,
      Key,
      Key,
      Key,
      Key,
      Key
    ]
    for (const key of [kept, replaced, deleted, purged, lost, two]) client.put('h1', key, 'old', undefined, { level: 'all' })
    client.put('h2', two, 'beside', undefined, { level: 'all' })
    const directory = backupDirectory(t)
    const operator = new BackupOperator(cluster)
    const cut = await operator.backUp(directory)

    const context = contextOfBytes(recordOf(cluster, 'h1', replaced)!)
    t.equal(client.put('h2', replaced, 'new', context, { level: 'all' })?.kind, 'written')
    t.equal(client.delete('h3', purged)?.kind, 'written')
    t.equal(client.delete('h3', two)?.kind, 'written')
    const isGone = () => recordsOf(cluster, 'h1').size === 4 && areEqual(cluster.machines)
    t.ok(cluster.simulation.runUntil(isGone, 300_000, 1_000), 'purged')
    for (const { name } of cluster.machines) {
      cluster.kill(name, false)
      const { disk } = cluster.machine(name)
      disk.write([{ partition: partitionOf(positionOf(lost), partitions), key: lost, record: undefined }])
      disk.flush()
      cluster.start(name)
    }
    t.ok(cluster.simulation.runUntil(() => client.get('h1', kept, { level: 'all' })?.kind === 'got', 60_000, 500))
    t.equal(client.delete('h1', deleted, { level: 'all' })?.kind, 'written')

    const dry = await operator.restore(directory, cut, { isDry: true })
    const figures = await operator.restore(directory, cut)
    t.same({ ...figures, bytes: 0 }, { ...dry, bytes: 0 }, 'the dry run said so')
    t.equal(figures.new + figures.obsolete + figures.known + figures.deleted, 6)
    t.same(client.values('h1', kept, { level: 'all' }), ['old'])
    t.same(client.values('h1', replaced, { level: 'all' }), ['new'])
    for (const key of [deleted, purged, two]) t.same(client.values('h2', key, { level: 'all' }), [], 'it stays deleted')
    for (const name of ['k3', 'k5']) t.ok(operator.refusals.includes(`obsolete ${name}`), `${name}: ${operator.refusals.join()}`)

    const anew = await operator.restore(directory, cut, { asNew: true })
    t.equal(anew.deleted + anew.obsolete, 0)
    t.ok(anew.minted >= 3)
    for (const key of [deleted, purged, lost]) t.same(client.values('h3', key, { level: 'all' }), ['old'])
    t.same(client.values('h3', two, { level: 'all' }), ['beside', 'old'])
    t.match(await operator.restore(directory, cut, { asNew: true }), { minted: 0, failed: 0 }, 'once is enough')
    t.same(client.values('h3', two, { level: 'all' }), ['beside', 'old'])
    for (let round = 0; round < 3; round++) for (let index = 0; index < 6; index++) client.put('h1', keyAt(index), `on${round}`)
    cluster.clock.advance(60_000)
    t.same(oracle.reused, [])
    t.same(crashesOf(cluster), [])
  }
)

t.test(
  'I5, I12: a restore is interrupted, keys are deleted meanwhile → no floor dooms what is still to come; once it is closed, tombstones go',
  async t => {
    const source = servingCluster({ seed: 421, hosts: 3, partitions })
    for (let index = 0; index < 120; index++) source.client.put('h1', keyAt(index), `v${index}`, undefined, { level: 'all' })
    for (let index = 0; index < 120; index += 10) source.client.delete('h1', keyAt(index), { level: 'all' })
    const directory = backupDirectory(t)
    const cut = await new BackupOperator(source.cluster).backUp(directory)

    const { cluster, client } = servingCluster({ seed: 422, hosts: 3, ...quick, uidFirst: 5_000 })
    const operator = new BackupOperator(cluster)
    const stop = new AbortController()
    let batches = 0
    operator.before = name => {
      if (name === 'restore-records' && ++batches === 5) stop.abort()
    }
    const some = await operator.restore(directory, cut, { inFlightMax: 1 }, stop.signal)
    t.ok(some.records > 0 && some.records < 120, `${some.records} of 120 have come`)
    const there = [...recordsOf(cluster, 'h1')].filter(([, hex]) => !isDeleted(decodeSiblings(Buffer.from(hex, 'hex'))))
    const [[victim]] = there as [[Key, string]]
    t.equal(client.delete('h2', victim)?.kind, 'written')
    for (const { name } of cluster.machines) cluster.restartThread(name, 'data-0')
    cluster.clock.advance(120_000)
    t.equal(sumOf(cluster, 'floors_raised_total'), 0)

    operator.before = () => {}
    const rest = await operator.restore(directory, cut)
    t.match(rest, { obsolete: 0, deleted: 1, failed: 0 })
    for (let index = 0; index < 120; index++) {
      const expected = index % 10 === 0 || keyAt(index) === victim ? [] : [`v${index}`]
      t.same(client.values('h3', keyAt(index), { level: 'all' }), expected, `k${index}`)
    }
    const areGone = () => recordsOf(cluster, 'h1').size === 120 - 12 - 1 && areEqual(cluster.machines)
    t.ok(cluster.simulation.runUntil(areGone, 300_000, 1_000), 'its tombstones go')
    t.ok(sumOf(cluster, 'floors_raised_total') > 0)
    t.match(await operator.restore(directory, cut), { new: 0, obsolete: 1, known: 119 })
    t.same(client.values('h3', victim, { level: 'all' }), [], 'what was deleted here stays deleted')
    t.same(crashesOf(cluster), [])
  }
)

t.test('B8: cut after cut is restored into a cluster that is kept open → it holds what the last one says', async t => {
  const source = servingCluster({ seed: 431, hosts: 3, partitions, ...keepsTombstones })
  const directory = backupDirectory(t)
  const from = new BackupOperator(source.cluster)
  const standby = servingCluster({ seed: 432, hosts: 3, ...quick, uidFirst: 5_000 })
  const to = new BackupOperator(standby.cluster)
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 20; index++) {
      const key = keyAt(round * 10 + index)
      const held = recordOf(source.cluster, 'h1', key)
      const seen = held === undefined ? undefined : contextOfBytes(held)
      source.client.put('h1', key, `r${round}`, seen, { level: 'all' })
    }
    source.client.delete('h2', keyAt(round), { level: 'all' })
    const cut = await from.backUp(directory, { isIncremental: round > 0 })
    t.match(await to.restore(directory, cut, { staysOpen: true }), { obsolete: 0, deleted: 0, failed: 0 })
    standby.cluster.clock.advance(30_000)
    for (const name of ['h1', 'h3']) t.same(recordsOf(standby.cluster, name), recordsOf(source.cluster, 'h1'))
  }
  t.equal(sumOf(standby.cluster, 'floors_raised_total'), 0)
  await to.close(directory, await directory.manifest(undefined))
  const areGone = () => standby.cluster.machines.every(({ name }) => recordsOf(standby.cluster, name).size === 37)
  t.ok(standby.cluster.simulation.runUntil(areGone, 300_000, 1_000), 'then its tombstones go')
  t.same(crashesOf(standby.cluster), [])
})
