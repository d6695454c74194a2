import { type CausalContext, emptyContext } from '../../model/causal-context.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { type QuorumAsked, type QuorumNeeds, quorumOf, resolveQuorum, strength } from '../../model/quorum.ts'
import { isDeleted } from '../../model/siblings.ts'
import { decodeSiblings, digestOf } from '../../model/siblings-codec.ts'
import type { BucketProperties } from '../ring/bucket-table.ts'
import type { DeleteRequest, GetRequest, PutRequest, StoreRequest } from './coordinator-protocol.ts'
import { begin, type CoordinatorContext, type CoordinatorState, quorumFault, receiptOf, refuse } from './coordinator-state.ts'
import { type GetConsumer, GetOperation } from './get-operation.ts'
import { PutOperation } from './put-operation.ts'
import { type Route, routeOf } from './request-route.ts'

/** Refuse it, pass it on, or begin the operation that answers it. */
export function serve(state: CoordinatorState, request: StoreRequest, context: CoordinatorContext): void {
  // Whatever becomes of it, refusal included: what its sender has heard stays true when its message arrives once more.
  if (request.kind !== 'get' && !state.recent.begin(request.replyTo, request.hops)) return
  const late = state.admission.late(context)
  if (late !== undefined) return refuse(request.replyTo, late, state, context)
  const route = routeOf(state, request, context)
  if (route === undefined) return
  const excess = state.admission.excess(request, route.properties.rate, state, context)
  if (excess !== undefined) return refuse(request.replyTo, excess, state, context)
  if (request.kind === 'get') return get(state, request, route, context)
  const isConditional =
    request.ifMatch !== '' || (request.kind === 'put' ? request.mode === 'create' : request.context === undefined)
  if (isConditional) return writeAfterRead(state, request, route, context)
  put(state, request, request.context, route, context)
}

function deadlineOf(context: CoordinatorContext): number {
  const longest = context.now() + limits.requestTimeoutMsMax
  if (context.deadlineMs < longest) return context.deadlineMs
  return context.deadlineMs === Number.POSITIVE_INFINITY ? context.now() + context.resources.settings.requestTimeoutMs : longest
}

function get(state: CoordinatorState, request: GetRequest, route: Route, context: CoordinatorContext): void {
  const startedMs = context.now()
  const { options } = request
  const w = route.properties.w
  startGet(state, request, route, context, {
    got({ siblings, answered, needed, primaries }, state, context) {
      const epoch = route.view.epoch
      const grade = strength(needed, w === 0 ? quorumOf(route.set.present) : w, route.set.present, primaries < needed)
      const acks = answered.map(replica => ({ replica, durability: 'committed' as const }))
      context.send(request.replyTo, {
        kind: 'got',
        siblings,
        strength: grade,
        answered: answered.length,
        epoch,
        receipt: options.receipt === true ? receiptOf(grade, needed, acks, context, epoch) : undefined
      })
      const tookMs = context.now() - startedMs
      state.replyTimes.record(tookMs)
      state.figures.get.record(tookMs / 1000)
    },
    refused: (why, state, context) => refuse(request.replyTo, why, state, context)
  })
}

function startGet(
  state: CoordinatorState,
  request: StoreRequest,
  route: Route,
  context: CoordinatorContext,
  consumer: GetConsumer
): void {
  const { set, properties } = route
  const wanted = request.kind === 'get' ? request.options : { level: request.options.level }
  const quorum = needsOf(wanted, route, 'read')
  if ('code' in quorum) return consumer.refused(quorum, state, context)
  const deadlineMs = deadlineOf(context)
  const nowMs = context.now()
  const operation = new GetOperation(
    {
      id: state.nextOperation++,
      key: request.key,
      set,
      needed: quorum.needed,
      primariesNeeded: quorum.primaries,
      resolver: properties.resolver,
      deadlineMs,
      isSloppy: request.options.sloppy !== false,
      fallbackAtMs: fallbackAtOf(nowMs, deadlineMs),
      asksAll: context.random() < context.resources.settings.readRepairChance || set.replicas.some(replica => replica.host.isBack)
    },
    consumer
  )
  begin(operation, state, context)
  state.wheel.add(operation.id, nowMs + state.replyTimes.hedgeMs, nowMs)
  operation.start(state, context)
}

function put(
  state: CoordinatorState,
  request: PutRequest | DeleteRequest,
  seen: CausalContext | undefined,
  route: Route,
  context: CoordinatorContext
): void {
  const { set, properties } = route
  const { options } = request
  const quorum = needsOf(options, route, 'write')
  if ('code' in quorum) return refuse(request.replyTo, quorum, state, context)
  const ttlSeconds = request.kind === 'put' && request.ttlSeconds > 0 ? request.ttlSeconds : properties.ttl
  const r = properties.r === 0 ? quorumOf(set.present) : properties.r
  const deadlineMs = deadlineOf(context)
  const startedMs = context.now()
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
    readsNeeded: r,
    isSloppy: options.sloppy !== false,
    wantsReceipt: options.receipt === true,
    deadlineMs,
    startedMs,
    replyTo: request.replyTo
  })
  begin(operation, state, context)
  if (set.mayFallBack) state.wheel.add(operation.id, fallbackAtOf(startedMs, deadlineMs), startedMs)
  operation.start(state, context)
}

const noValue = new Uint8Array(0)

/** When a fallback takes the place of an owner that is not known to be away and does not answer: at a quarter of the time there is. */
function fallbackAtOf(nowMs: number, deadlineMs: number): number {
  return nowMs + Math.min(fallbackMsMax, Math.max(fallbackMsMin, (deadlineMs - nowMs) / 4))
}

const fallbackMsMin = 50
const fallbackMsMax = 500

/** Creates, conditional writes and deletes without a context: what a quorum knows decides, and is what the write has seen. */
function writeAfterRead(
  state: CoordinatorState,
  request: PutRequest | DeleteRequest,
  route: Route,
  context: CoordinatorContext
): void {
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
      const ring = state.ring?.view === route.view ? route : routeOf(state, request, context)
      if (ring !== undefined) put(state, request, request.context ?? siblings?.context ?? emptyContext, ring, context)
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
function neededOf(
  asked: QuorumAsked,
  properties: BucketProperties,
  usual: number,
  owners: number,
  kind: 'read' | 'write'
): number {
  if (asked.replicas) return asked.replicas
  const n = Math.min(properties.n, owners)
  const needs = resolveQuorum({ level: asked.level }, n, kind, Math.min(usual, n))
  return 'code' in needs ? n : needs.needed
}
