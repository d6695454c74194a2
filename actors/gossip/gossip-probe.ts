import { hostOf, type ThreadAddress } from '../../bus/bus.ts'
import { limits } from '../../model/limits.ts'
import { isGone, successorOf } from '../../model/membership.ts'
import type { Gist, SwimMessage } from './gossip-protocol.ts'
import { suspect } from './gossip-rows.ts'
import {
  agentOf,
  type GossipContext,
  type GossipState,
  gistOf,
  isDirect,
  isLivingOther,
  type Probe,
  publishSoon,
  selfOf
} from './gossip-state.ts'

/** Others that are asked to probe where the member itself gives no answer. */
const relaysMax = 3
/** Probes in a round beyond its own, for members that others doubt. */
const doubtsPerRound = 8
/** Of those that only others reach, so many are probed in a round. */
const cutsPerRound = 4
/** In each such round one of the members that are down is probed, since it may be back. */
const roundsPerKnock = 2

/** Probe whose turn it is; what the members that are down and those in doubt need besides. */
export function probeRound(state: GossipState, round: number, context: GossipContext): void {
  if (isGone(selfOf(state, context).state)) return
  const turn = state.order.next(
    uid => isLivingOther(state, uid, context),
    uid => !isGone(state.members.get(uid)?.state ?? 'removed'),
    () => context.random()
  )
  if (turn !== undefined) probe(state, turn, undefined, context)
  if (round % roundsPerKnock === 0) knock(state, context)
  knockAtCut(state, context)
  probeDoubts(state, context)
}

function knock(state: GossipState, context: GossipContext): void {
  const steps = Math.floor(context.random() * state.down.size)
  let at = 0
  for (const uid of state.down) {
    if (at++ < steps) continue
    const member = state.members.get(uid)
    // Where another has taken the name, its messages reach that one.
    if (member !== undefined && successorOf(member, state.members.members) === undefined) probe(state, uid, undefined, context)
    return
  }
}

/** Is the way open again? Repair waits for it, so those that cannot be reached are tried a few in each round, without the help of others. */
function knockAtCut(state: GossipState, context: GossipContext): void {
  for (const uid of [...state.cutOff].slice(0, cutsPerRound)) {
    // Behind the others, for the next round.
    state.cutOff.delete(uid)
    if (isDirect(state.heard.get(uid)) || !isLivingOther(state, uid, context)) continue
    state.cutOff.add(uid)
    probe(state, uid, undefined, context, true)
  }
}

/** Members of whom others say what this host cannot believe are probed at once, a few in a round. */
export function probeDoubts(state: GossipState, context: GossipContext): void {
  let left = doubtsPerRound
  for (const uid of state.doubts) {
    if (left-- === 0) return
    state.doubts.delete(uid)
    const member = state.members.get(uid)
    if (member === undefined || isGone(member.state) || member.name === context.host) continue
    probe(state, uid, undefined, context)
  }
}

/** @param origin whom to tell, where the probe is for another host @param isKnock silence proves nothing, and nobody is asked for help */
function probe(
  state: GossipState,
  uid: number,
  origin: Extract<SwimMessage, { kind: 'gossip-relay' }>['replyTo'] | undefined,
  context: GossipContext,
  isKnock = state.members.get(uid)?.state === 'down'
): void {
  const member = state.members.get(uid)
  if (member === undefined || state.probes.size >= limits.gossipProbesMax) return
  if (origin === undefined) {
    for (const other of state.probes.values()) if (other.uid === uid && other.origin === undefined) return
  }
  const sequence = state.nextSequence++
  state.probes.set(sequence, {
    uid,
    name: member.name,
    origin,
    startedMs: context.now(),
    isKnock,
    relays: 0,
    nacks: 0,
    isUnheard: false
  })
  ask(state, sequence, uid, member.name, context)
  const { periodMs, probeTimeoutMs } = context.resources.gossip
  // One that works for another answers in time for it, well or ill.
  if (origin === undefined && !isKnock) context.after(state.health.scale(probeTimeoutMs), { kind: 'probe-late', sequence })
  context.after(origin === undefined ? state.health.scale(periodMs) * 0.95 : probeTimeoutMs, { kind: 'probe-over', sequence })
}

/** Who is suspected hears of it first of all, with the probe, so that it can refute. */
function ask(state: GossipState, sequence: number, uid: number, name: string, context: GossipContext): void {
  const isDoubted = state.members.get(uid)?.state === 'suspect' || state.members.get(uid)?.state === 'down'
  context.signal(agentOf(name), {
    kind: 'gossip-probe',
    gist: isDoubted ? gistOf(state, context, uid) : gistOf(state, context),
    target: uid,
    replyTo: context.replyRef<SwimMessage>(sequence)
  })
}

/** No answer yet: others are asked, and the member once more, since messages may be lost. */
export function probeLate(state: GossipState, sequence: number, context: GossipContext): void {
  const probe = state.probes.get(sequence)
  if (probe === undefined || probe.relays > 0) return
  const asked = new Set<number>([probe.uid])
  for (let tries = 0; tries < 4 * relaysMax && probe.relays < relaysMax; tries++) {
    const uid = state.order.any(context.random())
    if (uid === undefined || asked.has(uid)) continue
    asked.add(uid)
    const member = state.members.get(uid)
    if (member === undefined || (member.state !== 'up' && member.state !== 'leaving' && member.state !== 'joining')) continue
    probe.relays++
    context.signal(agentOf(member.name), {
      kind: 'gossip-relay',
      gist: gistOf(state, context),
      target: probe.uid,
      name: probe.name,
      replyTo: context.replyRef<SwimMessage>(sequence)
    })
  }
  if (!probe.isUnheard) ask(state, sequence, probe.uid, probe.name, context)
  settle(state, sequence, probe, context)
}

