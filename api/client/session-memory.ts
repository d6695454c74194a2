import { join, type CausalContext } from '../../model/causal-context.ts'
import type { Key } from '../../model/key.ts'
import { KeyQueue } from './key-queue.ts'

/** Keys that a session remembers unless told otherwise, and at most; beyond it the one not used for longest is forgotten. */
export const sessionKeysDefault = 10_000
export const sessionKeysMax = 10_000_000

/** What a session has seen of the keys that it wrote: so that its next write follows the last, and its reads show it. */
export class SessionMemory {
  /** Writes of one session to one key go one after the other, or the second could not know of the first. */
  readonly queue = new KeyQueue()
  readonly #keysMax: number
  /** The least recently used first. */
  readonly #contexts = new Map<Key, CausalContext>()

  constructor(keysMax = sessionKeysDefault) {
    this.#keysMax = keysMax
  }

  get size(): number {
    return this.#contexts.size
  }

  recall(key: Key): CausalContext | undefined {
    const context = this.#contexts.get(key)
    if (context !== undefined) {
      this.#contexts.delete(key)
      this.#contexts.set(key, context)
    }
    return context
  }

  /** A write happened: what its writer had seen by then. */
  remember(key: Key, context: CausalContext): void {
    const before = this.#contexts.get(key)
    if (before !== undefined) this.#contexts.delete(key)
    else if (this.#contexts.size >= this.#keysMax) {
      const oldest = this.#contexts.keys().next()
      if (oldest.done !== true) this.#contexts.delete(oldest.value)
    }
    this.#contexts.set(key, before === undefined ? context : join(before, context))
  }
}
