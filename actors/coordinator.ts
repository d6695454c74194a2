import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import { decodeSiblings, digestOf } from '../model/siblings-codec.ts'
import { type CausalContext, emptyContext } from '../model/causal-context.ts'
import { type Fault, fault } from '../model/fault.ts'
import { bucketFault, bucketOf, keyFault, keyLengthOf, partitionOf, positionOf } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { type QuorumAsked, type QuorumNeeds, quorumOf, resolveQuorum, strength } from '../model/quorum.ts'
import { isDeleted } from '../model/siblings.ts'
import type { ActorSpec, Behaviour } from '../runtime/actor.ts'
import { durationBounds } from '../runtime/metrics.ts'
import { type BucketProperties, propertiesOf } from './bucket-table.ts'
import type { CoordinatorMessage, DeleteRequest, GetRequest, PutRequest, StoreRequest } from './coordinator-protocol.ts'
import { begin, type CoordinatorContext, type CoordinatorState, quorumFault, receiptOf, refuse, slotsMax } from './coordinator-state.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { type GetConsumer, GetOperation } from './get-operation.ts'
import { PutOperation } from './put-operation.ts'
import { type ReplicaSet, RingIndex } from './ring-index.ts'
import { dataThreadOf, isReachable, type RingView } from './ring-view.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from './ring-keeper-protocol.ts'
import type { StoreResources } from './store-resources.ts'

export interface CoordinatorArguments {
  /** How to start the vnode of a partition, under the supervisor `vnodes`. */
  readonly vnodeSpec: (partition: number) => ActorSpec
  /** Name of the actor on this thread that hears of accepted writes. */
  readonly door: string | undefined
}

interface State extends CoordinatorState {
  readonly vnodeSpec: (partition: number) => ActorSpec
}

/** What a request needs of the ring, once it is clear that it is this thread's. */
interface Route {
  readonly partition: number
  readonly set: ReplicaSet
  readonly properties: BucketProperties
  readonly view: RingView
}

const wheelSlotMs = 10
const hopsMax = 2
/** Without a reply in this time, the ring keeper is asked again. */
const renewMs = ringLeaseMs

/**
 * Serves requests for the partitions of its thread: one per data thread.
 * Passes on what belongs elsewhere, at most twice (to the host, to its thread).
 */
export const coordinator: Behaviour<State, CoordinatorMessage, CoordinatorArguments, StoreResources> = {
  kind: 'coordinator',

  start({ vnodeSpec, door }, context) {
    const { metrics } = context
    const seconds = 'Time from a request to its reply, at the coordinator'
    const refusedHelp = 'Requests that were refused, by code'
    const state: State = {
      ring: undefined,
      buckets: {},
      operations: new Map(),
      nextOperation: 1,
      wheel: new DeadlineWheel(wheelSlotMs, limits.requestTimeoutMsMax),
      isTicking: false,
      door:
        door === undefined || !context.resources.settings.events
          ? undefined
          : { address: addressOf(context.thread, door), correlation: 0, incarnation: 0 },
      vnodeSpec,
      figures: {
        get: metrics.histogram('request_seconds', seconds, durationBounds, { operation: 'get' }),
        put: metrics.histogram('request_seconds', seconds, durationBounds, { operation: 'put' }),
        forwarded: metrics.counter('requests_forwarded_total', 'Requests passed on to the coordinator of another thread or host'),
        repaired: metrics.counter('read_repairs_total', 'Replicas that a read found stale and mended'),
        hedged: metrics.counter('reads_hedged_total', 'Replicas asked since others were slow'),
        refused: code => metrics.counter('requests_refused_total', refusedHelp, { code })
      }
    }
    metrics.observe('requests_in_flight', 'Requests under way at coordinators', () => state.operations.size)
    subscribe(state, context)
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'get':
      case 'put':
      case 'delete':
        return serve(state, message, context)
      case 'tick':
        return tick(state, context)
      case 'ring':
        return takeRing(state, message.view, context)
      case 'buckets':
        state.buckets = message.table
        return
      case 'renew':
        return subscribe(state, context)
      default: {
        const operation = state.operations.get(Math.floor(context.correlation / slotsMax))
        operation?.replied(context.correlation % slotsMax, message, state, context)
      }
    }
  },

  undelivered(state, reason, context) {
    const operation = state.operations.get(Math.floor(context.correlation / slotsMax))
    operation?.missed(context.correlation % slotsMax, reason, state, context)
  },

  unreachable(state, thread, context) {
    for (const operation of [...state.operations.values()]) {
      for (const slot of operation.waitsFor(thread)) operation.missed(slot, 'unreachable', state, context)
    }
  },

  idle: state => state.operations.size === 0,

  summary: state => ({ epoch: state.ring?.view.epoch ?? null, requests: state.operations.size })
}

