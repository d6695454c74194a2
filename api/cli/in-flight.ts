/** Work side by side, so many at a time; whoever adds more waits. */
export class InFlight {
  readonly #max: number
  #count = 0
  #failure: { readonly error: unknown } | undefined = undefined
  #wake: (() => void) | undefined = undefined

  /** @param max ≥ 1 */
  constructor(max: number) {
    this.#max = max
  }

  /**
   * Begin `work` once there is room; resolves when it was begun, not when it is done.
   * Rejects with the first error that earlier work threw; nothing is begun then.
   */
  async add(work: () => Promise<void>): Promise<void> {
    await this.#below(this.#max)
    this.#count += 1
    void work()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .then(() => {
        this.#count -= 1
        this.#wake?.()
      })
  }

  /** Everything that was begun has ended. Rejects with the first error among it. */
  async drained(): Promise<void> {
    while (this.#count > 0) await this.#change()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #below(count: number): Promise<void> {
    while (this.#count >= count) await this.#change()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #change(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}
