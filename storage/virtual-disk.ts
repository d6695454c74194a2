import type { Key } from '../model/key.ts'

/** A change that the disk was told; `record` undefined: an erase. */
interface Change {
  readonly partition: number
  readonly key: Key
  readonly record: Uint8Array | undefined
}

type Pairs = Map<number, Map<Key, Uint8Array>>

/** What a disk held at a moment; taken by `VirtualDisk.snapshot`, given back by `restore`. */
export interface DiskSnapshot {
  readonly pairs: ReadonlyMap<number, ReadonlyMap<Key, Uint8Array>>
}

/**
 * The disk of a simulated host: it outlives the stores that are opened on it. What was written is visible at once
 * and lost at a power loss until it was flushed. Without clock or chance of its own.
 */
export class VirtualDisk {
  #flushed: Pairs = new Map()
  /** What is read: the flushed and the cached. */
  #visible: Pairs = new Map()
  /** Written and not flushed, in order. */
  #cached: Change[] = []
  #corrupt = new Map<number, Set<Key>>()
  /** Told to be full: writes fail, reads and erasures go on. */
  full = false
  /** Told to fail: writes fail. */
  failing = false
  /** Rises with each crash, wipe or restore: stores opened before are cut off. */
  incarnation = 0

  write(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#cached.push(change)
      apply(this.#visible, change)
      this.#corrupt.get(change.partition)?.delete(change.key)
    }
  }

  /** @param count how many of the oldest unflushed changes */
  flush(count = this.#cached.length): void {
    for (const change of this.#cached.splice(0, count)) apply(this.#flushed, change)
  }

  get unflushed(): number {
    return this.#cached.length
  }

  /** Partitions that something was ever written to, ascending. */
  partitions(): number[] {
    return [...this.#visible.keys()].sort((a, b) => a - b)
  }

  /** The partition's pairs, flushed or not, in no order. */
  pairs(partition: number): ReadonlyMap<Key, Uint8Array> | undefined {
    return this.#visible.get(partition)
  }

  /** The host's power fails: what was not flushed is gone. */
  losePower(): void {
    this.#cached = []
    this.#visible = copyOf(this.#flushed)
    this.incarnation++
  }

  /** The host's process dies: what was committed stays in the machine's cache. */
  killProcess(): void {
    this.incarnation++
  }

  /** A new, empty disk in its place. */
  wipe(): void {
    this.#flushed = new Map()
    this.#visible = new Map()
    this.#cached = []
    this.#corrupt = new Map()
    this.incarnation++
  }

  get isEmpty(): boolean {
    for (const pairs of this.#visible.values()) if (pairs.size > 0) return false
    return true
  }

  snapshot(): DiskSnapshot {
    return { pairs: copyOf(this.#visible) }
  }

  /** The disk goes back to what it was; stores that are open on it are cut off. */
  restore(snapshot: DiskSnapshot): void {
    this.#flushed = copyOf(snapshot.pairs)
    this.#visible = copyOf(snapshot.pairs)
    this.#cached = []
    this.#corrupt = new Map()
    this.incarnation++
  }

  /** Flip bits of one stored record, until it is written again. */
  corrupt(partition: number, key: Key): void {
    const keys = this.#corrupt.get(partition)
    if (keys === undefined) this.#corrupt.set(partition, new Set([key]))
    else keys.add(key)
  }

  isCorrupt(partition: number, key: Key): boolean {
    return this.#corrupt.size > 0 && this.#corrupt.get(partition)?.has(key) === true
  }
}

function apply(pairs: Pairs, change: Change): void {
  let partition = pairs.get(change.partition)
  if (partition === undefined) pairs.set(change.partition, (partition = new Map()))
  if (change.record === undefined) partition.delete(change.key)
  else partition.set(change.key, change.record)
}

function copyOf(pairs: ReadonlyMap<number, ReadonlyMap<Key, Uint8Array>>): Pairs {
  const copy: Pairs = new Map()
  for (const [partition, records] of pairs) copy.set(partition, new Map(records))
  return copy
}