function serve(state: State, request: StoreRequest, context: CoordinatorContext): void {
  const route = routeOf(state, request, context)
  if (route === undefined) return
  if (state.operations.size >= limits.coordinatorRequestsMax) {
    const detail = `the coordinator has ${limits.coordinatorRequestsMax} requests under way: try again, more slowly`
    return refuse(request.replyTo, fault('overloaded', detail, { outcome: 'refused', limit: limits.coordinatorRequestsMax }), state, context)
  }
  if (request.kind === 'get') return get(state, request, route, context)
  const isConditional = request.ifMatch !== '' || (request.kind === 'put' ? request.mode === 'create' : request.context === undefined)
  if (isConditional) return writeAfterRead(state, request, route, context)
  put(state, request, request.context, route, context)
}

/** @returns undefined where the request was refused or passed on */
function routeOf(state: State, request: StoreRequest, context: CoordinatorContext): Route | undefined {
  const { ring } = state
  const refusal = requestFault(request, context)
  if (refusal !== undefined) {
    refuse(request.replyTo, refusal, state, context)
    return undefined
  }
  if (ring === undefined) {
    refuse(request.replyTo, fault('unavailable', 'this host does not know the ring yet: try again', { outcome: 'refused' }), state, context)
    return undefined
  }
  const { view } = ring
  const partition = partitionOf(positionOf(request.key), view.partitions)
  const properties = propertiesOf(state.buckets, bucketOf(request.key), context.resources.settings.defaults)
  const set = ring.replicasOf(partition, properties.n)
  const self = set.replicas[set.selfSlot]
  const isMine = self?.isPresent === true && threadAddressOf(context.host, dataThreadOf(self.host, partition)) === context.thread
  if (isMine) return { partition, set, properties, view }
  passOn(state, request, partition, set, context)
  return undefined
}

function requestFault(request: StoreRequest, context: CoordinatorContext) {
  const refusal = bucketFault(bucketOf(request.key)) ?? keyFault(keyLengthOf(request.key))
  if (refusal !== undefined || request.kind !== 'put') return refusal
  const limit = context.resources.settings.pairBytesMax
  const size = keyLengthOf(request.key) + request.value.length
  if (size > limit) {
    const detail = `key and value have ${size} bytes, the limit is ${limit}: split the value, or keep it elsewhere and its address here`
    return fault('too_large', detail, { limit, size, outcome: 'refused' })
  }
  if (request.contentType.length > limits.contentTypeCharactersMax) {
    const detail = `the content type has ${request.contentType.length} characters, the limit is ${limits.contentTypeCharactersMax}`
    return fault('bad_request', detail, { limit: limits.contentTypeCharactersMax, size: request.contentType.length })
  }
  return undefined
}

/** To the partition's thread of this host where it is an owner, else to the first owner that is reachable. */
function passOn(state: State, request: StoreRequest, partition: number, set: ReplicaSet, context: CoordinatorContext): void {
  const self = set.replicas[set.selfSlot]
  const owner = self?.isPresent === true ? self : set.replicas.find(replica => replica.isPresent && replica.isReachable)
  if (owner === undefined || state.ring === undefined) {
    const detail = `none of the ${set.present} owners of the key is reachable: try again`
    return refuse(request.replyTo, fault('quorum_unavailable', detail, { needed: 1, answered: 0, outcome: 'refused' }), state, context)
  }
  if (request.hops >= hopsMax) {
    const detail = 'hosts disagree on who owns the key, since the ring is changing: try again'
    return refuse(request.replyTo, fault('unavailable', detail, { outcome: 'refused' }), state, context)
  }
  state.figures.forwarded.add()
  const budgetMs = context.deadlineMs === Number.POSITIVE_INFINITY ? 0 : Math.max(1, context.deadlineMs - context.now())
  context.send(state.ring.coordinatorOf(owner.host, partition), { ...request, hops: request.hops + 1 }, budgetMs)
}

