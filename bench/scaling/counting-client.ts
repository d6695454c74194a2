import type { CoordinatorMessage, StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../../actors/ring/ring-keeper-protocol.ts'
import type { RingView } from '../../actors/ring/ring-view.ts'
import { Routes } from '../../api/client/routes.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'

/** Whom a request is sent to: an owner, as one does that knows the ring, or whichever data thread comes. */
export type Routing = 'owner' | 'anyone'

export interface CountedWork {
  readonly kind: 'put' | 'get'
  readonly operations: number
  readonly routing: Routing
  readonly valueBytes: number
}

/** Between the client actor and whoever runs the simulation. */
export interface CountingDesk {
  view: RingView | undefined
  work: CountedWork | undefined
  answered: number
  refused: number
}

type ClientMessage = StoreReply | RingNews | { readonly kind: 'subscribe' } | { readonly kind: 'look' }
type ClientContext = Context<ClientMessage, CountingDesk>

interface ClientState {
  routes: Routes | undefined
  work: CountedWork | undefined
  /** Of the work. */
  started: number
  /** Of all: who asks twice under one number is answered once. */
  requests: number
}

export const lookMs = 4
export const patienceMs = 2_000

/** One operation after another, each to the coordinator that the TypeScript client's own routes choose. */
export const countingClient: Behaviour<ClientState, ClientMessage, undefined, CountingDesk> = {
  kind: 'counting-client',
  start(_, context) {
    subscribe(context)
    context.after(lookMs, { kind: 'look' })
    return { routes: undefined, work: undefined, started: 0, requests: 0 }
  },
  receive(state, message, context) {
    const desk = context.resources
    switch (message.kind) {
      case 'subscribe':
        return subscribe(context)
      case 'ring':
        desk.view = message.view
        state.routes = new Routes(message.view, state.routes, undefined)
        return
      case 'look':
        context.after(lookMs, { kind: 'look' })
        return look(state, context)
      case 'got':
      case 'written':
        desk.answered++
        return
      case 'refused':
        desk.refused++
        return
      case 'buckets':
    }
  }
}

function subscribe(context: ClientContext): void {
  const keeper: Ref<RingKeeperMessage> = {
    address: addressOf(threadAddressOf('h1', 'system'), 'ring-keeper'),
    correlation: 0,
    incarnation: 0
  }
  const have = context.resources.view?.revision ?? ''
  context.signal(keeper, { kind: 'subscribe', have, replyTo: context.replyRef<RingNews>(0) })
  context.after(ringLeaseMs, { kind: 'subscribe' })
}

function look(state: ClientState, context: ClientContext): void {
  const { work } = context.resources
  if (work !== state.work) {
    state.work = work
    state.started = 0
  }
  if (work === undefined || state.started >= work.operations || state.routes === undefined) return
  const number = state.started++
  const key = keyOfText('scaling', `key-${number}`)
  const { view } = state.routes
  const partition = partitionOf(positionOf(key), view.partitions)
  const host = view.hosts[Math.floor(context.random() * view.hosts.length)]!
  const to =
    work.routing === 'owner'
      ? state.routes.pick(partition, context.now(), false, undefined)?.to
      : ({
          address: addressOf(threadAddressOf(host.name, `data-${Math.floor(context.random() * host.threads)}`), 'coordinator'),
          correlation: 0,
          incarnation: 0
        } satisfies Ref)
  if (to === undefined) throw new Error('the ring names nobody to ask')
  const replyTo = context.replyRef<StoreReply>(++state.requests)
  const message: CoordinatorMessage =
    work.kind === 'get'
      ? { kind: 'get', key, options: {}, hops: 0, replyTo }
      : {
          kind: 'put',
          key,
          value: Buffer.alloc(work.valueBytes, number),
          contentType: '',
          context: undefined,
          mode: 'put',
          ifMatch: '',
          ttlSeconds: 0,
          options: {},
          hops: 0,
          replyTo
        }
  context.send(to as Ref<CoordinatorMessage>, message, patienceMs)
}
