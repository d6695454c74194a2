import { rmSync } from 'node:fs'
import t from 'tap'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import { recordsOfPart } from '../../api/backup/part-records.ts'
import type { BackupDirectory } from '../../api/backup/backup-directory.ts'
import type { Manifest } from '../../api/backup/manifest.ts'
import { VerifyRun } from '../../api/backup/verify-run.ts'
import { servingCluster } from './asking-client.ts'
import { backupDirectory, BackupOperator, keepsTombstones } from './backup-rig.ts'
import { crashesOf, place, setBucket } from './exchange-cluster.ts'

const partitions = 8
const keyAt = (index: number): Key => keyOfText('b', `k${index}`)

async function contentsOf(directory: BackupDirectory, cut: Manifest): Promise<Map<Key, string>> {
  const contents = new Map<Key, string>()
  for (const part of cut.parts)
    for await (const { key, record } of recordsOfPart(directory, part, cut.partitions))
      contents.set(key, Buffer.from(record).toString('hex'))
  return contents
}

/** Texts of the values that a cut has of a key. */
async function valuesIn(directory: BackupDirectory, cut: Manifest, key: Key): Promise<string[]> {
  const record = (await contentsOf(directory, cut)).get(key)
  if (record === undefined) return []
  return decodeSiblings(Buffer.from(record, 'hex')).versions.map(({ value, tombstone }) =>
    tombstone ? '†' : Buffer.from(value).toString()
  )
}

async function isSound(directory: BackupDirectory, cut: Manifest): Promise<boolean> {
  const run = new VerifyRun(directory, () => {})
  await run.verify([cut.id], new AbortController().signal)
  return run.damages.length === 0
}

t.test('F6: a quiet cluster → its cut has every record as it is stored, and the roots on which the owners agree', async t => {
  const { cluster, client } = servingCluster({ seed: 301, hosts: 3, partitions })
  for (let index = 0; index < 60; index++) client.put('h1', keyAt(index), `v${index}`, undefined, { level: 'all' })
  client.put('h2', keyAt(3), 'other', undefined, { level: 'all' })
  client.delete('h3', keyAt(4), { level: 'all' })
  const directory = backupDirectory(t)
  const cut = await new BackupOperator(cluster).backUp(directory)
  t.ok(cut.parts.every(part => part.isProven))
  t.notOk(cut.isPartial)
  const contents = await contentsOf(directory, cut)
  const stored = new Map<Key, string>()
  for (const partition of cluster.machine('h1').disk.partitions())
    for (const [key, record] of cluster.machine('h1').disk.pairs(partition) ?? [])
      if (key > '\0\xff') stored.set(key, Buffer.from(record).toString('hex'))
  t.same(contents, stored)
  t.same((await valuesIn(directory, cut, keyAt(3))).sort(), ['other', 'v3'])
  t.same(await valuesIn(directory, cut, keyAt(4)), ['†'])
  t.ok(await isSound(directory, cut))
  t.same(crashesOf(cluster), [])
})

t.test('F6: an owner misses writes, and another is the only one with some → the cut has them all', async t => {
  const { cluster, client } = servingCluster({ seed: 302, hosts: 3, partitions })
  for (let index = 0; index < 30; index++) client.put('h1', keyAt(index), `v${index}`, undefined, { level: 'all' })
  const [common] = [...(cluster.machine('h1').disk.pairs(partitionOf(positionOf(keyAt(0)), partitions)) ?? [])].map(
    ([, record]) => record
  )
  for (const name of ['h1', 'h2', 'h3']) cluster.kill(name, false)
  const only = { h1: keyAt(100), h2: keyAt(101), h3: keyAt(102) }
  for (const [name, key] of Object.entries(only)) place(cluster.machine(name), key, common, partitions)
  place(cluster.machine('h1'), keyAt(1), undefined, partitions)
  for (const name of ['h1', 'h2', 'h3']) cluster.start(name)
  t.ok(cluster.simulation.runUntil(() => client.get('h1', keyAt(0), { level: 'all' })?.kind === 'got', 60_000, 200))
  const directory = backupDirectory(t)
  const cut = await new BackupOperator(cluster).backUp(directory)
  const contents = await contentsOf(directory, cut)
  for (const key of [...Object.values(only), keyAt(1)]) t.ok(contents.has(key), key)
  t.equal(contents.size, 33)
  t.ok(cut.parts.some(part => !part.isProven))
  t.ok(await isSound(directory, cut))
})

