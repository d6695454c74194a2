import { closeSync, openSync, writeSync } from 'node:fs'

/**
 * What its client was told of a write: `refused` surely stored nothing, `open` and `indeterminate` may appear, once, later.
 */
type Fate = 'open' | 'acknowledged' | 'refused' | 'indeterminate'

interface Write {
  readonly key: string
  readonly isDelete: boolean
  /** Ids that its writer had read before, directly; 'whatever': a delete of what a quorum knew, which its only writer asked for. */
  readonly seen: readonly string[] | 'whatever'
  /** Counts all writes of the ledger. */
  readonly number: number
  /** Writes that had begun when this one ended. */
  begunAtEnd: number
  fate: Fate
}

/** Values whose writes somebody's write had seen, itself or by way of others. */
interface Hidden {
  readonly id: string
  readonly by: string
}

/**
 * What clients did, kept outside the cluster and on another disk: each write has an id, which is its value, and for each one is known
 * what its writer had seen. So in the end every acknowledged write has to be present, or replaced by one that had seen it.
 * @see the set workload of Jepsen's Riak and Cassandra analyses
 */
export class Ledger {
  readonly #file: number
  readonly #writes = new Map<string, Write>()
  #count = 0

  /** @param path of a file, a line of JSON for each thing that happens, for whoever looks for the cause of a violation */
  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  get attempts(): number {
    return this.#count
  }

  get acknowledgements(): number {
    let count = 0
    for (const write of this.#writes.values()) if (write.fate === 'acknowledged') count++
    return count
  }

  get keys(): Set<string> {
    return new Set([...this.#writes.values()].map(write => write.key))
  }

  /** Before the write is sent. */
  begin(id: string, key: string, seen: readonly string[] | 'whatever', isDelete = false): void {
    this.#note({ id, key, seen, ...(isDelete ? { isDelete } : {}) })
    this.#writes.set(id, { key, isDelete, seen, number: this.#count++, begunAtEnd: Number.MAX_SAFE_INTEGER, fate: 'open' })
  }

  end(id: string, fate: Exclude<Fate, 'open'>, why = ''): void {
    this.#note({ id, fate, ...(why === '' ? {} : { why }) })
    const write = this.#writes.get(id)
    if (write === undefined) throw new RangeError(`nobody has begun ${id}`)
    write.fate = fate
    // Of a delete whose fate is unknown nobody knows when it read, either.
    if (fate !== 'indeterminate') write.begunAtEnd = this.#count
  }

  /** For whoever looks for causes. */
  note(what: Readonly<Record<string, unknown>>): void {
    this.#note(what)
  }

  close(): void {
    closeSync(this.#file)
  }

  /**
   * @param finals ids that are present in the end, by key; all keys, also those without values
   * @returns a line for each violation of I5 (no acknowledged value lost), I7 and I12 (nothing comes back beside or after what replaced
   *   it), I6 (nothing appears that nobody wrote there), I8 (what was refused does not appear)
   */
  check(finals: ReadonlyMap<string, readonly string[]>): string[] {
    const byKey = new Map<string, [string, Write][]>()
    for (const entry of this.#writes) {
      const writes = byKey.get(entry[1].key)
      if (writes === undefined) byKey.set(entry[1].key, [entry])
      else writes.push(entry)
    }
    return [...finals].flatMap(([key, present]) => this.#checkKey(key, present, byKey.get(key) ?? []))
  }

  /**
   * Of a cluster without deletes, at rest.
   * @param replicas of each host: `bucket/key` → ids of the values there
   * @returns a line for each acknowledged write that fewer than `copies` hosts have, or have replaced by one that had seen it (I1)
   */
  underReplicated(replicas: readonly ReadonlyMap<string, readonly string[]>[], copies: number): string[] {
    const counts = new Map<string, number>()
    const count = (id: string): void => void counts.set(id, (counts.get(id) ?? 0) + 1)
    for (const replica of replicas) {
      for (const present of replica.values()) {
        const known = present.flatMap(id => (this.#writes.has(id) ? [[id, this.#writes.get(id)!] as [string, Write]] : []))
        const replaced = this.#hiddenBy(known, [])
        for (const id of new Set([...present, ...replaced.keys()])) count(id)
      }
    }
    const lines: string[] = []
    for (const [id, { key, fate }] of this.#writes) {
      const found = counts.get(id) ?? 0
      if (fate === 'acknowledged' && found < copies)
        lines.push(`I1: ${id} of ${key} was acknowledged as flushed, and is on ${found} disks, not on ${copies}`)
    }
    return lines
  }

  #checkKey(key: string, present: readonly string[], writes: readonly [string, Write][]): string[] {
    const violations: string[] = []
    const isPresent = new Set(present)
    const told = writes.filter(([, { fate }]) => fate === 'acknowledged')
    const mustBeGone = this.#hiddenBy(told, [])
    const mayBeGone = this.#hiddenBy(
      writes.filter(([id, { isDelete, fate }]) => isPresent.has(id) || (isDelete && fate !== 'refused')),
      writes
    )
    for (const [id, { isDelete }] of told)
      if (!isDelete && !isPresent.has(id) && !mayBeGone.has(id))
        violations.push(`I5: ${id} of ${key} was acknowledged and is lost; present: ${present.join(' ') || 'nothing'}`)
    for (const id of present) {
      const write = this.#writes.get(id)
      const hider = mustBeGone.get(id)?.by
      if (write?.key !== key) violations.push(`I6: ${id} appears under ${key}, where nobody wrote it`)
      else if (write.fate === 'refused') violations.push(`I8: ${id} of ${key} was refused and is there all the same`)
      else if (hider !== undefined)
        violations.push(
          this.#writes.get(hider)?.isDelete === true
            ? `I12: ${id} of ${key} came back after the delete ${hider} that had seen it`
            : `I7: ${id} of ${key} is there although ${hider}, which had seen it, was acknowledged`
        )
    }
    return violations
  }

  /** @param all of the key, where deletes of whatever there was count as well */
  #hiddenBy(hiders: readonly [string, Write][], all: readonly [string, Write][]): Map<string, Hidden> {
    const hidden = new Map<string, Hidden>()
    const open: Hidden[] = []
    for (const [by, { seen, begunAtEnd }] of hiders) {
      const ids = seen === 'whatever' ? all.filter(([, { number }]) => number < begunAtEnd).map(([id]) => id) : seen
      for (const id of ids) open.push({ id, by })
    }
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (hidden.has(next.id)) continue
      hidden.set(next.id, next)
      const seen = this.#writes.get(next.id)?.seen
      if (seen !== undefined && seen !== 'whatever') for (const id of seen) open.push({ id, by: next.by })
    }
    return hidden
  }

  #note(what: Readonly<Record<string, unknown>>): void {
    writeSync(this.#file, `${JSON.stringify({ ms: Math.round(performance.now()), ...what })}\n`)
  }
}
