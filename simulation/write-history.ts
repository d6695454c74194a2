import type { Key } from '../model/key.ts'

/** What became of a write, as its client knows it: `open` until it hears, `indeterminate` where it may have had effect. */
export type Fate = 'open' | 'acknowledged' | 'refused' | 'indeterminate'

/** One write of a client. Its value is its name: no two writes have the same. */
export interface WriteEvent {
  readonly id: number
  /** Its place among the writes of its key. */
  readonly index: number
  readonly key: Key
  readonly kind: 'put' | 'delete'
  /** A set of indices: all that its writer had seen, and what those had seen. */
  readonly ancestors: bigint
  /** A delete without a context: it may have seen whatever was written before it ended. */
  readonly isBlindDelete: boolean
  readonly element: string
  fate: Fate
  /** A set of indices: what had been written when a blind delete ended. */
  mayHaveSeen: bigint
}

/** The writes of one key, in the order in which they were begun. */
export interface KeyHistory {
  readonly key: Key
  readonly events: WriteEvent[]
  readonly deletes: WriteEvent[]
  /** A set of indices. */
  acknowledged: bigint
}

/**
 * What clients did, kept outside the store: the causal order of all writes as their writers know it.
 * @see the set workload of Jepsen's Riak and Cassandra analyses
 */
export class WriteHistory {
  readonly keys = new Map<Key, KeyHistory>()
  readonly #byId: WriteEvent[] = []
  acknowledged = 0
  refused = 0
  indeterminate = 0

  of(key: Key): KeyHistory {
    let history = this.keys.get(key)
    if (history === undefined) this.keys.set(key, (history = { key, events: [], deletes: [], acknowledged: 0n }))
    return history
  }

  event(id: number): WriteEvent | undefined {
    return this.#byId[id]
  }

  get attempts(): number {
    return this.#byId.length
  }

  /** @param seen ids of the writes whose values its writer had read, or written, before */
  begin(key: Key, kind: WriteEvent['kind'], seen: readonly number[], isBlindDelete: boolean, element = ''): WriteEvent {
    const history = this.of(key)
    let ancestors = 0n
    for (const id of seen) {
      const event = this.#byId[id]
      if (event !== undefined) ancestors |= event.ancestors | bitOf(event)
    }
    const event: WriteEvent = {
      id: this.#byId.length,
      index: history.events.length,
      key,
      kind,
      ancestors,
      isBlindDelete,
      element,
      fate: 'open',
      mayHaveSeen: 0n
    }
    this.#byId.push(event)
    history.events.push(event)
    if (kind === 'delete') history.deletes.push(event)
    return event
  }

  settle(event: WriteEvent, fate: 'acknowledged' | 'refused' | 'indeterminate'): void {
    if (event.fate !== 'open') return
    event.fate = fate
    this[fate]++
    const history = this.of(event.key)
    if (fate === 'acknowledged') history.acknowledged |= bitOf(event)
    if (event.isBlindDelete) event.mayHaveSeen = (1n << BigInt(history.events.length)) - 1n
  }
}

export function bitOf(event: WriteEvent): bigint {
  return 1n << BigInt(event.index)
}

const one = 49

/** Indices in a set. */
export function indicesOf(set: bigint): number[] {
  const indices: number[] = []
  const digits = set === 0n ? '' : set.toString(2)
  for (let index = 0; index < digits.length; index++)
    if (digits.charCodeAt(digits.length - 1 - index) === one) indices.push(index)
  return indices
}
