const sizeAtFirst = 64

/**
 * What is under way, by number. Does what a Map does, and leaves no garbage: a Map in which entries
 * come and go makes itself a new table every so often, and V8's old one points at the new one. Once one of them is old, all that
 * follow are kept until the next major collection, with everything that was in them.
 * Open addressing with linear probing; removal closes the gap. Grows to twice what is under way at most, never shrinks.
 * @see Knuth: The Art of Computer Programming, volume 3, section 6.4, algorithms L and R
 */
export class IdTable<V> {
  #ids: Float64Array
  #values: (V | undefined)[]
  #mask: number
  #size = 0

  constructor() {
    this.#ids = new Float64Array(sizeAtFirst)
    this.#values = new Array<V | undefined>(sizeAtFirst).fill(undefined)
    this.#mask = sizeAtFirst - 1
  }

  get size(): number {
    return this.#size
  }

  get(id: number): V | undefined {
    return this.#values[this.#find(id)]
  }

  has(id: number): boolean {
    return this.#values[this.#find(id)] !== undefined
  }

  /** @param id an integer, 0 ≤ id ≤ 2^53 − 1 */
  set(id: number, value: V): void {
    let at = this.#find(id)
    if (this.#values[at] === undefined) {
      if (++this.#size * 2 > this.#mask) {
        this.#grow()
        at = this.#find(id)
      }
      this.#ids[at] = id
    }
    this.#values[at] = value
  }

  /** @returns whether it was there */
  delete(id: number): boolean {
    const values = this.#values
    const ids = this.#ids
    const mask = this.#mask
    let gap = this.#find(id)
    if (values[gap] === undefined) return false
    this.#size--
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const value = values[at]
      if (value === undefined) break
      const moved = ids[at] as number
      // what is at home between the gap and here stays
      if (((at - (hashOf(moved) & mask)) & mask) < ((at - gap) & mask)) continue
      ids[gap] = moved
      values[gap] = value
      gap = at
    }
    values[gap] = undefined
    return true
  }

  clear(): void {
    this.#values.fill(undefined)
    this.#size = 0
  }

  /** All values at this moment, in no order. */
  values(): V[] {
    const all: V[] = []
    for (const value of this.#values) if (value !== undefined) all.push(value)
    return all
  }

  /** Where the id is, or would be. */
  #find(id: number): number {
    const mask = this.#mask
    let at = hashOf(id) & mask
    while (this.#values[at] !== undefined && this.#ids[at] !== id) at = (at + 1) & mask
    return at
  }

  #grow(): void {
    const ids = this.#ids
    const values = this.#values
    const length = values.length * 2
    this.#ids = new Float64Array(length)
    this.#values = new Array<V | undefined>(length).fill(undefined)
    this.#mask = length - 1
    for (let at = 0; at < values.length; at++) {
      const value = values[at]
      if (value === undefined) continue
      const to = this.#find(ids[at] as number)
      this.#ids[to] = ids[at] as number
      this.#values[to] = value
    }
  }
}

/** Spread, so that runs stay short: removal looks at all of the run behind it. (Knuth, section 6.4: Fibonacci hashing.) */
function hashOf(id: number): number {
  const hash = Math.imul(id, 0x9e37_79b1)
  return hash ^ (hash >>> 15)
}
