import { type CausalContext, emptyContext } from '../../model/causal-context.ts'
import { fault } from '../../model/fault.ts'
import { quorumOf, strength } from '../../model/quorum.ts'
import { isDeleted } from '../../model/siblings.ts'
import { decodeSiblings, digestOf } from '../../model/siblings-codec.ts'
import type { TypedValue } from '../../model/value-coding.ts'
import { ClientRead, type ReadTerms, startRead } from './client-read.ts'
import type { DeleteRequest, GetRequest, PutRequest, StoreRequest } from './coordinator-protocol.ts'
import { begin, type CoordinatorContext, type CoordinatorState, receiptOf, refuse } from './coordinator-state.ts'
import type { GetConsumer } from './get-operation.ts'
import { DirectPut, isDirect } from './direct-put.ts'
import { readEach } from '../replication/each-read.ts'
import { elsewhereOf, missingDatacenter } from '../replication/elsewhere.ts'
import { PutOperation } from './put-operation.ts'
import { deadlineOf, fallbackAtOf, neededOf, needsOf } from './request-needs.ts'
import { type Route, routeOf } from './request-route.ts'
import { shareRead } from './shared-read.ts'

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

function get(state: CoordinatorState, request: GetRequest, route: Route, context: CoordinatorContext): void {
  const nowMs = context.now()
  const deadlineMs = deadlineOf(context)
  if (request.options.level === 'each_quorum' && readEach(state, request, route, termsOf(nowMs, deadlineMs), context)) return
  if (shareRead(state, request, route, context)) return
  const consumer = new ClientRead(request, route, nowMs)
  startRead(state, request, route, termsOf(nowMs, deadlineMs), consumer, context)
}

function termsOf(nowMs: number, deadlineMs: number): ReadTerms {
  return { deadlineMs, fallbackAtMs: fallbackAtOf(nowMs, deadlineMs), isUrgent: false }
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
  const missing = missingDatacenter(state, options)
  if (missing !== undefined) return refuse(request.replyTo, { ...missing, outcome: 'refused' }, state, context)
  const ttlSeconds = request.kind === 'put' && request.ttlSeconds > 0 ? request.ttlSeconds : properties.ttl
  const r = properties.r === 0 ? quorumOf(set.present) : properties.r
  const deadlineMs = deadlineOf(context)
  const startedMs = context.now()
  const stored = request.kind === 'put' ? state.compression.toStore(request, properties.compression, context) : noValue
  const operation = new PutOperation({
    id: state.nextOperation++,
    key: request.key,
    value: stored.value,
    contentType: stored.contentType,
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
    direct: isDirect(request, set, quorum.needed, deadlineMs - startedMs)
      ? directPut(state, request, route, quorum.needed, r)
      : undefined,
    elsewhere: elsewhereOf(state, route.partition, options),
    deadlineMs,
    startedMs,
    replyTo: request.replyTo
  })
  begin(operation, state, context)
  if (set.mayFallBack) state.wheel.add(operation.id, fallbackAtOf(startedMs, deadlineMs), startedMs)
  operation.start(state, context)
}

function directPut(
  state: CoordinatorState,
  { replyTo }: PutRequest | DeleteRequest,
  { set, view }: Route,
  needed: number,
  r: number
): DirectPut {
  const grade = strength(r, needed, set.present, false)
  const direct = new DirectPut({ replyTo, needed, asked: set.present, strength: grade, epoch: view.epoch })
  state.directPuts.keep(direct)
  state.figures.direct.add()
  return direct
}

const noValue: TypedValue = Object.freeze({ value: new Uint8Array(0), contentType: '' })

/** Creates, conditional writes and deletes without a context: what a quorum knows decides, and is what the write has seen. */
function writeAfterRead(
  state: CoordinatorState,
  request: PutRequest | DeleteRequest,
  route: Route,
  context: CoordinatorContext
): void {
  const consumer: GetConsumer = {
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
  }
  const deadlineMs = deadlineOf(context)
  startRead(state, request, route, termsOf(context.now(), deadlineMs), consumer, context)
}

function answerNothingDeleted(state: CoordinatorState, request: DeleteRequest, route: Route, context: CoordinatorContext): void {
  const epoch = state.ring?.view.epoch ?? ''
  const grade = strength(1, route.set.present, route.set.present, false)
  const receipt = request.options.receipt === true ? receiptOf(grade, 0, [], context, epoch) : undefined
  context.send(request.replyTo, { kind: 'written', context: emptyContext, strength: grade, answered: 0, epoch, receipt })
}
