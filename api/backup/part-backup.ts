import type { KeyClasses } from '../../actors/vnode/key-classes.ts'
import { classesHash } from '../../actors/vnode/key-classes.ts'
import { fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import { NodeSet } from '../../model/node-set.ts'
import type { Pace } from '../../model/pace.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { CutBegun, PartitionOpened } from '../admin-backup.ts'
import { errorOf } from '../client/errors.ts'
import { CommandFailure, printable } from '../cli/terminal.ts'
import type { BackupDirectory } from './backup-directory.ts'
import { type CutRequests, isPassing, pause, pauseBetween } from './cut-requests.ts'
import { differingNodes } from './differing-nodes.ts'
import type { Manifest, PartCut } from './manifest.ts'
import { recordsOfPart } from './part-records.ts'
import { type PartBase, PartWriter } from './part-writer.ts'
import { areRootsEqual, classesOfCut, RecordTrees } from './record-trees.ts'

export interface PartTerms {
  readonly requests: CutRequests
  readonly directory: BackupDirectory
  readonly clock: Clock
  readonly begun: CutBegun
  readonly classes: KeyClasses
  /** undefined: all is read and written. */
  readonly parent: Manifest | undefined
  readonly bucket: string | undefined
  /** Hosts may stay unread, beyond what a quorum of the writes makes up for. */
  readonly isPartial: boolean
  readonly pace: Pace
  /** Milliseconds after which a partition that cannot be read is given up. */
  readonly patienceMs: number
  readonly signal: AbortSignal
  /** Told as records come. */
  readonly counted: (records: number, bytes: number) => void
}

/** More segments on top of each other, and all is written once more: a restore opens them side by side. */
const segmentsMax = 16
/** How often owners that differ are compared once more before all of them are read. */
const looksMax = 2

/**
 * Reads one partition into segments: from one owner where the roots of all are equal and no hints wait, else from all of them, merged.
 * @throws {CommandFailure} it cannot be read
 */
export async function backUpPart(terms: PartTerms, partition: number): Promise<PartCut> {
  const endMs = terms.clock.now() + terms.patienceMs
  let looks = 0
  for (let attempt = 1; ; attempt++) {
    let why: string
    const isLast = terms.clock.now() >= endMs
    try {
      const opened = await terms.requests.open(partition)
      const unread = [...new Set([...opened.unread, ...terms.begun.silent])]
      // Writes that are on their way make owners differ for a moment.
      const isBusy = opened.trees === null && unread.length === 0 && !hasHints(terms.begun, partition)
      if (isBusy && looks++ < looksMax) {
        await pauseBetween(terms.clock, 1)
        continue
      }
      const tooMany = unread.length > terms.begun.unread_max
      if (!tooMany || (isLast && terms.isPartial && opened.unread.length < opened.owners.length))
        return await readPart(terms, partition, opened, unread)
      why = `${unread.join(', ')} cannot be read, and may have the only copy of a write: start them, or use --partial`
    } catch (error) {
      if (!isPassing(error)) throw error
      why = error.message
    }
    if (terms.signal.aborted) throw new Interrupted()
    if (isLast) throw new CommandFailure(`partition ${partition} could not be read: ${why}`)
    await pauseBetween(terms.clock, attempt)
  }
}

function hasHints({ hints }: CutBegun, partition: number): boolean {
  return hints.some(([, , partitions]) => partitions.includes(partition))
}

/** The work was told to end. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted')
    this.name = 'Interrupted'
  }
}

async function readPart(
  terms: PartTerms,
  partition: number,
  opened: PartitionOpened,
  unread: readonly string[]
): Promise<PartCut> {
  const { begun, parent, bucket } = terms
  const hints = begun.hints.flatMap(([keeper, target, partitions]) =>
    partitions.includes(partition) && !begun.silent.includes(keeper) ? [[keeper, target] as const] : []
  )
  const readable = opened.owners.filter(owner => !opened.unread.includes(owner))
  const trees = hints.length === 0 ? opened.trees : null
  const held = parent?.parts[partition]
  // What somebody has deleted is read anew.
  const before = held !== undefined && (await terms.directory.has(held.segments)) ? held : undefined
  if (trees !== null && before !== undefined && parent !== undefined && bucket === undefined) {
    const isSameClasses = classesHash(classesOfCut(parent)) === classesHash(terms.classes)
    if (isSameClasses && areRootsEqual(before.trees, trees))
      return { ...before, isProven: true, isUnchanged: true, unread, isPartial: unread.length > begun.unread_max }
  }
  const from = trees === null ? readable : readable.slice(0, 1)
  const base = before === undefined ? undefined : await baseOf(terms, before, trees === null ? undefined : opened, from[0]!)
  const place = { partition, partitions: begun.partitions }
  const writer = new PartWriter(terms.directory, place, terms.classes, base?.base)
  const notRead = new Set(unread)
  let oversized = 0
  try {
    let after: Key | undefined
    do {
      if (terms.signal.aborted) throw new Interrupted()
      const startMs = terms.clock.now()
      const page = await terms.requests.page({ partition, epoch: opened.epoch, after, from, hints, bucket, below: base?.below })
      checkPage(terms, page.oversized)
      oversized += page.oversized.length
      // The roots were equal without it: look again, and read the others as well.
      if (page.corrupt.length > 0 && from.length < readable.length)
        throw errorOf(fault('unavailable', `${from.join(', ')} holds damaged records of partition ${partition}`))
      for (const name of page.corrupt) notRead.add(name)
      if (notRead.size > begun.unread_max && page.corrupt.length > 0 && !terms.isPartial)
        throw new CommandFailure(
          `${page.corrupt.join(', ')} hold damaged records of partition ${partition}, which may be the only copy: carillon repair --wait mends them, --partial leaves them out`
        )
      let bytes = 0
      for (const pair of page.pairs) {
        await writer.add(pair)
        bytes += pair.key.length + pair.record.length
      }
      terms.counted(page.pairs.length, bytes)
      after = page.next
      const tookMs = terms.clock.now() - startMs
      await pause(terms.clock, terms.pace.stepped(bytes, tookMs))
    } while (after !== undefined)
    const figures = await writer.finish()
    const isProven = bucket === undefined && trees !== null && areRootsEqual(figures.trees, trees)
    const isPartial = notRead.size > begun.unread_max || oversized > 0
    return { partition, ...figures, isProven, isUnchanged: false, unread: [...notRead].sort(), isPartial }
  } catch (error) {
    await writer.abandon()
    throw error
  }
}

function checkPage({ isPartial }: PartTerms, oversized: readonly Key[]): void {
  if (oversized.length === 0 || isPartial) return
  const names = oversized.map(key => JSON.stringify(printable(key.slice(0, 80)))).join(', ')
  throw new CommandFailure(`the records of ${names} are too large to travel: merge their siblings, or use --partial`)
}

/** What the parent has, and which of its keys may have changed. @param opened undefined: nobody knows */
async function baseOf(
  terms: PartTerms,
  before: PartCut,
  opened: PartitionOpened | undefined,
  host: string
): Promise<{ readonly base: PartBase; readonly below: readonly number[] | undefined }> {
  const { directory, begun } = terms
  const below = opened === undefined || terms.bucket !== undefined ? undefined : await changedBelow(terms, before, opened, host)
  const wanted = below === undefined ? undefined : new NodeSet(below)
  const base: PartBase = {
    segments: before.segments,
    records: recordsOfPart(directory, before, begun.partitions),
    isAsked: key => wanted?.has(key) !== false,
    isFolded: before.segments.length >= segmentsMax
  }
  return { base, below }
}

/** Nodes of the owner's trees below which something differs from the parent cut; undefined: too many, or it cannot be told. */
async function changedBelow(
  terms: PartTerms,
  before: PartCut,
  { trees }: PartitionOpened,
  host: string
): Promise<readonly number[] | undefined> {
  const { directory, begun, classes, requests } = terms
  const ours = new RecordTrees(classes, Math.max(...trees!.map(({ depth }) => depth)))
  for await (const { key, record } of recordsOfPart(directory, before, begun.partitions)) ours.add(key, record)
  const nodes: number[] = []
  for (const tree of trees!) {
    const { partition } = before
    const own = ours.treeOf(tree.n)
    if (own === undefined) return undefined
    const found = await differingNodes(tree, own, asked => requests.children(partition, tree.n, host, asked))
    if (found === undefined) return undefined
    nodes.push(...found)
  }
  return nodes
}
