import { type Fault, fault } from '../../model/fault.ts'
import { bucketFault, bucketOf, type Key, keyFault, keyLengthOf, partitionOf, positionOf } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { isDeflated } from '../../model/value-coding.ts'
import { type BucketProperties, propertiesOf } from '../ring/bucket-table.ts'
import type { PeekRequest, StoreRequest } from './coordinator-protocol.ts'
import { type CoordinatorContext, type CoordinatorState, refuse } from './coordinator-state.ts'
import type { Replica, ReplicaSet, RingIndex } from '../ring/ring-index.ts'
import { isDataThreadOf, type RingView } from '../ring/ring-view.ts'

/** What a request needs of the ring, once it is clear that it is this thread's. */
export interface Route {
  /** Of the key: its hash. */
  readonly position: number
  readonly partition: number
  readonly set: ReplicaSet
  readonly properties: BucketProperties
  readonly view: RingView
}

const hopsMax = 2

/**
 * @param deadlineMs of the request, where it is not the message under way
 * @returns undefined where the request was refused or passed on
 */
export function routeOf(
  state: CoordinatorState,
  request: StoreRequest,
  context: CoordinatorContext,
  deadlineMs = context.deadlineMs
): Route | undefined {
  const { ring } = state
  const refusal = requestFault(request, context)
  if (refusal !== undefined) {
    refuse(request.replyTo, refusal, state, context)
    return undefined
  }
  if (ring === undefined) {
    refuse(
      request.replyTo,
      fault('unavailable', 'this host does not know the ring yet: try again', { outcome: 'refused' }),
      state,
      context
    )
    return undefined
  }
  const route = routeBy(ring, state, request.key, context)
  const { partition, set } = route
  const place = placeOf(set, request.options.sloppy !== false)
  // Where nobody can take it, the operation says so, with its figures.
  const isMine = place === undefined || (place.isSelf && isDataThreadOf(place.host, partition, context.thread))
  if (isMine) return route
  passOn(state, request, partition, place, deadlineMs, context)
  return undefined
}

/** Who has the key by this ring, and how its bucket is set. */
export function routeBy(ring: RingIndex, state: CoordinatorState, key: Key, context: CoordinatorContext): Route {
  const position = positionOf(key)
  const partition = partitionOf(position, ring.view.partitions)
  const properties = propertiesOf(state.buckets, bucketOf(key), context.resources.settings.defaults)
  return { position, partition, set: ring.replicasOf(partition, properties.n), properties, view: ring.view }
}

export function requestFault(request: StoreRequest | PeekRequest, context: CoordinatorContext): Fault | undefined {
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
  // Doors let none through; taken for our own mark it would be a value that nobody can read.
  return isDeflated(request.contentType) ? fault('bad_request', 'the content type begins with a control character') : undefined
}

/**
 * Who coordinates: this host where it is an owner, else the first owner that is reachable; where none is, a fallback, this host
 * before others. undefined: nobody can.
 */
function placeOf(set: ReplicaSet, mayFallBack: boolean): Replica | undefined {
  const self = set.replicas[set.selfSlot]
  if (self?.isPresent === true) return self
  const owner = set.replicas.find(replica => replica.isPresent && replica.isReachable)
  if (owner !== undefined || !mayFallBack || !set.mayFallBack) return owner
  return set.fallbacks.find(replica => replica.isSelf) ?? set.fallbacks[0]
}

function passOn(
  state: CoordinatorState,
  request: StoreRequest,
  partition: number,
  place: Replica,
  deadlineMs: number,
  context: CoordinatorContext
): void {
  if (state.ring === undefined) return
  if (request.hops >= hopsMax) {
    const detail = 'hosts disagree on who owns the key, since the ring is changing: try again'
    return refuse(request.replyTo, fault('unavailable', detail, { outcome: 'refused' }), state, context)
  }
  state.figures.forwarded.add()
  const budgetMs = deadlineMs === Number.POSITIVE_INFINITY ? 0 : Math.max(1, deadlineMs - context.now())
  context.send(state.ring.coordinatorOf(place.host, partition), { ...request, hops: request.hops + 1 }, budgetMs)
}
