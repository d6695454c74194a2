import type { Key } from '../model/key.ts'
import type { Completion } from './store.ts'

/** One write: in the log's batch until it has settled, in the memory table until LMDB has it. */
export class Entry {
  readonly partition: number
  readonly key: Key
  /** undefined: the pair was erased. */
  readonly record: Uint8Array | undefined
  readonly flushed: boolean
  /** undefined once it is settled. */
  completion: Completion | undefined
  /** What it replaced in its generation, for as long as it may be refused. */
  previous: Entry | undefined
  generation: Generation | undefined

  constructor(partition: number, key: Key, record: Uint8Array | undefined, flushed: boolean, completion: Completion) {
    this.partition = partition
    this.key = key
    this.record = record
    this.flushed = flushed
    this.completion = completion
    this.previous = undefined
    this.generation = undefined
  }
}

/** Heap that an entry takes beside key and record: the object, its slot in the map, the headers of string and array. */
const entryOverheadBytes = 160

function bytesOf(entry: Entry): number {
  return entryOverheadBytes + entry.key.length + (entry.record === undefined ? 0 : entry.record.length)
}

/** What one log segment holds, newest write of each key. */
export class Generation {
  /** The segment's number. */
  number: number
  readonly partitions = new Map<number, Map<Key, Entry>>()
  bytes = 0
  pairs = 0

  constructor(number: number) {
    this.number = number
  }

  put(entry: Entry): void {
    let pairs = this.partitions.get(entry.partition)
    if (pairs === undefined) this.partitions.set(entry.partition, (pairs = new Map()))
    const previous = pairs.get(entry.key)
    if (previous === undefined) this.pairs++
    else this.bytes -= bytesOf(previous)
    this.bytes += bytesOf(entry)
    entry.previous = previous
    entry.generation = this
    pairs.set(entry.key, entry)
  }

  /** Take a refused entry out again; of several for one key, the newest first. */
  undo(entry: Entry): void {
    const pairs = this.partitions.get(entry.partition)
    if (pairs === undefined || pairs.get(entry.key) !== entry) return
    this.bytes -= bytesOf(entry)
    if (entry.previous === undefined) {
      this.pairs--
      pairs.delete(entry.key)
    } else {
      this.bytes += bytesOf(entry.previous)
      pairs.set(entry.key, entry.previous)
    }
  }
}

/** The writes that LMDB does not have yet: one generation for each log segment, so that forgetting a segment costs nothing. */
export class MemoryTable {
  /** Newest first. */
  readonly #generations: Generation[] = []

  begin(number: number): Generation {
    const generation = new Generation(number)
    this.#generations.unshift(generation)
    return generation
  }

  /** LMDB has the segment. */
  drop(number: number): void {
    const at = this.#generations.findIndex(generation => generation.number === number)
    if (at >= 0) this.#generations.splice(at, 1)
  }

  /** Forget generation `number` and the newer ones. */
  abandon(number: number): void {
    while (this.#generations.length > 0 && this.#generations[0]!.number >= number) this.#generations.shift()
  }

  /** @returns the newest write of the pair; an entry without a record where that was an erase */
  get(partition: number, key: Key): Entry | undefined {
    for (let at = 0; at < this.#generations.length; at++) {
      const generation = this.#generations[at]!
      if (generation.pairs === 0) continue
      const entry = generation.partitions.get(partition)?.get(key)
      if (entry !== undefined) return entry
    }
    return undefined
  }

  /** Newest entry of each key of the partition that lies after `after`, by key. */
  after(partition: number, after: Key | undefined): Entry[] {
    let newest: Map<Key, Entry> | undefined
    for (const generation of this.#generations) {
      const pairs = generation.partitions.get(partition)
      if (pairs === undefined) continue
      newest ??= new Map()
      for (const [key, entry] of pairs) if ((after === undefined || key > after) && !newest.has(key)) newest.set(key, entry)
    }
    return newest === undefined ? [] : [...newest.values()].sort(byKey)
  }

  get bytes(): number {
    let bytes = 0
    for (let at = 0; at < this.#generations.length; at++) bytes += this.#generations[at]!.bytes
    return bytes
  }

  get pairs(): number {
    let pairs = 0
    for (const generation of this.#generations) pairs += generation.pairs
    return pairs
  }
}

function byKey(a: Entry, b: Entry): number {
  return a.key < b.key ? -1 : 1
}
