import type { Msg } from 'nats'
import type { Accepted, StoreReply, StoreRequest } from '../../actors/coordinator-protocol.ts'
import type { RingKeeperMessage, RingNews } from '../../actors/ring-keeper-protocol.ts'
import type { RingView } from '../../actors/ring-view.ts'
import {
  addressOf,
  hostOf,
  type Ref,
  type ThreadAddress,
  threadAddressOf,
  threadOf,
  type UndeliveredReason
} from '../../bus/bus.ts'
import { kvWildcard, parseKvSubject, queueGroup, ringSubject, serviceSubjects } from '../../bus/subject.ts'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { partitionOf, positionOf } from '../../model/key.ts'
import type { ActorSpec, Behaviour } from '../../runtime/actor.ts'
import type { Incoming } from './connection.ts'
import { DoorRoutes } from './door-routes.ts'
import { publishEvent } from './event-publisher.ts'
import { faultReply, gotReply, type KvReply, writtenReply } from './kv-reply.ts'
import { type KvRequest, kvRequestOf } from './kv-request.ts'
import {
  type DoorContext,
  type NatsDoorArguments,
  type NatsDoorMessage,
  type Pending,
  type State,
  stateOf
} from './nats-door-state.ts'
import { type EndpointFigures, serviceReply, serviceVerbs } from './service.ts'

/** Requests that wait or are under way at one door; more are refused at once. */
const requestsMax = 8192
const tickMs = 50
/** The coordinator's own answer, at the deadline, gets this much time. */
const graceMs = 200
const attemptsMax = 3
/** The ring is asked for again after this time; sooner while there is none. */
const renewMs = 2_000
const renewFirstMs = 100
const textEncoder = new TextEncoder()

/**
 * The door for any NATS client: one on each data thread, all in one queue group. Turns messages into requests to the coordinator
 * of a replica, its own thread's where that is one, and their replies into messages; answers `<cluster>.ring` and the services
 * convention; publishes accepted writes.
 */
export const natsDoor: Behaviour<State, NatsDoorMessage, NatsDoorArguments> = {
  kind: 'nats-door',

  start(args, context) {
    const state = stateOf(args, context)
    subscribe(state, context)
    context.metrics.observe(
      'nats_requests_in_flight',
      'Requests of NATS clients under way',
      () => state.pending.size + state.queued
    )
    renew(state, context)
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'asked':
        state.queued--
        return serve(state, message.incoming, context)
      case 'got':
      case 'written':
      case 'refused':
        return replied(state, message, context)
      case 'accepted':
        return tell(state, message, context)
      case 'ring-asked':
        return answerRing(state, message.reply, context)
      case 'service-asked':
        return publish(
          state,
          message.reply,
          { payload: textEncoder.encode(serviceReply(message.verb, state.identity, Object.values(state.endpoints))) },
          context
        )
      case 'ring':
        state.routes = new DoorRoutes(message.view, context.host)
        state.ringBytes = undefined
        return
      case 'buckets':
        return
      case 'tick':
        return tick(state, context)
      case 'renew':
        return renew(state, context)
    }
  },

  undelivered(state, reason, context) {
    const pending = state.pending.get(context.correlation)
    if (pending !== undefined) missed(state, context.correlation, pending, reason, context)
  },

  unreachable(state, thread, context) {
    for (const [correlation, pending] of state.pending) {
      if (threadOf(pending.to.address) !== thread) continue
      // A read can be asked again; of a write nobody knows whether it had arrived before.
      if (pending.request.action.kind === 'get') missed(state, correlation, pending, 'no-such-actor', context)
      else end(state, correlation, pending, gone(thread), context)
    }
  },

  idle: state => state.pending.size === 0 && state.queued === 0,

  stop(state) {
    for (const subscription of state.subscriptions) subscription.unsubscribe()
  },

  summary: state => ({
    pending: state.pending.size,
    queued: state.queued,
    events: state.events,
    epoch: state.routes?.view.epoch ?? null
  })
}

/** The door as a child of a data thread's supervisor. */
export function natsDoorSpec(args: NatsDoorArguments, name = 'nats-door'): ActorSpec {
  return { type: 'actor', name, behaviour: natsDoor, args, mailboxMax: requestsMax * 4 }
}

/** What arrives goes through the door's own mailbox, so that a fault of ours ends an incarnation and not the connection's reader. */
function subscribe(state: State, context: DoorContext): void {
  const { connection, cluster } = state.args
  const kv = (error: Error | null, { subject, headers, data, reply = '' }: Msg): void => {
    if (error !== null) return context.log.warn({ error: error.message }, 'a subscription of the NATS door failed')
    if (state.queued + state.pending.size >= requestsMax) {
      const why = fault('overloaded', `${requestsMax} requests are under way at this door: try again in a moment`, {
        limit: requestsMax,
        outcome: 'refused'
      })
      endpointOf(state, subject).count(0, why.detail)
      return publish(state, reply, faultReply(why), context)
    }
    state.queued++
    context.send(context.self, { kind: 'asked', incoming: { subject, headers, data, reply } })
  }
  const told =
    (message: (reply: string) => NatsDoorMessage) =>
    (error: Error | null, { reply = '' }: Msg) => {
      if (error === null && reply !== '') context.send(context.self, message(reply))
    }
  state.subscriptions.push(
    connection.subscribe(kvWildcard(cluster), { queue: queueGroup(cluster, 'kv'), callback: kv }),
    connection.subscribe(ringSubject(cluster), {
      queue: queueGroup(cluster, 'ring'),
      callback: told(reply => ({ kind: 'ring-asked', reply }))
    })
  )
  for (const verb of serviceVerbs) {
    for (const subject of serviceSubjects(verb, state.identity.name, state.identity.id)) {
      state.subscriptions.push(
        connection.subscribe(subject, { callback: told(reply => ({ kind: 'service-asked', verb, reply })) })
      )
    }
  }
}

