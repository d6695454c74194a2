import { keyOfText, type Key } from '../../model/key.ts'
import type { Fault } from '../../model/fault.ts'
import type { Completion, Store } from '../../storage/store.ts'

export const writerPartitions = 8
export const writerKeys = 500

export function writerKey(number: number): Key {
  return keyOfText('kill', `key-${number % writerKeys}`)
}

export function writerPartition(number: number): number {
  return (number % writerKeys) % writerPartitions
}

/** The number in front, then a tail of changing length. */
export function writerRecord(number: number): Buffer {
  return Buffer.from(`${number}:`.padEnd(20 + ((number * 37) % 1500), String.fromCharCode(97 + (number % 26))))
}

/** @returns the number that `writerRecord` was made of */
export function numberOf(record: Uint8Array): number {
  const number = Number.parseInt(Buffer.from(record).toString('latin1'), 10)
  if (!writerRecord(number).equals(record)) throw new Error(`the record of ${number} is not what was written`)
  return number
}

/** Writes rising numbers over a few keys as fast as it can, `inFlight` at a time. */
export class CeaselessWriter {
  readonly #store: Store
  readonly #acknowledged: (number: number) => void
  #number: number

  constructor(store: Store, first: number, inFlight: number, acknowledged: (number: number) => void) {
    this.#store = store
    this.#number = first
    this.#acknowledged = acknowledged
    for (let at = 0; at < inFlight; at++) this.#next()
  }

  #next(): void {
    const number = this.#number++
    const completion: Completion = { settled: fault => this.#settled(number, fault) }
    this.#store.write(
      writerPartition(number),
      writerKey(number),
      writerRecord(number),
      number % 3 === 0 ? 'committed' : 'flushed',
      completion
    )
  }

  #settled(number: number, fault: Fault | undefined): void {
    if (fault === undefined) this.#acknowledged(number)
    else if (fault.code !== 'overloaded') throw new Error(fault.detail)
    this.#next()
  }
}

/**
 * Compare what a store holds with what was acknowledged.
 * @param acknowledged by key: the highest number of which the writer was told that it is kept
 * @returns the pairs that were checked
 */
export function verifyWrites(store: Store, acknowledged: ReadonlyMap<Key, number>): number {
  const held = new Map<Key, number>()
  for (let partition = 0; partition < writerPartitions; partition++) {
    let after: Key | undefined
    do {
      const page = store.scan(partition, after, 100)
      if (page.corrupt.length > 0) throw new Error(`corrupt: ${page.corrupt.join(' ')}`)
      for (const pair of page.pairs) held.set(pair.key, numberOf(pair.record))
      after = page.next
    } while (after !== undefined)
  }
  for (const [key, number] of acknowledged) {
    const kept = held.get(key)
    if (kept === undefined || kept < number) throw new Error(`${key}: ${number} was acknowledged, the store holds ${kept}`)
  }
  return held.size
}
