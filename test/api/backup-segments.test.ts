import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { BackupDirectory } from '../../api/backup/backup-directory.ts'
import { decodeManifest, encodeManifest, type Manifest, type PartCut } from '../../api/backup/manifest.ts'
import { recordsOfPart } from '../../api/backup/part-records.ts'
import { PartWriter } from '../../api/backup/part-writer.ts'
import { areRootsEqual, RecordTrees } from '../../api/backup/record-trees.ts'
import { DamagedSegment, type SegmentEntry } from '../../api/backup/segment-format.ts'
import { entriesOf } from '../../api/backup/segment-reader.ts'
import { SegmentWriter } from '../../api/backup/segment-writer.ts'
import { VerifyRun } from '../../api/backup/verify-run.ts'
import { type Key, keyOf, keyOfText } from '../../model/key.ts'
import { NodeSet } from '../../model/node-set.ts'
import { nodeAt, treeHashOf } from '../../model/merkle-tree.ts'
import { encodeSiblings } from '../../model/siblings-codec.ts'

const place = { partition: 3, partitions: 8 }
const classes = { replicas: 3, others: [['two', 2] as [string, number]] }
const never = new AbortController().signal

async function directoryFor(t: Test): Promise<BackupDirectory> {
  const path = mkdtempSync(join(tmpdir(), 'carillon-segments-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  const directory = new BackupDirectory(path)
  await directory.prepare()
  return directory
}

function recordOf(counter: number, tombstone = false): Uint8Array {
  const value = tombstone ? new Uint8Array(0) : Buffer.from(`value ${counter}`)
  const version = { vnode: 7, counter, value, contentType: '', modifiedMs: counter, expiresMs: 0, tombstone }
  return encodeSiblings({ context: { vector: [7, counter], cloud: [] }, versions: [version] })
}

const anyKey = fc
  .tuple(fc.constantFrom('b', 'two', 'default'), fc.uint8Array({ minLength: 1, maxLength: 40 }))
  .map(([bucket, bytes]) => keyOf(bucket, bytes))
const entries = fc
  .uniqueArray(fc.record({ key: anyKey, record: fc.option(fc.uint8Array({ maxLength: 400 }), { nil: undefined }) }), {
    selector: ({ key }) => key,
    maxLength: 20
  })
  .map(list => list.sort((a, b) => (a.key < b.key ? -1 : 1)))

async function write(directory: BackupDirectory, list: readonly SegmentEntry[]): Promise<string> {
  const writer = new SegmentWriter(directory, { ...place, isDelta: true })
  for (const entry of list) await writer.add(entry)
  const { hash, bytes } = await writer.finish()
  const path = directory.segmentPath(hash)
  const content = readFileSync(path)
  if (content.length !== bytes || createHash('sha256').update(content).digest('hex') !== hash) throw new Error('not its name')
  return path
}

async function read(path: string): Promise<SegmentEntry[]> {
  const list: SegmentEntry[] = []
  for await (const entry of entriesOf(path, place)) list.push(entry)
  return list
}

const shown = (list: readonly SegmentEntry[]) =>
  list.map(({ key, record }) => `${key} ${record === undefined ? 'gone' : Buffer.from(record).toString('hex')}`).join('\n')

t.test('segment: any entries → the same entries, in a file that is named by its bytes', async t => {
  const directory = await directoryFor(t)
  await fc.assert(
    fc.asyncProperty(entries, async list => shown(await read(await write(directory, list))) === shown(list)),
    { numRuns: 25 }
  )
})

t.test('segment: cut short anywhere, or any bit flipped → an error that says what, never other entries', async t => {
  const directory = await directoryFor(t)
  const damaged = join(directory.path, 'damaged')
  const harm = fc.record({ at: fc.nat(), bit: fc.nat(7), isCut: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(entries, fc.array(harm, { minLength: 8, maxLength: 8 }), async (list, harms) => {
      const sound = readFileSync(await write(directory, list))
      for (const { at, bit, isCut } of harms) {
        const content = Buffer.from(sound)
        const index = at % content.length
        content[index]! ^= isCut ? 0 : 1 << bit
        writeFileSync(damaged, isCut ? content.subarray(0, index) : content)
        try {
          await read(damaged)
          return false
        } catch (error) {
          if (!(error instanceof DamagedSegment) || error.message.length < 10) return false
        }
      }
      return true
    }),
    { numRuns: 25 }
  )
})

t.test('segment: bytes by chance → an error, in bounded memory', async t => {
  const directory = await directoryFor(t)
  const path = join(directory.path, 'chance')
  const sound = Buffer.from(readFileSync(await write(directory, [{ key: keyOfText('b', 'k'), record: recordOf(1) }])))
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, behindHeader) => {
      writeFileSync(path, behindHeader ? Buffer.concat([sound.subarray(0, 20), bytes]) : bytes)
      return read(path).then(
        () => false,
        error => error instanceof DamagedSegment
      )
    }),
    { numRuns: 60 }
  )
  const huge = Buffer.from(sound)
  huge.writeUInt32LE(0x7fff_ffff, 20)
  writeFileSync(path, huge)
  await t.rejects(read(path), /entry 1 claims 2147483647 bytes/)
  const later = Buffer.from(sound)
  later[6] = 2
  writeFileSync(path, later)
  await t.rejects(read(path), /format has version 2, this command knows 1/)
  writeFileSync(path, Buffer.concat([sound, Buffer.from('x')]))
  await t.rejects(read(path), /bytes behind its end/)
  writeFileSync(path, sound)
  await t.rejects(async () => {
    for await (const _ of entriesOf(path, { partition: 4, partitions: 8 })) t.fail('it is of another partition')
  }, /is of partition 3 of 8, wanted is 4 of 8/)
})

