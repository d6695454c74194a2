const columns = 4096
const mask = columns - 1
const columnBits = 12
const golden = 0x9e3779b1 | 0
/** A key that is read at an even pace counts for half of its reads in a second, to all of them. */
const halveMs = 500
/** After so many halvings nothing is left of a 32-bit counter. */
const halvingsMax = 32

/**
 * How often each of any number of keys was read in about the last second, in 48 KB: three rows of counters, each key with one in every
 * row, by parts of its hash. The least of the three is the answer. It is never too low; it is too high where other keys raised all three,
 * and only the least ones are raised, so that is rare. Twice a second all counters are halved.
 * @see Cormode, Muthukrishnan: An Improved Data Stream Summary: The Count-Min Sketch (2005); Estan, Varghese: New Directions in Traffic
 * Measurement and Accounting (SIGCOMM 2002): conservative update
 */
export class HotKeys {
  readonly #counters = new Uint32Array(3 * columns)
  #halvedAtMs: number | undefined
  /** Since a read was noted; from `halvingsMax` on all counters are 0. */
  #halvings = halvingsMax

  /**
   * One more read.
   * @param hash of the key, 32 bits, well mixed
   * @returns reads, with this one
   */
  note(hash: number): number {
    const counters = this.#counters
    this.#halvings = 0
    const first = hash & mask
    const second = columns + ((hash >>> columnBits) & mask)
    const third = 2 * columns + (Math.imul(hash, golden) >>> (32 - columnBits))
    const inFirst = counters[first]!
    const inSecond = counters[second]!
    const inThird = counters[third]!
    const next = (inFirst < inSecond ? (inFirst < inThird ? inFirst : inThird) : inSecond < inThird ? inSecond : inThird) + 1
    if (inFirst < next) counters[first] = next
    if (inSecond < next) counters[second] = next
    if (inThird < next) counters[third] = next
    return next
  }

  /** @param hash as for `note` */
  readsOf(hash: number): number {
    const counters = this.#counters
    return Math.min(
      counters[hash & mask]!,
      counters[columns + ((hash >>> columnBits) & mask)]!,
      counters[2 * columns + (Math.imul(hash, golden) >>> (32 - columnBits))]!
    )
  }

  /**
   * Halve what is due by now.
   * @param nowMs monotonic
   * @returns for how many milliseconds that was due; 0: nothing is
   */
  age(nowMs: number): number {
    const halvedAtMs = (this.#halvedAtMs ??= nowMs)
    const halvings = Math.floor((nowMs - halvedAtMs) / halveMs)
    if (halvings <= 0) return 0
    this.#halvedAtMs = halvedAtMs + halvings * halveMs
    if (this.#halvings < halvingsMax) this.#halve(halvings)
    return halvings * halveMs
  }

  #halve(times: number): void {
    const counters = this.#counters
    this.#halvings += times
    if (times >= halvingsMax) counters.fill(0)
    else for (let at = 0; at < counters.length; at++) counters[at]! >>>= times
  }
}
