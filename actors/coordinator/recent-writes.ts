import type { Ref } from '../../bus/bus.ts'

/**
 * Which writes came not long ago, so that one whose message arrives twice is carried out once: a second dot would be a second
 * value, and could come up again after the first one was replaced; and what was refused must not happen after all.
 * A write is known by whom it answers to and by how often it was passed on. Who repeats one on purpose asks under another number.
 * Remembers the last `max` to twice as many, each by a fingerprint of 64 bits.
 */
export class RecentWrites {
  readonly #max: number
  #young: Fingerprints
  #old: Fingerprints

  constructor(max: number) {
    this.#max = max
    this.#young = new Fingerprints(max)
    this.#old = new Fingerprints(max)
  }

  /** @returns false where it came before */
  begin(replyTo: Ref<never>, hops: number): boolean {
    const { address, incarnation, correlation } = replyTo
    let low = hops + 1
    let high = address.length
    for (let at = 0; at < address.length; at++) {
      const unit = address.charCodeAt(at)
      low = Math.imul(low ^ unit, 0x9e3779b1)
      high = (Math.imul(high, 31) + unit) | 0
    }
    low = mixed(low, correlation, incarnation)
    high = mixed(high ^ 0x5bd1e995, incarnation, correlation)
    if (this.#old.has(low, high) || !this.#young.add(low, high)) return false
    if (this.#young.size < this.#max) return true
    const oldest = this.#old
    this.#old = this.#young
    this.#young = oldest
    oldest.clear()
    return true
  }
}

/** A set of pairs of words that never holds more than `max`: open addressing, at most half full. */
class Fingerprints {
  size = 0
  readonly #words: Int32Array
  readonly #mask: number

  constructor(max: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * max))
    this.#words = new Int32Array(2 * slots)
    this.#mask = slots - 1
  }

  has(low: number, high: number): boolean {
    return this.#words[2 * this.#slotOf(low, high)] !== 0
  }

  /** @returns false where it is there already */
  add(low: number, high: number): boolean {
    const at = 2 * this.#slotOf(low, high)
    if (this.#words[at] !== 0) return false
    this.#words[at] = low | 1
    this.#words[at + 1] = high
    this.size++
    return true
  }

  clear(): void {
    this.#words.fill(0)
    this.size = 0
  }

  /** Where it is, or the free slot where it would be. The lowest bit of `low` says that a slot is taken. */
  #slotOf(low: number, high: number): number {
    const words = this.#words
    let slot = (high ^ (low >>> 1)) & this.#mask
    while (words[2 * slot] !== 0 && (words[2 * slot] !== (low | 1) || words[2 * slot + 1] !== high))
      slot = (slot + 1) & this.#mask
    return slot
  }
}

function mixed(seed: number, first: number, second: number): number {
  let hash = Math.imul(seed ^ (first | 0), 0x85ebca77) ^ Math.floor(first / 0x1_0000_0000)
  hash = Math.imul(hash ^ (hash >>> 15) ^ (second | 0), 0xc2b2ae3d) ^ Math.floor(second / 0x1_0000_0000)
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4eb2f)
  return (hash ^ (hash >>> 16)) | 0
}