function deadlineOf(context: CoordinatorContext): number {
  const longest = context.now() + limits.requestTimeoutMsMax
  if (context.deadlineMs < longest) return context.deadlineMs
  return context.deadlineMs === Number.POSITIVE_INFINITY ? context.now() + context.resources.settings.requestTimeoutMs : longest
}

function get(state: State, request: GetRequest, route: Route, context: CoordinatorContext): void {
  const startedMs = context.now()
  const { options } = request
  const w = route.properties.w
  startGet(state, request, route, context, {
    got({ siblings, answered, needed }, state, context) {
      const epoch = route.view.epoch
      const grade = strength(needed, w === 0 ? quorumOf(route.set.present) : w, route.set.present, false)
      const acks = answered.map(replica => ({ replica, durability: 'committed' as const }))
      context.send(request.replyTo, {
        kind: 'got',
        siblings,
        strength: grade,
        answered: answered.length,
        epoch,
        receipt: options.receipt === true ? receiptOf(grade, needed, acks, context, epoch) : undefined
      })
      state.figures.get.record((context.now() - startedMs) / 1000)
    },
    refused: (why, state, context) => refuse(request.replyTo, why, state, context)
  })
}

function startGet(state: State, request: StoreRequest, route: Route, context: CoordinatorContext, consumer: GetConsumer): void {
  const { set, properties } = route
  const wanted = request.kind === 'get' ? request.options : { level: request.options.level }
  const quorum = needsOf(wanted, route, 'read')
  if ('code' in quorum) return consumer.refused(quorum, state, context)
  const operation = new GetOperation(
    {
      id: state.nextOperation++,
      key: request.key,
      set,
      needed: quorum.needed,
      primariesNeeded: quorum.primaries,
      resolver: properties.resolver,
      deadlineMs: deadlineOf(context),
      asksAll: context.random() < context.resources.settings.readRepairChance || set.replicas.some(replica => replica.host.isBack)
    },
    consumer
  )
  begin(operation, state, context)
  state.wheel.add(operation.id, context.now() + context.resources.settings.hedgeMs, context.now())
  operation.start(state, context)
}

function put(state: State, request: PutRequest | DeleteRequest, seen: CausalContext | undefined, route: Route, context: CoordinatorContext): void {
  const { set, properties } = route
  const { options } = request
  const quorum = needsOf(options, route, 'write')
  if ('code' in quorum) return refuse(request.replyTo, quorum, state, context)
  const ttlSeconds = request.kind === 'put' && request.ttlSeconds > 0 ? request.ttlSeconds : properties.ttl
  const r = properties.r === 0 ? quorumOf(set.present) : properties.r
  const operation = new PutOperation({
    id: state.nextOperation++,
    key: request.key,
    value: request.kind === 'put' ? request.value : noValue,
    contentType: request.kind === 'put' ? request.contentType : '',
    tombstone: request.kind === 'delete',
    context: seen,
    create: request.kind === 'put' && request.mode === 'create',
    expiresMs: request.kind === 'put' && ttlSeconds > 0 ? context.wallMs() + ttlSeconds * 1000 : 0,
    set,
    needed: quorum.needed,
    futureNeeded: set.future === 0 ? 0 : neededOf(options, properties, properties.w, set.future, 'write'),
    primariesNeeded: quorum.primaries,
    durableNeeded: quorum.durable,
    durability: quorum.durable > 0 ? 'flushed' : (options.durability ?? properties.durability),
    resolver: properties.resolver,
    strength: strength(r, quorum.needed, set.present, false),
    wantsReceipt: options.receipt === true,
    deadlineMs: deadlineOf(context),
    startedMs: context.now(),
    replyTo: request.replyTo
  })
  begin(operation, state, context)
  operation.start(state, context)
}

const noValue = new Uint8Array(0)

