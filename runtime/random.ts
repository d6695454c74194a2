import { randomBytes } from 'node:crypto'

/** Chance, as a port: seeded in simulations, the machine's otherwise. */
export interface Random {
  /** 0 ≤ x < 1, 32 bits. */
  next(): number
  /** A whole number, 0 ≤ x < bound ≤ 2^32. */
  below(bound: number): number
  /** A stream of its own, decided by this one's seed and the name alone, however far this one has run. */
  fork(name: string): Random
}

/**
 * sfc32: small, fast, passes PractRand. Not for secrets.
 * @see Chris Doty-Humphrey, PractRand, sfc
 */
export class SeededRandom implements Random {
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param seed a whole number, 0 ≤ seed < 2^53 */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`the seed ${seed} is no whole number from 0 to 2^53 − 1`)
    this.seed = seed
    this.#a = seed | 0
    this.#b = Math.floor(seed / 0x1_0000_0000) | 0
    this.#c = 0x9e3779b9 | 0
    for (let i = 0; i < 15; i += 1) this.#step()
  }

  next(): number {
    return this.#step() / 0x1_0000_0000
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  fork(name: string): Random {
    let high = this.seed | 0
    let low = Math.floor(this.seed / 0x1_0000_0000) ^ 0x85ebca6b
    for (let i = 0; i < name.length; i += 1) {
      const unit = name.charCodeAt(i)
      high = Math.imul(high ^ unit, 0x9e3779b1)
      low = Math.imul(low ^ unit, 0x85ebca77)
      high ^= low >>> 15
      low ^= high >>> 13
    }
    return new SeededRandom((high >>> 11) * 0x1_0000_0000 + (low >>> 0))
  }

  #step(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return t >>> 0
  }
}

/** A stream that nobody can foretell from another one's, seeded by the machine. */
export function systemRandom(): Random {
  const bytes = randomBytes(8)
  return new SeededRandom((bytes.readUInt32LE(0) >>> 11) * 0x1_0000_0000 + bytes.readUInt32LE(4))
}
