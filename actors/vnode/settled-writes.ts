import type { Fault } from '../../model/fault.ts'
import type { Completion, Store } from '../../storage/store.ts'
import { writeFaultsOf } from './write-faults.ts'

/** Several writes of one partition, settled together: once all are, with the first failure among them. */
export class SettledWrites implements Completion {
  readonly #partition: number
  readonly #store: Store
  readonly #told: (why: Fault | undefined) => void
  /** One for `close`, so that it settles where there is nothing to write, and not before all were begun. */
  #outstanding = 1
  #why: Fault | undefined

  constructor(partition: number, store: Store, told: (why: Fault | undefined) => void) {
    this.#partition = partition
    this.#store = store
    this.#told = told
  }

  /** One more is begun with this completion. */
  expect(): this {
    this.#outstanding++
    return this
  }

  /** None is to come any more. */
  close(): void {
    this.#over()
  }

  settled(why: Fault | undefined): void {
    if (why !== undefined) {
      writeFaultsOf(this.#store).add(this.#partition)
      this.#why ??= why
    }
    this.#over()
  }

  #over(): void {
    if (--this.#outstanding === 0) this.#told(this.#why)
  }
}
