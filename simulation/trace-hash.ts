const firstHigh = 0x2127599b
const firstLow = 0x0f4a5c61

/**
 * A digest of a history, 64 bits, fed one number at a time: cheap enough to feed it every message.
 * Not for secrets: it tells histories apart that differ by chance, not by design.
 */
export class TraceHash {
  #high = firstHigh
  #low = firstLow
  #count = 0
  readonly #texts = new Map<string, number>()
  readonly #double = new Float64Array(1)
  readonly #words = new Uint32Array(this.#double.buffer)

  /** @param value any number; all its bits count */
  number(value: number): void {
    const small = value | 0
    if (small === value) return this.#add(small)
    this.#double[0] = value
    this.#add(this.#words[0]! ^ 0x5bd1e995)
    this.#add(this.#words[1]!)
  }

  /** A text of a small set, such as names: each is hashed once and remembered. */
  text(value: string): void {
    let hash = this.#texts.get(value)
    if (hash === undefined) this.#texts.set(value, (hash = hashOf(value)))
    this.#add(hash)
  }

  /** One more event, as `digest` counts them. */
  event(): void {
    this.#count++
  }

  /** Number of events, then the hash: `1234:0123456789abcdef`. */
  get digest(): string {
    return `${this.#count}:${hex(this.#high)}${hex(this.#low)}`
  }

  #add(word: number): void {
    const low = Math.imul(this.#low ^ word, 0x9e3779b1)
    const high = Math.imul(this.#high ^ ((word << 16) | (word >>> 16)), 0x85ebca77)
    this.#low = (low ^ (high >>> 15)) | 0
    this.#high = (high ^ (low >>> 13)) | 0
  }
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
