import type { CoordinatorMessage, StoreReply } from '../actors/coordinator/coordinator-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import type { Key } from '../model/key.ts'
import type { ConsistencyLevel } from '../model/quorum.ts'
import { live } from '../model/siblings.ts'
import { decodeSiblings } from '../model/siblings-codec.ts'
import type { Behaviour, Context } from '../runtime/actor.ts'

export interface FinalReaderArguments {
  readonly hosts: readonly string[]
  readonly keys: readonly Key[]
  readonly level: ConsistencyLevel
  /** Key → the live values, put here as they come. */
  readonly finals: Map<Key, string[]>
}

type ReaderMessage = StoreReply | { readonly kind: 'ask' }

const roundMs = 2_500

/** Reads each key once there is quiet, again and again until every one was answered, each time at the next host. */
export const finalReader: Behaviour<FinalReaderArguments & { round: number }, ReaderMessage, FinalReaderArguments, undefined> = {
  kind: 'final-reader',

  start(args, context) {
    const state = { ...args, round: 0 }
    ask(state, context)
    return state
  },

  receive(state, message, context) {
    if (message.kind === 'ask') return ask(state, context)
    const key = state.keys[context.correlation]
    if (message.kind === 'got' && key !== undefined) state.finals.set(key, valuesOf(message.siblings))
  }
}

function ask(state: FinalReaderArguments & { round: number }, context: Context<ReaderMessage, undefined>): void {
  const host = state.hosts[state.round++ % state.hosts.length]!
  const to: Ref<CoordinatorMessage> = {
    address: addressOf(threadAddressOf(host, 'data-0'), 'coordinator'),
    correlation: 0,
    incarnation: 0
  }
  for (const [index, key] of state.keys.entries()) {
    if (state.finals.has(key)) continue
    const replyTo = context.replyRef<StoreReply>(index)
    context.send(to, { kind: 'get', key, options: { level: state.level }, hops: 0, replyTo }, roundMs)
  }
  if (state.finals.size < state.keys.length) context.after(roundMs, { kind: 'ask' })
}

/** The live values of a record, as text. */
export function valuesOf(bytes: Uint8Array): string[] {
  return bytes.length === 0 ? [] : live(decodeSiblings(bytes)).map(version => Buffer.from(version.value).toString())
}
