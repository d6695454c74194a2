import type { CoordinatorMessage, StoreReply } from '../../actors/coordinator-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import { type Key, keyOfText } from '../../model/key.ts'
import { live } from '../../model/siblings.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'

/**
 * What clients did, kept outside the store: each value is unique, and for each one is known what its writer had seen.
 * @see the set workload of Jepsen's Riak and Cassandra analyses
 */
export class Ledger {
  /** Value → what its writer had read before, directly. */
  readonly #seen = new Map<string, readonly string[]>()
  readonly #key = new Map<string, Key>()
  readonly #acknowledged = new Set<string>()
  refused = 0
  indeterminate = 0

  attempted(key: Key, value: string, seen: readonly string[]): void {
    this.#key.set(value, key)
    this.#seen.set(value, seen)
  }

  acknowledged(value: string): void {
    this.#acknowledged.add(value)
  }

  get acknowledgements(): number {
    return this.#acknowledged.size
  }

  /** All that some value replaced: what its writer had seen, and what their writers had seen. */
  #history(values: readonly string[]): Set<string> {
    const history = new Set<string>()
    const open = values.flatMap(value => this.#seen.get(value) ?? [])
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      if (history.has(value)) continue
      history.add(value)
      open.push(...(this.#seen.get(value) ?? []))
    }
    return history
  }

  /** @returns a line for each violation of I5 (no acknowledged value lost) and I7 (nothing beside what replaced it) */
  check(finals: ReadonlyMap<Key, readonly string[]>): string[] {
    const violations: string[] = []
    for (const value of this.#acknowledged) {
      const key = this.#key.get(value) as Key
      const present = finals.get(key) ?? []
      if (!present.includes(value) && !this.#history(present).has(value))
        violations.push(`I5: ${value} of ${key} was acknowledged and is lost`)
    }
    for (const [key, present] of finals) {
      const replaced = this.#history(present)
      for (const value of present)
        if (replaced.has(value)) violations.push(`I7: ${value} of ${key} is beside a value whose writer had seen it`)
      for (const value of present)
        if (this.#key.get(value) !== key) violations.push(`I6: ${value} appears under ${key}, where nobody wrote it`)
    }
    return violations
  }
}

export interface WorkloadArguments {
  readonly name: string
  readonly hosts: readonly string[]
  readonly threads: number
  readonly keys: number
  readonly operations: number
  readonly ledger: Ledger
}

type ClientMessage = StoreReply | { readonly kind: 'next' } | { readonly kind: 'give-up'; readonly operation: number }

interface ClientState {
  readonly args: WorkloadArguments
  operation: number
  key: Key
  value: string
  phase: 'idle' | 'reading' | 'writing'
}

type ClientContext = Context<ClientMessage, undefined>

export const keyOfWorkload = (index: number): Key => keyOfText('sim', `k${index}`)
const pauseMs = 5
const patienceMs = 3_000

/** A client that adds values to keys: blindly, or after a read and with its context. One operation at a time. */
export const setClient: Behaviour<ClientState, ClientMessage, WorkloadArguments> = {
  kind: 'set-client',

  start(args, context) {
    context.after(500 + 100 * context.random(), { kind: 'next' })
    return { args, operation: 0, key: keyOfWorkload(0), value: '', phase: 'idle' }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'next':
        return next(state, context as ClientContext)
      case 'give-up':
        if (message.operation !== state.operation || state.phase === 'idle') return
        if (state.phase === 'writing') state.args.ledger.indeterminate++
        return rest(state, context as ClientContext)
      default:
        if (context.correlation === state.operation) replied(state, message, context as ClientContext)
    }
  },

  undelivered(state, _reason, context) {
    if (context.correlation === state.operation) rest(state, context as ClientContext)
  }
}

function next(state: ClientState, context: ClientContext): void {
  if (state.operation >= state.args.operations * 2) return
  state.operation++
  state.key = keyOfWorkload(Math.floor(context.random() * state.args.keys))
  state.value = `${state.args.name}-${state.operation}`
  if (context.random() < 0.5) {
    state.phase = 'reading'
    ask(state, { kind: 'get', key: state.key, options: {}, hops: 0, replyTo: context.replyRef(state.operation) }, context)
  } else {
    put(state, undefined, [], context)
  }
}

function ask(state: ClientState, message: CoordinatorMessage, context: ClientContext): void {
  const { hosts, threads } = state.args
  const host = hosts[Math.floor(context.random() * hosts.length)] as string
  const thread = `data-${Math.floor(context.random() * threads)}`
  const to: Ref<CoordinatorMessage> = {
    address: addressOf(threadAddressOf(host, thread), 'coordinator'),
    correlation: 0,
    incarnation: 0
  }
  context.send(to, message, 2_000)
  context.after(patienceMs, { kind: 'give-up', operation: state.operation })
}

function put(state: ClientState, seen: CausalContext | undefined, values: readonly string[], context: ClientContext): void {
  state.phase = 'writing'
  state.args.ledger.attempted(state.key, state.value, values)
  const replyTo = context.replyRef<StoreReply>(state.operation)
  const value = Buffer.from(state.value)
  ask(
    state,
    {
      kind: 'put',
      key: state.key,
      value,
      contentType: '',
      context: seen,
      mode: 'put',
      ifMatch: '',
      ttlSeconds: 0,
      options: {},
      hops: 0,
      replyTo
    },
    context
  )
}

function replied(state: ClientState, reply: StoreReply, context: ClientContext): void {
  if (reply.kind === 'got' && state.phase === 'reading') {
    state.operation++
    if (reply.siblings.length === 0) return put(state, undefined, [], context)
    const siblings = decodeSiblings(reply.siblings)
    return put(state, siblings.context, valuesOf(reply.siblings), context)
  }
  if (reply.kind === 'written' && state.phase === 'writing') state.args.ledger.acknowledged(state.value)
  if (reply.kind === 'refused') {
    if (state.phase === 'writing' && reply.fault.outcome !== 'refused') state.args.ledger.indeterminate++
    else state.args.ledger.refused++
  }
  rest(state, context)
}

function rest(state: ClientState, context: ClientContext): void {
  state.phase = 'idle'
  context.after(pauseMs * context.random(), { kind: 'next' })
}

export function valuesOf(bytes: Uint8Array): string[] {
  return bytes.length === 0 ? [] : live(decodeSiblings(bytes)).map(version => Buffer.from(version.value).toString())
}