t.test(
  'F6, I13: two of three owners are away and stand-ins keep hints → the cut has what the hints hold, and they stay',
  async t => {
    const { cluster, client } = servingCluster({ seed: 303, hosts: 5, partitions, isRepairing: true })
    const key = keyAt(7)
    const partition = partitionOf(positionOf(key), partitions)
    client.put('h1', key, 'before', undefined, { level: 'all' })
    const owners = cluster.machines.filter(({ disk }) => disk.pairs(partition)?.has(key)).map(({ name }) => name)
    const asker = cluster.machines.find(({ name }) => !owners.includes(name))!.name
    for (const owner of owners.slice(0, 2)) cluster.kill(owner, false)
    const isKept = () => {
      const reply = client.put(asker, key, 'sloppy')
      return reply?.kind === 'written'
    }
    t.ok(cluster.simulation.runUntil(isKept, 60_000, 500))
    // The third owner loses it, so that the hints alone have it.
    const third = owners[2]!
    cluster.kill(third, false)
    place(cluster.machine(third), key, undefined, partitions)
    cluster.start(third)
    t.ok(
      cluster.simulation.runUntil(() => client.get(third, keyAt(1))?.kind === 'got', 60_000, 500),
      'the third owner is back'
    )
    const directory = backupDirectory(t)
    const operator = new BackupOperator(cluster, asker)
    await t.rejects(operator.backUp(directory), /cannot be read, and may have the only copy of a write/)
    const cut = await operator.backUp(directory, { isPartial: true })
    t.ok(cut.isPartial)
    t.same(cut.parts[partition]!.unread, owners.slice(0, 2).sort())
    t.ok((await valuesIn(directory, cut, key)).includes('sloppy'))
    for (const owner of owners.slice(0, 2)) cluster.start(owner)
    const isBack = () => client.values(owners[0]!, key, { level: 'all' })?.includes('sloppy') === true
    t.ok(cluster.simulation.runUntil(isBack, 120_000, 500))
  }
)

t.test('B8: one of three hosts is down → the cut has all that a quorum acknowledged, and names the host', async t => {
  const { cluster, client } = servingCluster({ seed: 304, hosts: 3, partitions })
  cluster.kill('h2', false)
  const keys = Array.from({ length: 20 }, (_, index) => keyAt(index))
  for (const key of keys) t.ok(cluster.simulation.runUntil(() => client.put('h1', key, 'x')?.kind === 'written', 30_000, 200))
  const directory = backupDirectory(t)
  const cut = await new BackupOperator(cluster).backUp(directory)
  t.notOk(cut.isPartial)
  t.ok(cut.parts.every(part => part.unread.join() === 'h2'))
  const contents = await contentsOf(directory, cut)
  t.ok(keys.every(key => contents.has(key)))
})

t.test(
  'B8: a bucket whose writes one replica acknowledges, and one host is down → refused, since nobody else may have them',
  async t => {
    const { cluster, client } = servingCluster({ seed: 305, hosts: 3, partitions })
    setBucket(cluster, 'quick', { w: 1 })
    cluster.clock.advance(5_000)
    t.equal(client.put('h1', keyAt(1), 'x')?.kind, 'written')
    cluster.kill('h3', false)
    cluster.clock.advance(30_000)
    await t.rejects(new BackupOperator(cluster).backUp(backupDirectory(t)), /h3 cannot be read, and may have the only copy/)
  }
)

