import { fault } from '../../model/fault.ts'
import { errorOf } from './errors.ts'

/** Events between whoever pushes them and one loop that reads them: bounded, so that a slow reader is told instead of filling the memory. */
export class EventQueue<E> implements AsyncIterableIterator<E> {
  readonly #max: number
  readonly #onEnd: () => void
  #events: E[] = []
  #waiting: { resolve: (result: IteratorResult<E, undefined>) => void; reject: (error: Error) => void }[] = []
  #error: Error | undefined = undefined
  #ended = false

  /** @param onEnd called once, when nothing is wanted any more */
  constructor(max: number, onEnd: () => void) {
    this.#max = max
    this.#onEnd = onEnd
  }

  push(event: E): void {
    if (this.#ended) return
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      waiting.resolve({ value: event, done: false })
    } else if (this.#events.length < this.#max) {
      this.#events.push(event)
    } else {
      const detail = `${this.#events.length} events wait to be read, the limit is ${this.#max}: read faster, or watch less`
      this.end(errorOf(fault('overloaded', detail, { limit: this.#max, size: this.#events.length })))
    }
  }

  /** What is there can still be read; then the loop ends, or throws `error`. */
  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    const waiting = this.#waiting
    this.#waiting = []
    for (const { resolve, reject } of waiting) {
      if (this.#error === undefined) resolve({ value: undefined, done: true })
      else {
        reject(this.#error)
        this.#error = undefined
      }
    }
    this.#onEnd()
  }

  next(): Promise<IteratorResult<E, undefined>> {
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve({ value: event, done: false })
    if (!this.#ended) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    const error = this.#error
    this.#error = undefined
    return error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error)
  }

  return(): Promise<IteratorResult<E, undefined>> {
    this.end()
    this.#events = []
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
