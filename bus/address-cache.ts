import { type Address, isToken, type ThreadAddress } from './bus.ts'
import type { Reader } from './reader.ts'

const slots = 2048

/**
 * Addresses seen of late, found by their bytes, so that a decoded address costs no string. Bounded: a slot holds the last
 * one that fell on it. What is in here was checked to be tokens.
 */
export class AddressCache {
  readonly #threads: (ThreadAddress | undefined)[] = new Array(slots).fill(undefined)
  readonly #addresses: (Address | undefined)[] = new Array(slots).fill(undefined)
  /** The thread that each of `#addresses` begins with. */
  readonly #homes: (ThreadAddress | undefined)[] = new Array(slots).fill(undefined)
  /** Of the thread read last: see `actor`. */
  seed = 0

  /**
   * Length, then `host.thread`. Leaves its `seed`.
   * @throws {MalformedFrame} it is none
   */
  thread(reader: Reader): ThreadAddress {
    const length = reader.u8()
    const at = reader.position
    const hash = hashOf(reader, length, length)
    const slot = hash & (slots - 1)
    this.seed = hash
    const known = this.#threads[slot]
    if (known !== undefined && known.length === length && same(known, 0, reader.buffer, at, length)) return known
    const text = reader.buffer.latin1Slice(at, at + length)
    const dot = text.indexOf('.')
    if (dot < 0 || !isToken(text.slice(0, dot)) || !isToken(text.slice(dot + 1))) reader.fail('a thread address is none')
    this.#threads[slot] = text as ThreadAddress
    return text as ThreadAddress
  }

  /**
   * Length, then an actor's name.
   * @param thread where the actor lives
   * @param seed any number that goes with the thread; spreads equal names on different threads over the slots
   * @throws {MalformedFrame} it is none
   */
  actor(reader: Reader, thread: ThreadAddress, seed: number): Address {
    const length = reader.u8()
    const at = reader.position
    const slot = hashOf(reader, length, seed) & (slots - 1)
    if (this.#homes[slot] === thread) {
      const known = this.#addresses[slot] as Address
      const before = thread.length + 1
      if (known.length === before + length && same(known, before, reader.buffer, at, length)) return known
    }
    const text = reader.buffer.latin1Slice(at, at + length)
    if (!isToken(text)) reader.fail('the name of an actor is none')
    const address = `${thread}.${text}` as Address
    this.#addresses[slot] = address
    this.#homes[slot] = thread
    return address
  }
}

/** Moves the reader past the bytes. */
function hashOf(reader: Reader, length: number, seed: number): number {
  const { buffer, position } = reader
  if (length > reader.remaining) reader.fail('it ends too early')
  const end = position + length
  let hash = seed
  for (let at = position; at < end; at++) hash = (Math.imul(hash, 31) + (buffer[at] as number)) | 0
  reader.position = end
  return hash ^ (hash >>> 15)
}

function same(text: string, from: number, buffer: Buffer, at: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(from + index) !== buffer[at + index]) return false
  }
  return true
}
