import { fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { errorOf } from './errors.ts'

/** Runs the work on one key in order, one at a time; work on different keys side by side. */
export class KeyQueue {
  readonly #tails = new Map<Key, Promise<unknown>>()
  #waiting = 0

  /**
   * @param work begins when all earlier work on the key has ended, well or not
   * @throws {StoreError} `overloaded` where too much waits
   */
  run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    if (before !== undefined && this.#waiting >= limits.clientRequestsMax) {
      const detail = `${this.#waiting} operations wait for others on their keys, the limit is ${limits.clientRequestsMax}: wait for some of them`
      return Promise.reject(
        errorOf(fault('overloaded', detail, { limit: limits.clientRequestsMax, size: this.#waiting, outcome: 'refused' }))
      )
    }
    const run = before === undefined ? work() : this.#after(before, work)
    const ended = () => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
    const tail: Promise<void> = run.then(ended, ended)
    this.#tails.set(key, tail)
    return run
  }

  async #after<T>(before: Promise<unknown>, work: () => Promise<T>): Promise<T> {
    this.#waiting += 1
    await before
    this.#waiting -= 1
    return work()
  }
}
