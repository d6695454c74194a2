import type { StoreReply, StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import type { RingView } from '../../actors/ring/ring-view.ts'
import { hostOf, type Ref, type ThreadAddress, threadOf, type UndeliveredReason } from '../../bus/bus.ts'
import { parseKvSubject } from '../../bus/subject.ts'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { keyBytesOf, partitionOf, positionOf } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { Incoming } from './connection.ts'
import { faultReply, gotReply, type KvReply, writtenReply } from './kv-reply.ts'
import { type KvRequest, kvRequestOf } from './kv-request.ts'
import type { DoorContext, Pending, State } from './nats-door-state.ts'
import type { EndpointFigures } from './service.ts'

/*
 * The requests of one NATS door, from the message that asks to the message that answers.
 */

const tickMs = 50
/** The coordinator's own answer, at the deadline, gets this much time. */
const graceMs = 200
const attemptsMax = 3
const waitedTooLong = Object.freeze(
  fault('overloaded', 'the door has more to do than it can: requests wait too long, so this one was refused at once', {
    outcome: 'refused',
    retryAfterMs: limits.overloadRetryMs
  })
)
/** One more, elsewhere: where all have too much to do, more attempts add to it. */
const attemptsOverloadedMax = 2

/** @param startedMs when it came from the connection: it may have waited in the door's mailbox since */
export function serve(state: State, { subject, headers, data, reply }: Incoming, startedMs: number, context: DoorContext): void {
  const { cluster, pairBytesMax, requestTimeoutMs } = state.args
  const endpoint = endpointOf(state, subject)
  const nowMs = context.now()
  if (!state.admission.takes(nowMs - startedMs, nowMs)) return refuse(state, endpoint, reply, waitedTooLong, context)
  const request = kvRequestOf(cluster, subject, headers, data, pairBytesMax)
  if (isFault(request)) return refuse(state, endpoint, reply, request, context)
  const to = state.routes?.pick(partitionIn(state.routes.view, request), request, undefined)
  if (to === undefined) {
    const why = state.routes === undefined ? 'this host does not know the ring yet' : 'no host of the ring can be reached'
    return refuse(state, endpoint, reply, fault('unavailable', `${why}: try again in a moment`, { outcome: 'refused' }), context)
  }
  const timeoutMs = request.timeoutMs === 0 ? requestTimeoutMs : request.timeoutMs
  const leftMs = startedMs + timeoutMs - nowMs
  if (leftMs <= 0)
    return refuse(
      state,
      endpoint,
      reply,
      fault('timeout', 'the time was up before its turn came', { outcome: 'refused' }),
      context
    )
  const deadlineMs = startedMs + timeoutMs
  attempt(state, { request, reply, endpoint, startedMs, deadlineMs, to, attempts: 1 }, leftMs, context)
  if (state.isTicking) return
  state.isTicking = true
  context.after(tickMs, { kind: 'tick' })
}

/** Under a number of its own: a coordinator takes a write that comes under one that it has seen for the same message, come twice. */
function attempt(state: State, request: Omit<Pending, 'correlation'>, leftMs: number, context: DoorContext): void {
  const correlation = state.correlation >= 0xffff_ffff ? 1 : state.correlation + 1
  state.correlation = correlation
  state.pending.set(correlation, { ...request, correlation })
  const { action, options } = request.request
  const message = { ...action, options, hops: 0, replyTo: context.replyRef(correlation) } as StoreRequest
  context.send(request.to as Ref<StoreRequest>, message, leftMs)
}

/** It surely was not handled: another coordinator is asked, as long as there is one and time. */
export function missed(
  state: State,
  correlation: number,
  pending: Pending,
  reason: UndeliveredReason,
  context: DoorContext
): void {
  const leftMs = pending.deadlineMs - context.now()
  const most = reason === 'overloaded' ? attemptsOverloadedMax : attemptsMax
  if (reason !== 'expired' && pending.attempts < most && leftMs > 0 && state.routes !== undefined) {
    const to = state.routes.pick(partitionIn(state.routes.view, pending.request), pending.request, hostOf(pending.to.address))
    if (to !== undefined) {
      state.pending.delete(correlation)
      return attempt(state, { ...pending, to, attempts: pending.attempts + 1 }, leftMs, context)
    }
  }
  const where = threadOf(pending.to.address)
  const why =
    reason === 'overloaded'
      ? fault('overloaded', `the coordinator on ${where} has too much to do: try again in a moment`, { outcome: 'refused' })
      : reason === 'expired'
        ? fault('timeout', `the request reached ${where} after its deadline`, { outcome: 'refused' })
        : fault('unavailable', `there is no coordinator on ${where} (${reason})`, { outcome: 'refused' })
  end(state, correlation, pending, why, context)
}

export function replied(state: State, message: StoreReply, context: DoorContext): void {
  const { correlation } = context
  const pending = state.pending.get(correlation)
  if (pending === undefined) return
  if (message.kind === 'refused') return end(state, correlation, pending, message.fault, context)
  const reply =
    message.kind === 'got' ? gotReply(message, pending.request.wantsSiblings, context.wallMs()) : writtenReply(message)
  if (isFault(reply)) {
    if (reply.code === 'corrupt_record')
      context.log.error(
        { key: keyBytesOf(pending.request.action.key).toString('base64url'), error: reply.detail },
        'a stored value cannot be read'
      )
    return end(state, correlation, pending, reply, context)
  }
  state.pending.delete(correlation)
  pending.endpoint.count(context.now() - pending.startedMs, '')
  publish(state, pending.reply, reply, context)
}

function end(state: State, correlation: number, pending: Pending, why: Fault, context: DoorContext): void {
  state.pending.delete(correlation)
  pending.endpoint.count(context.now() - pending.startedMs, why.detail)
  publish(state, pending.reply, faultReply(why), context)
}

function refuse(state: State, endpoint: EndpointFigures, reply: string, why: Fault, context: DoorContext): void {
  endpoint.count(0, why.detail)
  publish(state, reply, faultReply(why), context)
}

/** Deadlines that the coordinator did not keep: it is gone, or its reply is lost. */
export function tick(state: State, context: DoorContext): void {
  const latestMs = context.now() - graceMs
  for (const pending of state.pending.values()) {
    if (pending.deadlineMs > latestMs) continue
    const isWrite = pending.request.action.kind !== 'get'
    const detail = `no answer from ${threadOf(pending.to.address)} in time${isWrite ? ': some replica may hold the write' : ''}`
    end(
      state,
      pending.correlation,
      pending,
      fault('timeout', detail, isWrite ? { outcome: 'indeterminate' } : undefined),
      context
    )
  }
  state.isTicking = state.pending.size > 0
  if (state.isTicking) context.after(tickMs, { kind: 'tick' })
}

export function publish(state: State, reply: string, { payload, headers }: Partial<KvReply>, context: DoorContext): void {
  if (reply === '') return
  try {
    state.args.connection.publish(reply, payload, headers === undefined ? undefined : { headers })
  } catch (error) {
    // Closed, or a reply subject that is none; whoever asked has a deadline.
    context.log.debug({ error: String(error) }, 'an answer could not be sent')
  }
}

export function endpointOf(state: State, subject: string): EndpointFigures {
  const asked = parseKvSubject(state.args.cluster, subject)
  return state.endpoints[asked?.operation ?? 'get']!
}

function partitionIn(view: RingView, request: KvRequest): number {
  return partitionOf(positionOf(request.action.key), view.partitions)
}

function gone(thread: ThreadAddress): Fault {
  return fault('unavailable', `nobody listens at ${thread} any more: some replica may hold the write`, {
    outcome: 'indeterminate'
  })
}

/** Nobody listens at `thread`: a read can be asked again; of a write nobody knows whether it had arrived before. */
export function lost(state: State, thread: ThreadAddress, context: DoorContext): void {
  for (const pending of [...state.pending.values()]) {
    if (threadOf(pending.to.address) !== thread) continue
    if (pending.request.action.kind === 'get') missed(state, pending.correlation, pending, 'no-such-actor', context)
    else end(state, pending.correlation, pending, gone(thread), context)
  }
}