/** Asked by another host. */
export function takeRelay(
  state: GossipState,
  message: Extract<SwimMessage, { kind: 'gossip-relay' }>,
  context: GossipContext
): void {
  const member = state.members.get(message.target)
  if (member === undefined || member.name !== message.name || isGone(member.state)) return
  probe(state, message.target, message.replyTo, context)
}

export function takeProbe(
  state: GossipState,
  message: Extract<SwimMessage, { kind: 'gossip-probe' }>,
  context: GossipContext
): void {
  const { uid } = context.resources.self
  // Meant for one that had this host's name before.
  if (message.target !== uid || isGone(selfOf(state, context).state)) return
  // Who asks and is suspected should know it.
  const asker = state.members.get(message.gist.uid)
  const isDoubted = asker?.state === 'suspect' || asker?.state === 'down'
  const gist = isDoubted ? gistOf(state, context, uid, message.gist.uid) : gistOf(state, context, uid)
  context.signal(message.replyTo, { kind: 'gossip-ack', gist, target: uid })
}

export function takeAck(state: GossipState, gist: Gist, target: number, context: GossipContext): void {
  const sequence = context.correlation
  const probe = state.probes.get(sequence)
  if (probe === undefined || probe.uid !== target) return
  state.probes.delete(sequence)
  if (probe.origin !== undefined) {
    context.signal(probe.origin, { kind: 'gossip-ack', gist: gistOf(state, context, target), target })
    return
  }
  const wasDirect = gist.uid === target
  ;(wasDirect ? state.figures.direct : state.figures.indirect).add()
  state.health.add(-1)
  const heard = state.heard.get(target)
  if (heard === undefined) return
  const before = isDirect(heard)
  heard.misses = wasDirect ? 0 : Math.min(heard.misses + 1, 100)
  if (!wasDirect) {
    heard.atMs = context.now()
    // Is it the way to it that is cut? Look again soon.
    if (before) state.doubts.add(target)
  }
  if (isDirect(heard) === before) return
  if (before) state.cutOff.add(target)
  state.isViewStale = true
  publishSoon(state, context)
  const member = probe.name
  if (before) context.log.warn({ member }, 'a host lives, but this one cannot reach it by itself')
  else context.log.info({ member }, 'a host is reached again')
}

export function takeNack(state: GossipState, context: GossipContext): void {
  const probe = state.probes.get(context.correlation)
  if (probe === undefined) return
  probe.nacks++
  settle(state, context.correlation, probe, context)
}

/** Nobody listens there, says the bus, or the agent there is being restarted: a hint, which only saves the wait. */
export function unheard(state: GossipState, thread: ThreadAddress, context: GossipContext): void {
  const host = hostOf(thread)
  for (const [sequence, probe] of state.probes) if (probe.name === host) noAnswer(state, sequence, context)
}

export function noAnswer(state: GossipState, sequence: number, context: GossipContext): void {
  const probe = state.probes.get(sequence)
  if (probe === undefined) return
  probe.isUnheard = true
  if (probe.origin !== undefined) return over(state, sequence, probe, context)
  if (probe.isKnock) state.probes.delete(sequence)
  else if (probe.relays === 0) probeLate(state, sequence, context)
  else settle(state, sequence, probe, context)
}

/** Where the bus knows of nobody there and none of the others had an answer either, there is nothing to wait for. */
function settle(state: GossipState, sequence: number, probe: Probe, context: GossipContext): void {
  if (probe.isUnheard && probe.relays > 0 && probe.nacks >= probe.relays) over(state, sequence, probe, context)
}

export function probeOver(state: GossipState, sequence: number, context: GossipContext): void {
  const probe = state.probes.get(sequence)
  if (probe !== undefined) over(state, sequence, probe, context)
}

function over(state: GossipState, sequence: number, probe: Probe, context: GossipContext): void {
  state.probes.delete(sequence)
  if (probe.origin !== undefined) {
    context.signal(probe.origin, { kind: 'gossip-nack', gist: gistOf(state, context), target: probe.uid })
    return
  }
  if (probe.isKnock) return
  // Relays that did not even say no: it may well be this host that is ill.
  if (probe.relays > 0) state.health.add(probe.relays - probe.nacks)
  const heard = state.heard.get(probe.uid)
  if (heard !== undefined && heard.atMs >= probe.startedMs) {
    state.figures.unclear.add()
    return
  }
  state.figures.failed.add()
  suspect(state, probe.uid, context.resources.self.uid, context)
}

/** This thread stood still so long: probes that ran meanwhile prove nothing. */
export function forgetProbes(state: GossipState): void {
  for (const [sequence, probe] of state.probes) {
    if (probe.origin !== undefined || probe.isKnock) continue
    state.probes.delete(sequence)
    state.figures.unclear.add()
  }
}
