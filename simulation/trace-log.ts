import type { Message, Ref } from '../bus/bus.ts'
import type { CausalContext } from '../model/causal-context.ts'
import type { Key } from '../model/key.ts'
import type { Siblings } from '../model/siblings.ts'
import { decodeSiblings } from '../model/siblings-codec.ts'
import type { RunObserver } from './run.ts'
import { contextText, siblingsText } from './store-check.ts'
import { keyText } from './violation.ts'
import type { SeenMessage } from './watched-system.ts'

/** Requests whose answers are recognised; beyond it the oldest are forgotten. */
const openMax = 100_000

type Fields = Message & {
  readonly key?: Key
  readonly siblings?: Uint8Array
  readonly context?: CausalContext
  readonly value?: Uint8Array
  readonly fault?: { readonly code: string; readonly detail: string }
  readonly pairs?: readonly { readonly key: Key }[]
}

/**
 * A run as text, one line for each message: when, from whom, to whom, what. Of one key, where one is given: its requests, whatever
 * follows from them, and the faults.
 */
export class TraceLog implements RunObserver {
  readonly #write: (line: string) => void
  readonly #key: Key | undefined
  /** Whom an answer goes to → the key it is about. */
  readonly #open = new Map<string, Key>()

  constructor(write: (line: string) => void, key?: Key) {
    this.#write = write
    this.#key = key
  }

  readonly onFault = (atMs: number, text: string): void => this.#write(`${timeText(atMs)} ==== ${text}`)

  readonly onMessage = ({ atMs, from, to, message, isArrival }: SeenMessage): void => {
    const fields = message as Fields
    const key = fields.key ?? this.#open.get(idOf(to))
    if (fields.key !== undefined && message.replyTo !== undefined) this.#expect(message.replyTo, fields.key)
    if (this.#key !== undefined && key !== this.#key && fields.pairs?.some(pair => pair.key === this.#key) !== true) return
    const way = isArrival ? `→ ${to.address}` : `${from ?? '?'} → ${to.address}`
    this.#write(`${timeText(atMs)} ${isArrival ? 'in ' : ''}${way} ${to.correlation} ${messageText(fields, key)}`)
  }

  #expect(replyTo: Ref, key: Key): void {
    if (this.#open.size >= openMax) this.#open.clear()
    this.#open.set(idOf(replyTo), key)
  }
}

function idOf(ref: Ref): string {
  return `${ref.address} ${ref.incarnation} ${ref.correlation}`
}

function timeText(atMs: number): string {
  return `${(atMs / 1000).toFixed(6).padStart(12)} s`
}

function messageText(message: Fields, key: Key | undefined): string {
  const parts: string[] = [message.kind]
  if (key !== undefined) parts.push(keyText(key))
  if (message.value !== undefined) parts.push(`value ${Buffer.from(message.value).toString().slice(0, 40)}`)
  if (message.siblings !== undefined) parts.push(recordText(message.siblings))
  if (message.context !== undefined) parts.push(`context ${contextText(message.context)}`)
  if (message.fault !== undefined) parts.push(`${message.fault.code}: ${message.fault.detail}`)
  return parts.join(' ')
}

function recordText(bytes: Uint8Array): string {
  if (bytes.length === 0) return '{}'
  let siblings: Siblings
  try {
    siblings = decodeSiblings(bytes)
  } catch {
    return `${bytes.length} bytes`
  }
  return siblingsText(siblings)
}
