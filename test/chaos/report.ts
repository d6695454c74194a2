/** What a run tells: lines while it goes on, figures, what it had to leave out, and violations. */
export class Report {
  readonly violations: string[] = []
  readonly skipped: { readonly what: string; readonly why: string }[] = []
  readonly figures: Record<string, unknown> = {}
  readonly #startMs = performance.now()
  readonly #ends: (() => Promise<void>)[] = []
  readonly #toError: boolean

  /** @param json lines for people go to standard error then */
  constructor(json: boolean) {
    this.#toError = json
  }

  say(line: string): void {
    const text = `[${((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(6)}] ${line}\n`
    if (this.#toError) process.stderr.write(text)
    else process.stdout.write(text)
  }

  /** Loudly: what was not done was not shown to be right. */
  skip(what: string, why: string): void {
    this.skipped.push({ what, why })
    this.say(`SKIPPED: ${what}: ${why}`)
  }

  figure(name: string, value: unknown): void {
    this.figures[name] = value
    this.say(`${name}: ${JSON.stringify(value)}`)
  }

  violate(...violations: readonly string[]): void {
    for (const violation of violations) {
      this.violations.push(violation)
      if (this.violations.length <= shownMax) this.say(`VIOLATION ${violation}`)
    }
  }

  /** What to end, last first. */
  onEnd(end: () => Promise<void>): void {
    this.#ends.push(end)
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }

  summary(seed: number): Readonly<Record<string, unknown>> {
    return { seed, ...this.figures, skipped: this.skipped, violations: this.violations }
  }
}

const shownMax = 50