t.test('B8: incremental cuts → read only what changed, and each holds what a full one would', async t => {
  const { cluster, client } = servingCluster({ seed: 306, hosts: 3, partitions, ...keepsTombstones })
  for (let index = 0; index < 400; index++) client.put('h1', keyAt(index), `v${index}`, undefined, { level: 'all' })
  const directory = backupDirectory(t)
  const operator = new BackupOperator(cluster)
  const first = await operator.backUp(directory)
  const idle = await operator.backUpCounted(directory, { isIncremental: true })
  t.equal(idle.figures.unchanged, partitions)
  t.equal(idle.figures.read, 0)
  t.equal(idle.cut.parent, first.id)
  for (let round = 0; round < 3; round++) {
    client.put('h1', keyAt(round), `again${round}`, undefined, { level: 'all' })
    client.put('h2', keyAt(1000 + round), 'new', undefined, { level: 'all' })
    client.delete('h3', keyAt(50 + round), { level: 'all' })
    const gone = keyAt(60 + round)
    for (const { name, disk } of cluster.machines) {
      cluster.kill(name, false)
      disk.write([{ partition: partitionOf(positionOf(gone), partitions), key: gone, record: undefined }])
      disk.flush()
      cluster.start(name)
    }
    t.ok(cluster.simulation.runUntil(() => client.get('h1', keyAt(0), { level: 'all' })?.kind === 'got', 60_000, 200))
    const { cut, figures } = await operator.backUpCounted(directory, { isIncremental: true })
    t.ok(figures.read < 60, `${figures.read} of 400 were read`)
    t.ok(cut.parts.every(part => part.isProven))
    const full = backupDirectory(t)
    t.same(await contentsOf(directory, cut), await contentsOf(full, await operator.backUp(full)))
    t.ok(await isSound(directory, cut))
  }
  const last = await directory.manifest(undefined)
  rmSync(directory.segmentPath(last.parts[2]!.segments[0]!.hash))
  t.notOk(await isSound(directory, last))
  const healed = await operator.backUpCounted(directory, { isIncremental: true })
  t.equal(healed.figures.unchanged, partitions - 1, 'what somebody has deleted is read anew')
  t.ok(await isSound(directory, healed.cut))
})

t.test('B8: a backup is interrupted → there is no cut; resumed, it reads the other partitions only', async t => {
  const { cluster, client } = servingCluster({ seed: 307, hosts: 3, partitions })
  for (let index = 0; index < 40; index++) client.put('h1', keyAt(index), 'x', undefined, { level: 'all' })
  const directory = backupDirectory(t)
  const operator = new BackupOperator(cluster)
  const stop = new AbortController()
  let pages = 0
  operator.before = name => {
    if (name === 'backup-page' && ++pages === 4) stop.abort()
  }
  await t.rejects(operator.backUp(directory, { inFlightMax: 1 }, stop.signal), /interrupted/)
  t.same(await directory.cuts(), [])
  const cut = await operator.backUp(directory, { isResumed: true })
  t.equal(pages, partitions, 'no partition is read twice')
  t.equal((await contentsOf(directory, cut)).size, 40)
  t.same(await directory.journals(), [])
  await t.rejects(operator.backUp(directory, { isResumed: true }), /holds no interrupted backup/)
})

t.test('F6: writes go on while the cut is made → every one that was acknowledged before is in it', async t => {
  const { cluster, client } = servingCluster({ seed: 308, hosts: 3, partitions, weather: { delayMinMs: 0.1, delayMaxMs: 20 } })
  for (let index = 0; index < 40; index++) t.equal(client.put('h1', keyAt(index), `v${index}`)?.kind, 'written')
  const directory = backupDirectory(t)
  const operator = new BackupOperator(cluster)
  let writes = 0
  operator.before = name => {
    if (name !== 'backup-page') return
    const key = keyAt(200 + writes++)
    client.put('h2', key, 'late')
  }
  const cut = await operator.backUp(directory)
  t.ok(writes >= partitions)
  const contents = await contentsOf(directory, cut)
  for (let index = 0; index < 40; index++) t.ok(contents.has(keyAt(index)), `k${index}`)
  t.ok(await isSound(directory, cut))
  t.ok(
    [...contents.values()].every(
      hex => Buffer.from(encodeSiblings(decodeSiblings(Buffer.from(hex, 'hex')))).toString('hex') === hex
    )
  )
})
