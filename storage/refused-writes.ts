import type { Fault } from '../model/fault.ts'
import type { Completion } from './store.ts'

/** Writes that were refused at the door, told so in a later turn: a completion is never called from within `write`. */
export class RefusedWrites {
  readonly #later: (work: () => void) => void
  #waiting: { readonly completion: Completion; readonly fault: Fault }[] = []

  /** @param later runs the work in a later turn */
  constructor(later: (work: () => void) => void) {
    this.#later = later
  }

  refuse(completion: Completion, fault: Fault): void {
    if (this.#waiting.push({ completion, fault }) === 1) this.#later(this.#tell)
  }

  readonly #tell = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one.completion.settled(one.fault)
  }
}
