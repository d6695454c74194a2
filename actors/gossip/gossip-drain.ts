import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { withState } from '../../model/membership.ts'
import { membershipEpoch } from '../../model/ring-change.ts'
import type { CoordinatorMessage, HintsListed } from '../coordinator/coordinator-protocol.ts'
import { haveAllSeen, renewed } from './gossip-changes.ts'
import { setSelf } from './gossip-rows.ts'
import { agentOf, type GossipContext, type GossipState, gistOf, isLivingOther, ringRowsOf, save, selfOf } from './gossip-state.ts'

/** A thread that has not told in this time is asked again. */
const answerMs = 5_000
/** In one round so many are told that this host has left. */
const farewellsPerRound = 16
/** Who cannot be reached hears of it from those that know. */
const farewellRoundsMax = 20

/**
 * A host that owns nothing any more leaves once all others go by the ring without it, so that nobody gives it anything, and its threads keep
 * no hint for anyone. Looked at in each round.
 */
export function drain(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.standing !== 'drained' || self.state !== 'leaving' || !state.isSettled) return
  const members = ringRowsOf(state)
  const epoch = membershipEpoch(members)
  const { drain } = state
  if (!haveAllSeen(members, epoch)) {
    drain.epoch = ''
    return
  }
  const areHeard = drain.epoch === epoch && drain.unheard.size === 0
  if (areHeard && drain.hints === 0) return leave(state, context)
  if (!areHeard && drain.epoch === epoch && context.now() < drain.untilMs) return
  drain.epoch = epoch
  drain.untilMs = context.now() + answerMs
  drain.unheard.clear()
  drain.hints = 0
  for (let thread = 0; thread < self.threads; thread++) {
    const sequence = state.nextSequence++
    drain.unheard.add(sequence)
    const to: Ref<CoordinatorMessage> = {
      address: addressOf(threadAddressOf(context.host, `data-${thread}`), 'coordinator'),
      correlation: 0,
      incarnation: 0
    }
    context.send(to, { kind: 'list-hints', replyTo: context.replyRef<HintsListed>(sequence) }, answerMs)
  }
}

export function takeHints({ drain }: GossipState, { hints, owed = 0 }: HintsListed, context: GossipContext): void {
  if (drain.unheard.delete(context.correlation)) drain.hints += hints.length + owed
}

function leave(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  setSelf(state, withState(renewed(self), 'left'), context)
  save(state, context)
  context.log.info({ uid: self.uid }, 'this host has left the cluster')
}

/** The others hear of it, and who knows answers so; then there is nothing left to do here. A host that was removed ends at once. */
export function sayFarewell(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  // With others that were removed with it, it could go on for ever acknowledging what nobody else is given.
  if (self.state === 'removed') {
    save(state, context)
    return context.resources.left?.()
  }
  if (self.state !== 'left') return
  const unaware = state.members.members.filter(({ uid }) => isLivingOther(state, uid, context) && !state.farewells.has(uid))
  if (unaware.length === 0 || (state.farewells.size > 0 && ++state.farewellRounds >= farewellRoundsMax))
    return context.resources.left?.()
  const start = Math.floor(context.random() * unaware.length)
  for (let step = 0; step < Math.min(farewellsPerRound, unaware.length); step++) {
    const { name } = unaware[(start + step) % unaware.length]!
    context.signal(agentOf(name), { kind: 'gossip-news', gist: gistOf(state, context, self.uid) })
  }
}