/** What a partition held at some time: keys with counters. */
type State = ReadonlyMap<number, number>
const keyAt = (index: number): Key => keyOfText(index % 3 === 0 ? 'two' : 'b', `k${index}`)
const state: fc.Arbitrary<State> = fc
  .uniqueArray(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 4 })), { selector: ([index]) => index, maxLength: 25 })
  .map(pairs => new Map(pairs))

function sorted(held: State): { key: Key; record: Uint8Array }[] {
  const records = [...held].map(([index, counter]) => ({ key: keyAt(index), record: recordOf(counter, counter === 4) }))
  return records.sort((a, b) => (a.key < b.key ? -1 : 1))
}

t.test(
  'cuts on top of each other: each holds what was there when it was made, whether all or only what changed is read',
  async t => {
    const directory = await directoryFor(t)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(state, fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 4 }), async states => {
        let before: PartCut | undefined
        let held: State = new Map()
        for (const [next, isFolded, isNarrowed] of states) {
          // Where only some nodes of the tree are asked for, nothing has changed elsewhere.
          const nodes = isNarrowed ? [...Array(16).keys()].filter(child => child % 2 === 0).map(child => child + 1) : undefined
          const wanted = nodes === undefined ? undefined : new NodeSet(nodes)
          const isAsked = (key: Key) => wanted?.has(key) !== false
          held = new Map([
            ...[...held].filter(([index]) => !isAsked(keyAt(index))),
            ...[...next].filter(([index]) => isAsked(keyAt(index)))
          ])
          const base =
            before === undefined
              ? undefined
              : { segments: before.segments, records: recordsOfPart(directory, before, 8), isAsked, isFolded }
          if (before === undefined) held = next
          const writer = new PartWriter(directory, place, classes, base)
          for (const pair of sorted(held)) if (before === undefined || isAsked(pair.key)) await writer.add(pair)
          const figures = await writer.finish()
          before = { partition: 3, ...figures, isProven: false, isUnchanged: false, isPartial: false, unread: [] }
          const found: SegmentEntry[] = []
          for await (const pair of recordsOfPart(directory, before, 8)) found.push(pair)
          if (shown(found) !== shown(sorted(held))) return false
          const trees = new RecordTrees(classes, 3)
          for (const { key, record } of sorted(held)) trees.add(key, record)
          if (!areRootsEqual(trees.roots, before.trees)) return false
          if (before.records !== held.size || before.tombstones !== [...held.values()].filter(each => each === 4).length)
            return false
          if (base !== undefined && isFolded && before.segments.length > 1) return false
        }
        return true
      }),
      { numRuns: 30 }
    )
  }
)

t.test('nodes of a tree: a key lies below one of them if its own node of that level is among them', async () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.array(fc.nat(4368), { maxLength: 30 }), (index, nodes) => {
      const hash = treeHashOf(keyAt(index))
      return new NodeSet(nodes).has(keyAt(index)) === [0, 1, 2, 3].some(level => nodes.includes(nodeAt(level, hash)))
    })
  )
})

