import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { isGone, type Member, withState } from '../../model/membership.ts'
import { freeSeat } from '../../model/seat.ts'
import { ticketOf } from '../../model/ring-change.ts'
import { wireRefusal } from '../../model/wire-version.ts'
import type { Gist, SwimMessage } from './gossip-protocol.ts'
import { setRow } from './gossip-rows.ts'
import { agentOf, type GossipContext, type GossipState, isFirst, publishSoon, selfOf } from './gossip-state.ts'
import { setTable, syncWith } from './gossip-sync.ts'
import { mergeTables } from '../ring/bucket-table.ts'

type Of<K extends SwimMessage['kind']> = Extract<SwimMessage, { kind: K }>

/** About so many of those that hear a newcomer answer it. */
const answersWanted = 4
/** So long a founder that is alone asks whether it belongs elsewhere. */
const founderMs = 60_000

/** A seat that every gossip agent listens on: how a host that knows nobody finds the others. */
const everybody = {
  address: addressOf(threadAddressOf('all', 'system'), 'gossip-agent'),
  correlation: 0,
  incarnation: 0
} as Ref<SwimMessage>

/** Ask to be let in, in every round until someone answers. */
export function knockAtDoor(state: GossipState, context: GossipContext): void {
  if (state.isFounder && (state.members.size > 1 || context.now() - state.startedMs > founderMs)) state.isFounder = false
  if (state.cluster !== undefined && !state.isFounder) return
  context.signal(everybody, {
    kind: 'gossip-hello',
    member: selfOf(state, context),
    founded: state.isFounder,
    formerly: state.formerly
  })
}

/**
 * A newcomer. A host is its uid, not its name: under a name that is in use it is let in only where the one that had the name was at the same
 * address and is down, or is what the newcomer was before: which is a host that lost its disk.
 */
export function takeHello(state: GossipState, { member, founded, formerly }: Of<'gossip-hello'>, context: GossipContext): void {
  // One that has not heard yet who is in would found an island of itself and the newcomer.
  if (state.cluster === undefined || !state.isSettled || member.uid === context.resources.self.uid) return
  const others = state.members.members
  const holders = others.filter(other => other.name === member.name && other.uid !== member.uid && !isGone(other.state))
  if (founded && (holders.length === 0 || state.isFounder)) return
  // One that is a member already is no newcomer: it may have lost what it knew of the cluster.
  const unspoken = wireRefusal(
    member.version,
    others.filter(other => other.uid !== member.uid && !isGone(other.state)).map(other => other.version)
  )
  if (unspoken !== undefined) return turnAway(state, member, unspoken, context)
  const refuse = (why: string, holder: Member): void => {
    refused(state, 'name-taken', context)
    if (isFirst(state, `name ${member.uid}`))
      context.log.warn({ name: member.name, theirs: member.uid, ours: holder.uid }, `a host is not let in: ${why}`)
    context.signal(agentOf(member.name), { kind: 'gossip-unwelcome', uid: member.uid, holder: holder.uid, why })
  }
  for (const holder of holders) {
    const isFormer = holder.uid === formerly && holder.route === member.route
    if (holder.uid === context.resources.self.uid || (holder.state !== 'down' && !isFormer)) {
      // If it is gone, that is known soon.
      if (holder.uid !== context.resources.self.uid) state.doubts.add(holder.uid)
      return refuse('its name is in use', holder)
    }
    if (holder.dc !== member.dc) return refuse(`its name is that of a host of datacenter ${holder.dc}`, holder)
    if (holder.route !== member.route) return refuse('its name is that of a host that is down, at another address', holder)
  }
  if (others.some(other => other.uid === member.uid && isGone(other.state))) return
  if (context.random() * state.present > answersWanted) return
  const rest = others.filter(other => other.uid !== member.uid)
  for (const holder of holders) if (holder.state !== 'down') setRow(state, withState(holder, 'down'), undefined, context)
  const before = holders.find(holder => holder.standing !== 'joining')
  const { table, cluster } = state
  // One that lost its disk is no newcomer: its place waits for it, or it had been let in.
  const wasLetIn = holders.some(holder => holder.isWaiting !== true)
  const waits = !wasLetIn && (member.asksFirst === true || others.some(each => each.asksFirst === true && !isGone(each.state)))
  context.signal(agentOf(member.name), {
    kind: 'gossip-welcome',
    cluster,
    from: context.host,
    uid: member.uid,
    ticket: ticketOf(others),
    seat: before === undefined ? freeSeat(rest, member) : before.seat,
    weight: before?.weight,
    place: before?.place,
    waits,
    table
  })
}

