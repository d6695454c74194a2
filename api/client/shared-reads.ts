import type { GetRequest, Got } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Key } from '../../model/key.ts'
import type { Message } from '../../bus/bus.ts'
import { limits } from '../../model/limits.ts'

/** Reads of one key that go side by side; further ones wait. With fewer, waiting would cost more than it saves. */
const runningMax = 3
/** Keys with reads under way; reads of others go alone. */
const lanesMax = 4_096

/** The reads of one key. */
export interface Lane<R> {
  readonly key: Key
  running: number
  waiting: R[]
}

/** A get, and how it stands to others of its key. */
interface SharedRead<R> {
  readonly message: Message
  readonly deadlineMs: number
  lane: Lane<R> | undefined
  isWaiting: boolean
  followers: readonly R[] | undefined
}

/**
 * Reads of one key share what owners are asked: who comes while some are under way waits for the next one, and never joins one that has begun. So
 * whatever was acknowledged before a read came is seen by the questions that are asked for it after that: docs/decisions/0015-hot-keys.md has the argument.
 */
export class SharedReads<R extends SharedRead<R>> {
  readonly #lanes = new Map<Key, Lane<R>>()

  /** @returns whether it waits; else it begins now, and `ended` is to be called at its end */
  waits(request: R): boolean {
    const { key, options } = request.message as GetRequest
    // Others may be answered otherwise: by more owners, with a receipt.
    const { level, replicas, primaries, durable, sloppy, receipt } = options
    if ((level ?? replicas ?? primaries ?? durable) !== undefined || sloppy === false || receipt === true) return false
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      if (this.#lanes.size >= lanesMax) return false
      this.#lanes.set(key, (lane = { key, running: 0, waiting: [] }))
    }
    if (lane.running >= runningMax && lane.waiting.length >= limits.hotReadersMax) return false
    request.lane = lane
    if (lane.running < runningMax) {
      lane.running++
      return false
    }
    lane.waiting.push(request)
    request.isWaiting = true
    return true
  }

  /** @returns who reads for all that wait, as its `followers`: the one with the most time; undefined: nobody waits */
  next(lane: Lane<R>): R | undefined {
    const { waiting } = lane
    let [reader] = waiting
    if (reader === undefined) return undefined
    lane.waiting = []
    lane.running++
    for (const request of waiting) {
      if (request.deadlineMs > reader.deadlineMs) reader = request
      request.isWaiting = false
    }
    reader.followers = waiting.filter(request => request !== reader)
    for (const follower of reader.followers) follower.lane = undefined
    return reader
  }

  /** A read, or one that waits, is over. @returns who begins now */
  ended(request: R): R | undefined {
    const { lane } = request
    if (lane === undefined) return undefined
    request.lane = undefined
    if (request.isWaiting) {
      lane.waiting = lane.waiting.filter(each => each !== request)
      return undefined
    }
    lane.running--
    const next = this.next(lane)
    if (lane.running === 0) this.#lanes.delete(lane.key)
    return next
  }
}

/** For one more reader: values may be views of these bytes, and are each reader's own. */
export function copyOf(got: Got): Got {
  return { ...got, siblings: Uint8Array.prototype.slice.call(got.siblings) }
}
