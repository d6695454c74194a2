import type { Key } from '../model/key.ts'

/** Share of the budget for what was read once: most of it is never read again, and soon makes room. */
const youngShare = 0.1
/** Heap that an entry takes beside its record: the node, its place in the map, key, header of the array. */
const entryBytes = 256
/** The same for one that is only remembered. */
const ghostBytes = 160
/** Records lie together in buffers of this size, and leave about together; a large one has its own. */
const slabBytes = 32 * 1024
const ownBufferBytesMin = slabBytes / 8
const readsMax = 3
/** Reads, beside the first, that make a young record worth keeping. */
const readsToStay = 2

/** A doubly linked ring through the queue itself: nothing is allocated to move an entry, and taking one out is O(1). */
class Queue {
  previous: Queue | Entry = this
  next: Queue | Entry = this
  bytes = 0
  count = 0
}

class Entry {
  readonly partition: number
  readonly key: Key
  /** undefined: a ghost, of which only is known that it was here. */
  record: Uint8Array | undefined
  queue: Queue
  previous: Queue | Entry
  next: Queue | Entry
  reads = 0

  constructor(partition: number, key: Key, record: Uint8Array, queue: Queue) {
    this.partition = partition
    this.key = key
    this.record = record
    this.queue = queue
    this.previous = queue
    this.next = queue
  }
}

/** Records in a row in one buffer: so a small one costs no array of its own. */
class Slab {
  #buffer = Buffer.alloc(0)
  #at = 0

  allocate(bytes: number): Buffer {
    if (bytes >= ownBufferBytesMin) return Buffer.allocUnsafeSlow(bytes)
    if (this.#at + bytes > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(slabBytes)
      this.#at = 0
    }
    const at = this.#at
    this.#at = at + bytes
    return this.#buffer.subarray(at, at + bytes)
  }
}

export interface HotCacheFigures {
  readonly bytes: number
  readonly pairs: number
  readonly hits: number
  readonly misses: number
}

/**
 * Records of the table that are read again and again, within a budget of bytes. A scan, or any run of keys that are read once,
 * passes through a tenth of it and leaves the rest alone.
 *
 * It holds what the table holds, nothing else: whoever writes a pair takes it out in the same turn, and puts it in again only as
 * read from the table later.
 * @see Yang, Zhang, Qiu, Yue, Vinayak: FIFO queues are all you need for cache eviction (SOSP 2023), S3-FIFO
 */
export class HotCache {
  readonly #bytesMax: number
  readonly #youngBytesMax: number
  readonly #partitions: (Map<Key, Entry> | undefined)[] = []
  readonly #young = new Queue()
  readonly #main = new Queue()
  readonly #ghosts = new Queue()
  readonly #youngSlab = new Slab()
  readonly #mainSlab = new Slab()
  #hits = 0
  #misses = 0

  /** @param bytesMax for records and what is remembered of them; 0: nothing is kept */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#youngBytesMax = bytesMax * youngShare
  }

  /** @returns the record, shared: never to be changed */
  get(partition: number, key: Key): Uint8Array | undefined {
    const entry = this.#partitions[partition]?.get(key)
    const record = entry?.record
    if (entry === undefined || record === undefined) {
      this.#misses++
      return undefined
    }
    this.#hits++
    if (entry.reads < readsMax) entry.reads++
    return record
  }

  /** Room for a record that is about to be put in. */
  allocate(bytes: number): Buffer {
    return this.#youngSlab.allocate(bytes)
  }

  /** Keep what the table has. @param record of `allocate`, verified; not to be changed from here on */
  put(partition: number, key: Key, record: Uint8Array): void {
    const size = entryBytes + record.length
    if (size > this.#youngBytesMax) return
    const pairs = (this.#partitions[partition] ??= new Map())
    const known = pairs.get(key)
    if (known === undefined) {
      const entry = new Entry(partition, key, record, this.#young)
      pairs.set(key, entry)
      append(entry, this.#young, size)
    } else {
      const wasGhost = known.record === undefined
      const queue = wasGhost ? this.#main : known.queue
      remove(known, bytesOf(known))
      known.record = record
      known.reads = 0
      append(known, queue, size)
    }
    while (this.#young.bytes + this.#main.bytes + this.#ghosts.bytes > this.#bytesMax) this.#evict()
  }

  /** The pair changes: forget its record, and only remember that it was read. */
  drop(partition: number, key: Key): void {
    const entry = this.#partitions[partition]?.get(key)
    if (entry === undefined || entry.record === undefined) return
    remove(entry, bytesOf(entry))
    this.#haunt(entry)
  }

  figures(): HotCacheFigures {
    return {
      bytes: this.#young.bytes + this.#main.bytes + this.#ghosts.bytes,
      pairs: this.#young.count + this.#main.count,
      hits: this.#hits,
      misses: this.#misses
    }
  }

  #evict(): void {
    if (this.#ghosts.count > this.#main.count + this.#young.count) this.#forget(this.#ghosts.next as Entry)
    else if (this.#young.bytes > this.#youngBytesMax || this.#main.count === 0) this.#evictYoung()
    else this.#evictMain()
  }

  #evictYoung(): void {
    const oldest = this.#young.next
    if (!(oldest instanceof Entry)) return this.#forget(this.#ghosts.next as Entry)
    const size = bytesOf(oldest)
    remove(oldest, size)
    if (oldest.reads >= readsToStay) {
      this.#moveToSlab(oldest)
      append(oldest, this.#main, size)
      oldest.reads = 0
    } else {
      this.#haunt(oldest)
    }
  }

  #evictMain(): void {
    const oldest = this.#main.next as Entry
    if (oldest.reads === 0) return this.#forget(oldest)
    const size = bytesOf(oldest)
    remove(oldest, size)
    oldest.reads--
    this.#moveToSlab(oldest)
    append(oldest, this.#main, size)
  }

  /** It stays longer than its neighbours: it must not hold their slab. */
  #moveToSlab(entry: Entry): void {
    const record = entry.record as Uint8Array
    if (record.length >= ownBufferBytesMin) return
    const copy = this.#mainSlab.allocate(record.length)
    copy.set(record)
    entry.record = copy
  }

  #haunt(entry: Entry): void {
    entry.record = undefined
    entry.reads = 0
    append(entry, this.#ghosts, ghostBytes)
  }

  #forget(entry: Entry): void {
    remove(entry, bytesOf(entry))
    this.#partitions[entry.partition]?.delete(entry.key)
  }
}

function bytesOf({ record }: Entry): number {
  return record === undefined ? ghostBytes : entryBytes + record.length
}

function append(entry: Entry, queue: Queue, bytes: number): void {
  const last = queue.previous
  entry.queue = queue
  entry.previous = last
  entry.next = queue
  last.next = entry
  queue.previous = entry
  queue.bytes += bytes
  queue.count++
}

function remove(entry: Entry, bytes: number): void {
  const { queue, previous, next } = entry
  previous.next = next
  next.previous = previous
  // What is left of it must not keep its neighbours alive.
  entry.previous = queue
  entry.next = queue
  queue.bytes -= bytes
  queue.count--
}
