import type { CoordinatorMessage, QuorumOptions, StoreReply } from '../actors/coordinator/coordinator-protocol.ts'
import { addressOf, type Ref, type ThreadAddress, threadAddressOf } from '../bus/bus.ts'
import type { CausalContext } from '../model/causal-context.ts'
import type { Fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import { live } from '../model/siblings.ts'
import { decodeSiblings } from '../model/siblings-codec.ts'
import type { Behaviour, Context, TimerId } from '../runtime/actor.ts'
import type { ReadCheck } from './read-check.ts'
import { keyText } from './violation.ts'
import { type Action, chosenAction, keyOfWorkload, mayBeBlindlyDeleted, type Workload } from './workload.ts'
import type { WriteEvent, WriteHistory } from './write-history.ts'

/** What clients share with whoever judges. */
export interface ClientArguments {
  readonly name: string
  readonly workload: Workload
  /** Hosts to ask, of this moment. */
  readonly hosts: () => readonly string[]
  /** Keys of its own from here on, where it demands to read what others wrote: those of other datacenters it need not. */
  readonly firstKey?: number
  readonly threads: number
  readonly history: WriteHistory
  readonly check: ReadCheck
  /** Operations end here. */
  readonly untilMs: number
  /** Mean pause between two operations. */
  readonly pauseMs: number
  readonly operationsMax: number
  /** Whether quorums of the past still tell: not after a replica has lost what it had. */
  readonly areQuorumsSound: () => boolean
  /**
   * Told of each operation that was refused, or of which nobody said what became of it. Then it tries again what surely had no effect, as clients do;
   * else each refusal is held against whoever gave it.
   */
  readonly onFailure?: (key: Key, text: string) => void
}

type ClientMessage = StoreReply | { readonly kind: 'next' } | { readonly kind: 'give-up' | 'again'; readonly request: number }

interface ClientState {
  readonly args: ClientArguments
  operations: number
  /** Number of the request under way: its correlation. */
  request: number
  phase: 'idle' | 'reading' | 'writing'
  action: Action
  key: Key
  event: WriteEvent | undefined
  giveUp: TimerId
  message: CoordinatorMessage | undefined
  /** Of this message. */
  setbacks: number
  /** The thread that was asked. */
  thread: ThreadAddress | undefined
  /** What had been acknowledged when the read began. */
  acknowledged: bigint
  /** Of each key: the last write that was acknowledged, and its context. */
  readonly last: Map<Key, { readonly id: number; readonly context: CausalContext }>
}

type ClientContext = Context<ClientMessage, undefined>

const requestMs = 1_000
const patienceMs = 1_200
const setbacksMax = 4
const againMs = 8

/** A client of the store: one operation at a time, of the kinds that its workload wants, at hosts chosen by chance. */
export const client: Behaviour<ClientState, ClientMessage, ClientArguments, undefined> = {
  kind: 'client',

  start(args, context) {
    context.after(args.pauseMs * context.random(), { kind: 'next' })
    return {
      args,
      operations: 0,
      request: 0,
      phase: 'idle',
      action: 'read',
      key: keyOfWorkload(args.workload.name, 0),
      event: undefined,
      giveUp: 0,
      message: undefined,
      setbacks: 0,
      thread: undefined,
      acknowledged: 0n,
      last: new Map()
    }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'next':
        return next(state, context)
      case 'give-up':
        if (message.request === state.request && state.phase !== 'idle') rest(state, 'indeterminate', context, 'no answer')
        return
      case 'again':
        if (message.request === state.request && state.phase !== 'idle') askAgain(state, context)
        return
      default:
        if (context.correlation !== state.request || state.phase === 'idle') return
        context.cancel(state.giveUp)
        return replied(state, message, context)
    }
  },

  /** Its message may have come twice, and once to the right place: so nothing is known. */
  undelivered(state, _reason, context) {
    if (context.correlation !== state.request || state.phase === 'idle') return
    context.cancel(state.giveUp)
    rest(state, 'indeterminate', context, 'it was not delivered')
  },

  /** Nobody is there: no use waiting. */
  unreachable(state, thread, context) {
    if (thread !== state.thread || state.phase === 'idle') return
    context.cancel(state.giveUp)
    rest(state, 'indeterminate', context, 'nobody is there')
  },

  summary: state => ({ operations: state.operations, workload: state.args.workload.name })
}

function next(state: ClientState, context: ClientContext): void {
  const { workload, untilMs, operationsMax, pauseMs } = state.args
  if (context.now() + pauseMs >= untilMs || state.operations >= operationsMax) return
  state.operations++
  const index = Math.floor(context.random() * workload.keys)
  const { operationsPerKeySet } = workload
  const set = operationsPerKeySet === 0 ? 0 : Math.floor(state.operations / operationsPerKeySet)
  state.key = keyOfWorkload(workload.name, (state.args.firstKey ?? 0) + set * workload.keys + index)
  state.action = chosenAction(workload, context.random())
  if (state.action === 'blind-remove' && !mayBeBlindlyDeleted(index)) state.action = 'remove'
  const last = state.last.get(state.key)
  if (state.action === 'blind') write(state, 'put', undefined, [], '', context)
  else if (state.action === 'blind-remove') write(state, 'delete', undefined, [], '', context)
  else if (state.action === 'chain' && last !== undefined) write(state, 'put', last.context, [last.id], '', context)
  else read(state, context)
}

