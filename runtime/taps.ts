import type { Address, Envelope, Lane } from '../bus/bus.ts'

/** A message, as it is seen from outside: never its contents. */
export interface Sighting {
  /** Monotonic milliseconds. */
  readonly atMs: number
  readonly kind: string
  /** undefined where it came from another thread, or from outside the actors. */
  readonly from: Address | undefined
  readonly to: Address
  readonly lane: Lane
  readonly correlation: number
  readonly incarnation: number
  readonly traceparent: string | undefined
}

export type Tap = (sighting: Sighting) => void

/** Who watches messages. Costs one test of a flag while nobody does. */
export class Taps {
  any = false
  readonly #taps = new Set<{ readonly address: Address | undefined; readonly tap: Tap }>()

  /** @param address whose messages, to and from it; undefined for all */
  add(address: Address | undefined, tap: Tap): () => void {
    const entry = { address, tap }
    this.#taps.add(entry)
    this.any = true
    return () => {
      this.#taps.delete(entry)
      this.any = this.#taps.size > 0
    }
  }

  see(atMs: number, from: Address | undefined, envelope: Envelope): void {
    const { to, lane, message, traceparent } = envelope
    const { address, correlation, incarnation } = to
    const sighting = { atMs, kind: message.kind, from, to: address, lane, correlation, incarnation, traceparent }
    for (const entry of this.#taps) {
      if (entry.address === undefined || entry.address === address || entry.address === from) entry.tap(sighting)
    }
  }
}