async function cutOf(directory: BackupDirectory, held: State): Promise<Manifest> {
  const parts: PartCut[] = []
  for (let partition = 0; partition < 8; partition++) {
    const writer = new PartWriter(directory, { partition, partitions: 8 }, classes, undefined)
    if (partition === 3) for (const pair of sorted(held)) await writer.add(pair)
    const about = { isProven: true, isUnchanged: false, isPartial: false, unread: [] }
    parts.push({ partition, ...(await writer.finish()), ...about })
  }
  return {
    version: 1,
    id: '20260102T030405Z-abcd',
    parent: null,
    cluster: 'carillon',
    cluster_id: 'c0ffee',
    partitions: 8,
    replicas: 3,
    hosts: [{ name: 'a', uid: 7 }],
    buckets: { two: { n: 2 } },
    bucket: null,
    began: '2026-01-02T03:04:05.000Z',
    ended: '2026-01-02T03:04:06.000Z',
    isPartial: false,
    parts
  }
}

t.test('manifest: damaged, of another version, or hostile → refused with the file and the reason', async t => {
  const directory = await directoryFor(t)
  const cut = await cutOf(directory, new Map([[1, 1]]))
  const text = encodeManifest(cut)
  t.same(decodeManifest(text, 'm'), cut)
  for (let at = 0; at < text.length - 2; at += 7)
    t.throws(() => decodeManifest(text.slice(0, at), 'm'), /m is damaged|no manifest/)
  fc.assert(
    fc.property(fc.nat(text.length - 3), fc.constantFrom('0', '9', 'z', '"', '{'), (at, character) => {
      if (text[at] === character || /\s/.test(text[at]!)) return true
      try {
        decodeManifest(text.slice(0, at) + character + text.slice(at + 1), 'm')
        return false
      } catch (error) {
        return /^m (is|has)/.test((error as Error).message)
      }
    })
  )
  const forged = (change: object) => encodeManifest({ ...cut, ...change })
  t.throws(() => decodeManifest(forged({ version: 2 }), 'm'), /m has version 2, this command knows 1/)
  const [part] = cut.parts
  for (const change of [
    { partitions: 9 },
    { partitions: 1e9 },
    { replicas: 1_000 },
    { cluster_id: '../x' },
    { buckets: { '../b': {} } },
    { buckets: { b: { n: 1e9 } } },
    { parts: cut.parts.toReversed() },
    { parts: [{ ...part, segments: [{ hash: '../../../etc/passwd', bytes: 1, entries: 1 }] }, ...cut.parts.slice(1)] }
  ])
    t.throws(() => decodeManifest(forged(change), 'm'), /lacks what every manifest has/, JSON.stringify(change).slice(0, 60))
})

t.test('verify: names each damage and goes on; a cut that is sound has none', async t => {
  const directory = await directoryFor(t)
  const held = new Map(Array.from({ length: 30 }, (_, index) => [index, 1]))
  const cut = await cutOf(directory, held)
  await directory.writeManifest(cut)
  const verified = async () => {
    const run = new VerifyRun(directory, () => {})
    await run.verify(await directory.cuts(), never)
    return run
  }
  const sound = await verified()
  t.same(sound.damages, [])
  t.match(sound.figures, { segments: 1, records: 30 })
  t.equal(await sound.unused(), 0)
  await write(directory, [])
  t.equal(await sound.unused(), 1)

  const path = directory.segmentPath(cut.parts[3]!.segments[0]!.hash)
  const content = readFileSync(path)
  const spoilt = Buffer.from(content)
  for (const name of ['k4', 'k20']) {
    const at = spoilt.indexOf(`b\0${name}`)
    spoilt[at + 12]! ^= 1
  }
  writeFileSync(path, spoilt)
  const { damages } = await verified()
  t.equal(damages.length, 2)
  t.match(damages[0], { partition: 3, file: path, what: /entry \d+ \(bucket "b", key "k20"\)/ })
  t.match(damages[1], { what: /key "k4"/ })
  writeFileSync(path, content.subarray(0, 100))
  t.match((await verified()).damages, [{ what: /it was cut short/ }])
  rmSync(path)
  t.match((await verified()).damages, [{ what: 'it is missing' }])

  writeFileSync(path, content)
  const lying = cut.parts.map(part => (part.partition === 3 ? { ...part, records: 29 } : part))
  await directory.writeManifest({ ...cut, parts: lying })
  t.match((await verified()).damages, [{ what: /it has 30 records, the manifest says 29/ }])
  const other = cut.parts.map(part => ({ ...part, trees: part.trees.map(tree => ({ ...tree, root: '00000000000000ff' })) }))
  await directory.writeManifest({ ...cut, parts: other })
  t.match((await verified()).damages, [{ what: /the Merkle root of its records is not the one in the manifest/ }])
})