function read(state: ClientState, context: ClientContext): void {
  state.phase = 'reading'
  state.request++
  state.acknowledged = state.args.history.of(state.key).acknowledged
  const replyTo = context.replyRef<StoreReply>(state.request)
  ask(state, { kind: 'get', key: state.key, options: optionsOf(state), hops: 0, replyTo }, context)
}

function write(
  state: ClientState,
  kind: WriteEvent['kind'],
  seen: CausalContext | undefined,
  ids: readonly number[],
  elements: string,
  context: ClientContext
): void {
  state.phase = 'writing'
  state.request++
  const { key, request, args } = state
  const element = args.workload.accumulates ? `${args.name}.${request}` : ''
  const event = args.history.begin(key, kind, ids, kind === 'delete' && seen === undefined, element)
  state.event = event
  const replyTo = context.replyRef<StoreReply>(request)
  const options = optionsOf(state)
  if (kind === 'delete') return ask(state, { kind, key, context: seen, ifMatch: '', options, hops: 0, replyTo }, context)
  const value = Buffer.from(element === '' ? `${event.id}` : `${event.id}|${elements}${element},`)
  ask(
    state,
    { kind, key, value, contentType: '', context: seen, mode: 'put', ifMatch: '', ttlSeconds: 0, options, hops: 0, replyTo },
    context
  )
}

function optionsOf({ args }: ClientState): QuorumOptions {
  return args.workload.isStrict ? { sloppy: false } : {}
}

function ask(state: ClientState, message: CoordinatorMessage, context: ClientContext): void {
  state.message = message
  state.setbacks = 0
  send(state, message, context)
}

function askAgain(state: ClientState, context: ClientContext): void {
  state.request++
  send(state, { ...state.message!, replyTo: context.replyRef<StoreReply>(state.request) } as CoordinatorMessage, context)
}

function send(state: ClientState, message: CoordinatorMessage, context: ClientContext): void {
  const { threads } = state.args
  const hosts = state.args.hosts()
  const host = hosts[Math.floor(context.random() * hosts.length)]!
  const thread = threadAddressOf(host, `data-${Math.floor(context.random() * threads)}`)
  state.thread = thread
  const to: Ref<CoordinatorMessage> = { address: addressOf(thread, 'coordinator'), correlation: 0, incarnation: 0 }
  context.send(to, message, requestMs)
  state.giveUp = context.after(patienceMs, { kind: 'give-up', request: state.request })
}

function replied(state: ClientState, reply: StoreReply, context: ClientContext): void {
  switch (reply.kind) {
    case 'got':
      if (state.phase === 'reading') got(state, reply.siblings, context)
      return
    case 'written':
      if (state.phase !== 'writing') return
      if (state.event?.kind === 'put') state.last.set(state.key, { id: state.event.id, context: reply.context })
      else state.last.delete(state.key)
      return rest(state, 'acknowledged', context)
    case 'refused':
      if (state.args.onFailure !== undefined && isWorthAnother(reply.fault) && ++state.setbacks <= setbacksMax)
        return void context.after(againMs * 2 ** state.setbacks, { kind: 'again', request: state.request })
      return rest(
        state,
        reply.fault.outcome === 'refused' ? 'refused' : 'indeterminate',
        context,
        `${reply.fault.code}: ${reply.fault.detail}`
      )
  }
}

function isWorthAnother({ code, outcome }: Fault): boolean {
  return outcome === 'refused' && (code === 'unavailable' || code === 'overloaded')
}

function got(state: ClientState, bytes: Uint8Array, context: ClientContext): void {
  const { args, key, action } = state
  const siblings = bytes.length === 0 ? undefined : decodeSiblings(bytes)
  const values = siblings === undefined ? [] : live(siblings).map(version => Buffer.from(version.value).toString())
  const demands = args.workload.isStrict && args.areQuorumsSound() ? { acknowledged: state.acknowledged, invariant: 'I10' } : {}
  args.check.read(key, values, demands, args.name)
  const ids = values.map(value => Number.parseInt(value, 10))
  if (action === 'read' || (action === 'remove' && values.length === 0)) return rest(state, 'read', context)
  if (action === 'remove') return write(state, 'delete', siblings?.context, ids, '', context)
  write(state, 'put', siblings?.context, ids, args.workload.accumulates ? elementsOf(values) : '', context)
}

/** The elements of all values, each once. */
export function elementsOf(values: readonly string[]): string {
  const elements = new Set<string>()
  for (const value of values) {
    for (const element of value.slice(value.indexOf('|') + 1).split(',')) if (element !== '') elements.add(element)
  }
  return [...elements].map(element => `${element},`).join('')
}

function failureText({ args, action, key, phase, thread }: ClientState, why: string): string {
  return `${args.name} was ${phase} ${keyText(key)} (${action}) at ${String(thread)}: ${why}`
}

function rest(
  state: ClientState,
  outcome: 'acknowledged' | 'refused' | 'indeterminate' | 'read',
  context: ClientContext,
  why = ''
): void {
  const { event, args } = state
  if (event !== undefined && outcome !== 'read') args.history.settle(event, outcome)
  if (outcome === 'refused' || outcome === 'indeterminate') args.onFailure?.(state.key, failureText(state, why))
  state.phase = 'idle'
  state.event = undefined
  context.after(args.pauseMs * 2 * context.random(), { kind: 'next' })
}
