import { encodeWords } from '../../model/tree-codec.ts'
import type { NodesAsk } from './exchange-protocol.ts'
import type { Share } from './exchange-shares.ts'

/** Numbers that wait for each tree: nodes to be read or listed, hashes of keys to be moved. First come, first out, tree by tree. */
export class ExchangeQueue {
  readonly #waiting = new Map<number, { readonly share: Share; numbers: number[] }>()
  #size = 0

  get size(): number {
    return this.#size
  }

  add(share: Share, numbers: readonly number[]): void {
    if (numbers.length === 0) return
    this.#size += numbers.length
    const id = share.partition * 256 + share.n
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) this.#waiting.set(id, { share, numbers: [...numbers] })
    else for (const number of numbers) waiting.numbers.push(number)
  }

  /** At most so many numbers, those of one tree together. */
  take(max: number): readonly Portion[] {
    const portions: Portion[] = []
    let left = max
    for (const [id, waiting] of this.#waiting) {
      if (left === 0) break
      const numbers = waiting.numbers.slice(0, left)
      left -= numbers.length
      if (numbers.length === waiting.numbers.length) this.#waiting.delete(id)
      else waiting.numbers = waiting.numbers.slice(numbers.length)
      portions.push({ share: waiting.share, numbers })
    }
    this.#size -= max - left
    return portions
  }
}

export interface Portion {
  readonly share: Share
  readonly numbers: readonly number[]
}

export function askOf({ share, numbers }: Portion): NodesAsk {
  return [share.partition, share.n, encodeWords(numbers)]
}

/** What of the portions was not taken, and whether anything was. */
export function leftOf(
  portions: readonly Portion[],
  taken: readonly (number | undefined)[]
): { readonly left: readonly Portion[]; readonly hasMoved: boolean } {
  const left = portions
    .map(({ share, numbers }, index) => ({ share, numbers: numbers.slice(taken[index] ?? 0) }))
    .filter(({ numbers }) => numbers.length > 0)
  return { left, hasMoved: taken.some(count => count !== undefined && count > 0) }
}