function serve(state: State, { subject, headers, data, reply }: Incoming, context: DoorContext): void {
  const { cluster, pairBytesMax, requestTimeoutMs } = state.args
  const endpoint = endpointOf(state, subject)
  const request = kvRequestOf(cluster, subject, headers, data, pairBytesMax)
  if (isFault(request)) return refuse(state, endpoint, reply, request, context)
  const to = state.routes?.pick(partitionIn(state.routes.view, request), request, undefined)
  if (to === undefined) {
    const why = state.routes === undefined ? 'this host does not know the ring yet' : 'no host of the ring can be reached'
    return refuse(state, endpoint, reply, fault('unavailable', `${why}: try again in a moment`, { outcome: 'refused' }), context)
  }
  const startedMs = context.now()
  const timeoutMs = request.timeoutMs === 0 ? requestTimeoutMs : request.timeoutMs
  const pending: Pending = { request, reply, endpoint, startedMs, deadlineMs: startedMs + timeoutMs, to, attempts: 0 }
  state.correlation = state.correlation >= 0xffff_ffff ? 1 : state.correlation + 1
  state.pending.set(state.correlation, pending)
  attempt(state.correlation, pending, timeoutMs, context)
  if (state.isTicking) return
  state.isTicking = true
  context.after(tickMs, { kind: 'tick' })
}

function attempt(correlation: number, pending: Pending, leftMs: number, context: DoorContext): void {
  pending.attempts++
  const message = {
    ...pending.request.action,
    options: pending.request.options,
    hops: 0,
    replyTo: context.replyRef(correlation)
  } as StoreRequest
  context.send(pending.to as Ref<StoreRequest>, message, leftMs)
}

/** It surely was not handled: another coordinator is asked, as long as there is one and time. */
function missed(state: State, correlation: number, pending: Pending, reason: UndeliveredReason, context: DoorContext): void {
  const leftMs = pending.deadlineMs - context.now()
  if (reason !== 'expired' && pending.attempts < attemptsMax && leftMs > 0 && state.routes !== undefined) {
    const to = state.routes.pick(partitionIn(state.routes.view, pending.request), pending.request, hostOf(pending.to.address))
    if (to !== undefined) {
      pending.to = to
      return attempt(correlation, pending, leftMs, context)
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

function replied(state: State, message: StoreReply, context: DoorContext): void {
  const { correlation } = context
  const pending = state.pending.get(correlation)
  if (pending === undefined) return
  if (message.kind === 'refused') return end(state, correlation, pending, message.fault, context)
  const reply =
    message.kind === 'got' ? gotReply(message, pending.request.wantsSiblings, context.wallMs()) : writtenReply(message)
  if (isFault(reply)) return end(state, correlation, pending, reply, context)
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
function tick(state: State, context: DoorContext): void {
  const latestMs = context.now() - graceMs
  for (const [correlation, pending] of state.pending) {
    if (pending.deadlineMs > latestMs) continue
    const isWrite = pending.request.action.kind !== 'get'
    const detail = `no answer from ${threadOf(pending.to.address)} in time${isWrite ? ': some replica may hold the write' : ''}`
    end(state, correlation, pending, fault('timeout', detail, isWrite ? { outcome: 'indeterminate' } : undefined), context)
  }
  state.isTicking = state.pending.size > 0
  if (state.isTicking) context.after(tickMs, { kind: 'tick' })
}

function tell(state: State, accepted: Accepted, context: DoorContext): void {
  if (!state.args.events) return
  try {
    publishEvent(state.args.connection, state.args.cluster, accepted)
    state.events++
  } catch (error) {
    context.log.debug({ error: String(error) }, 'an event could not be published')
  }
}

function answerRing(state: State, reply: string, context: DoorContext): void {
  if (state.routes === undefined)
    return publish(
      state,
      reply,
      faultReply(fault('unavailable', 'this host does not know the ring yet: ask again in a moment')),
      context
    )
  state.ringBytes ??= textEncoder.encode(JSON.stringify(state.routes.view))
  publish(state, reply, { payload: state.ringBytes }, context)
}

function publish(state: State, reply: string, { payload, headers }: Partial<KvReply>, context: DoorContext): void {
  if (reply === '') return
  try {
    state.args.connection.publish(reply, payload, headers === undefined ? undefined : { headers })
  } catch (error) {
    // Closed, or a reply subject that is none; whoever asked has a deadline.
    context.log.debug({ error: String(error) }, 'an answer could not be sent')
  }
}

/** The ring keeper is asked again and again, for either end may have been restarted. */
function renew(state: State, context: DoorContext): void {
  const keeper: Ref<RingKeeperMessage> = {
    address: addressOf(threadAddressOf(context.host, 'system'), 'ring-keeper'),
    correlation: 0,
    incarnation: 0
  }
  context.signal(keeper, { kind: 'subscribe', have: state.routes?.view.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(state.routes === undefined ? renewFirstMs : renewMs, { kind: 'renew' })
}

function endpointOf(state: State, subject: string): EndpointFigures {
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