/** Creates, conditional writes and deletes without a context: what a quorum knows decides, and is what the write has seen. */
function writeAfterRead(state: State, request: PutRequest | DeleteRequest, route: Route, context: CoordinatorContext): void {
  startGet(state, request, route, context, {
    got({ siblings: bytes }, state, context) {
      const siblings = bytes.length === 0 ? undefined : decodeSiblings(bytes)
      const exists = siblings !== undefined && !isDeleted(siblings, context.wallMs())
      if (request.kind === 'put' && request.mode === 'create' && exists) {
        const detail = 'the key exists: use PUT with its context to replace it'
        return refuse(request.replyTo, fault('key_exists', detail, { outcome: 'refused' }), state, context)
      }
      if (request.ifMatch !== '' && (!exists || (request.ifMatch !== '*' && request.ifMatch !== digestOf(bytes).toString(16)))) {
        const detail = exists ? 'the key has another ETag by now: read it again' : 'the key does not exist'
        return refuse(request.replyTo, fault('precondition_failed', detail, { outcome: 'refused' }), state, context)
      }
      if (request.kind === 'delete' && siblings === undefined) return answerNothingDeleted(state, request, route, context)
      const ring = state.ring?.view === route.view ? route : routeOf(state as State, request, context)
      if (ring !== undefined) put(state as State, request, request.context ?? siblings?.context ?? emptyContext, ring, context)
    },
    refused: (why, state, context) => refuse(request.replyTo, { ...why, outcome: 'refused' }, state, context)
  })
}

function answerNothingDeleted(state: CoordinatorState, request: DeleteRequest, route: Route, context: CoordinatorContext): void {
  const epoch = state.ring?.view.epoch ?? ''
  const grade = strength(1, route.set.present, route.set.present, false)
  const receipt = request.options.receipt === true ? receiptOf(grade, 0, [], context, epoch) : undefined
  context.send(request.replyTo, { kind: 'written', context: emptyContext, strength: grade, answered: 0, epoch, receipt })
}

/** Replies that the request needs of the owners now. */
function needsOf(asked: QuorumAsked, { set, properties }: Route, kind: 'read' | 'write'): QuorumNeeds | Fault {
  const usual = kind === 'read' ? properties.r : properties.w
  const needs = resolveQuorum(asked, properties.n, kind, usual)
  if ('code' in needs) return needs
  const needed = Math.max(neededOf(asked, properties, usual, set.present, kind), needs.primaries, needs.durable)
  return needed <= set.present ? { ...needs, needed } : quorumFault(kind, needed, 0, set, 'refused')
}

/** A cluster smaller than N counts on the owners it has, unless the request gives a number. */
function neededOf(asked: QuorumAsked, properties: BucketProperties, usual: number, owners: number, kind: 'read' | 'write'): number {
  if (asked.replicas) return asked.replicas
  const n = Math.min(properties.n, owners)
  const needs = resolveQuorum({ level: asked.level }, n, kind, Math.min(usual, n))
  return 'code' in needs ? n : needs.needed
}

function tick(state: State, context: CoordinatorContext): void {
  const now = context.now()
  for (const id of state.wheel.due(now)) {
    const operation = state.operations.get(id)
    if (operation === undefined) continue
    if (now < operation.deadlineMs) operation.overdue(state, context)
    else operation.expired(state, context)
  }
  state.isTicking = state.operations.size > 0
  if (state.isTicking) context.after(state.wheel.slotMs, { kind: 'tick' })
}

function subscribe(state: State, context: CoordinatorContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(threadAddressOf(context.host, 'system'), 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'subscribe', have: state.ring?.view.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(state.ring === undefined ? renewMs / 8 : renewMs, { kind: 'renew' })
}

function takeRing(state: State, view: RingView, context: CoordinatorContext): void {
  const before = state.ring?.view
  state.ring = new RingIndex(view, context.host)
  if (before?.partitions !== view.partitions) startVnodes(state, view, context)
  for (const host of view.hosts) {
    if (host.name !== context.host && !isReachable(host)) giveUpOn(host.name, state, context)
  }
}

/** A vnode for each partition of this thread, whoever owns it now: it costs a few hundred bytes, and the ring may move. */
function startVnodes(state: State, view: RingView, context: CoordinatorContext): void {
  const self = view.hosts.find(host => host.name === context.host)
  if (self === undefined) return
  for (let partition = 0; partition < view.partitions; partition++) {
    if (threadAddressOf(context.host, dataThreadOf(self, partition)) === context.thread) context.startChild('vnodes', state.vnodeSpec(partition))
  }
}

/** Replies of a host that is down will not come. */
function giveUpOn(host: string, state: State, context: CoordinatorContext): void {
  for (const operation of [...state.operations.values()]) {
    for (const slot of operation.waitsFor(host)) operation.missed(slot, 'unreachable', state, context)
  }
}