/** They would not understand each other. */
function turnAway(state: GossipState, { name, uid, version }: Member, why: string, context: GossipContext): void {
  refused(state, 'wire-version', context)
  if (isFirst(state, `wire ${uid} ${version}`)) context.log.warn({ name, theirs: uid, version }, `a host is not let in: ${why}`)
  context.signal(agentOf(name), { kind: 'gossip-unwelcome', uid, holder: 0, why })
}

/** It is in: behind those that came to join before, on a seat of its own or on that of the self that it takes the place of. */
export function takeWelcome(state: GossipState, message: Of<'gossip-welcome'>, context: GossipContext): void {
  const { uid } = context.resources.self
  if (message.uid !== uid || (state.cluster !== undefined && (!state.isFounder || state.cluster.id === message.cluster.id)))
    return
  const self = selfOf(state, context)
  if (state.cluster !== undefined) {
    context.log.warn(
      { ours: state.cluster.id, theirs: message.cluster.id },
      'this host belongs to a cluster: it gives up its own'
    )
  }
  state.cluster = message.cluster
  state.isFounder = false
  state.isSettled = false
  const { seat: _, ...rest } = withState(self, 'joining')
  const { ticket, weight = self.weight, place, waits } = message
  const came = { ...(place === undefined ? {} : { place }), ...(waits === true ? { isWaiting: true } : {}) }
  if (waits === true)
    context.log.info({ name: self.name }, 'this host waits to be told to join: carillon join NAME, carillon commit')
  const joining: Member = {
    ...rest,
    ...came,
    weight,
    ticket,
    incarnation: Math.max(self.incarnation, ticket),
    heartbeat: state.heartbeat
  }
  setRow(state, message.seat === undefined ? joining : { ...joining, seat: message.seat }, undefined, context)
  setTable(state, mergeTables(state.table, message.table), context)
  state.nextSyncMs = 0
  state.welcomer = message.from
  syncWith(state, message.from, context)
}

export function takeUnwelcome(state: GossipState, message: Of<'gossip-unwelcome'>, context: GossipContext): void {
  if (message.uid !== context.resources.self.uid || !isFirst(state, `unwelcome ${message.why}`)) return
  const { name } = context.resources.self
  const advice =
    message.holder === 0 ? '' : ". It is if the other is down; else start it under another name, or with the other's data"
  context.log.error({ name, holder: message.holder, why: message.why }, `this host is not let in: ${message.why}${advice}`)
}

/** Whether a message is of this cluster, and of a self that still is. */
export function isWelcome(state: GossipState, gist: Gist, context: GossipContext): boolean {
  if (state.cluster === undefined) return false
  if (gist.cluster !== state.cluster.id) {
    refused(state, 'foreign', context)
    if (isFirst(state, `foreign ${gist.from}`))
      context.log.error(
        { from: gist.from, theirs: gist.cluster, ours: state.cluster.id },
        'a host of another cluster speaks to this one, and is ignored: give it an empty data directory to join, or take it off the seeds'
      )
    return false
  }
  if (gist.uid === context.resources.self.uid) return false
  const known = state.members.get(gist.uid)
  if (known === undefined || (!isGone(known.state) && gist.incarnation >= known.incarnation)) return true
  refused(state, isGone(known.state) ? 'removed' : 'old-incarnation', context)
  return false
}

export function refused(state: GossipState, reason: string, context: GossipContext): void {
  state.figures.refused(reason).add()
  context.log.debug({ reason }, 'gossip was refused')
}

/** Two under one name: the one that holds the place lives, and the one that came to take it does not. */
export function settleNames(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (isGone(self.state) || self.standing === 'joining') return
  // Whoever came to take the place of this host and died of it: the place is not free.
  for (const member of state.members.members) {
    if (member.name !== self.name || member.uid === self.uid || isGone(member.state)) continue
    if (member.standing === 'joining' && member.state === 'down') setRow(state, withState(member, 'removed'), undefined, context)
  }
  publishSoon(state, context)
}
