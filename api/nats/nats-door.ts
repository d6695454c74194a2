import type { Msg } from 'nats'
import type { Accepted } from '../../actors/coordinator/coordinator-protocol.ts'
import type { RingKeeperMessage, RingNews } from '../../actors/ring/ring-keeper-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { kvWildcard, queueGroup, ringSubject, serviceSubjects } from '../../bus/subject.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import type { ActorSpec, Behaviour } from '../../runtime/actor.ts'
import { endpointOf, lost, missed, publish, replied, serve, tick } from './door-requests.ts'
import { DoorRoutes } from './door-routes.ts'
import { publishEvent } from './event-publisher.ts'
import { faultReply, tooManyOfOne } from './kv-reply.ts'
import { type DoorContext, type NatsDoorArguments, type NatsDoorMessage, type State, stateOf } from './nats-door-state.ts'
import { serviceReply, serviceVerbs } from './service.ts'

/** Requests that wait or are under way at one door; more are refused at once. */
const requestsMax = 8192
/** The ring is asked for again after this time; sooner while there is none. */
const renewMs = 2_000
const renewFirstMs = 100
/** Of a reply subject: `_INBOX.` and what the NATS libraries give to one connection. */
const connectionCharacters = 19
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
        return serve(state, message.incoming, message.cameMs, context)
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

  unreachable: (state, thread, context) => lost(state, thread, context),

  // Asked only while the door drains: first no more requests are to come, then those under way are answered.
  idle(state) {
    if (state.leaving === 'no') leave(state)
    return state.leaving === 'done' && state.pending.size === 0 && state.queued === 0
  },

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
  const { connection, cluster, heardUnder } = state.args
  const kv = (error: Error | null, { subject: heard, headers, data, reply = '' }: Msg): void => {
    if (error !== null) return context.log.warn({ error: error.message }, 'a subscription of the NATS door failed')
    const subject = heardUnder === cluster ? heard : cluster + heard.slice(heardUnder.length)
    const cameMs = context.now()
    const why = excess(state, reply, cameMs)
    if (why !== undefined) {
      endpointOf(state, subject).count(0, why.detail)
      return publish(state, reply, faultReply(why), context)
    }
    state.queued++
    context.send(context.self, { kind: 'asked', incoming: { subject, headers, data, reply }, cameMs })
  }
  const told =
    (message: (reply: string) => NatsDoorMessage) =>
    (error: Error | null, { reply = '' }: Msg) => {
      if (error === null && reply !== '') context.send(context.self, message(reply))
    }
  state.subscriptions.push(
    connection.subscribe(kvWildcard(heardUnder), { queue: queueGroup(cluster, 'kv'), callback: kv }),
    connection.subscribe(ringSubject(heardUnder), {
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

/** Before anything is done for a request. @returns why not; undefined: go on */
function excess(state: State, reply: string, nowMs: number): Fault | undefined {
  const { requestsPerSecond, threads } = state.args
  if (requestsPerSecond > 0) {
    const waitMs = state.rates.take(reply.slice(0, connectionCharacters), requestsPerSecond / threads, nowMs)
    if (waitMs > 0) return tooManyOfOne(requestsPerSecond, waitMs)
  }
  if (state.queued + state.pending.size < requestsMax) return undefined
  return fault('overloaded', `${requestsMax} requests are under way at this door: try again in a moment`, {
    limit: requestsMax,
    retryAfterMs: limits.overloadRetryMs,
    outcome: 'refused'
  })
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

/** Other members of the queue group take over; what is on its way to this one is still served. */
function leave(state: State): void {
  state.leaving = 'under way'
  const left = (): void => {
    state.leaving = 'done'
  }
  // Without a connection nothing is on its way.
  Promise.all(state.subscriptions.map(subscription => subscription.drain())).then(left, left)
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
