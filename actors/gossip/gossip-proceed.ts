import { isGone, ringMembers } from '../../model/membership.ts'
import { atTurn, changesOf, promisedChange } from '../../model/ring-change.ts'
import {
  endRemoval,
  giveUp,
  giveUpPlace,
  hostsNeeded,
  movingIn,
  reopen,
  takeBack,
  takePlace,
  takeTurn,
  unready
} from './gossip-changes.ts'
import { paceOf } from './gossip-pace.ts'
import { closeForSuccessor, endReplacement, takePlaceOf, takeWeight, yieldPlace } from './gossip-replace.ts'
import { type GossipContext, type GossipState, selfOf, ringRowsOf } from './gossip-state.ts'

/** See through what this host has begun, as far as it goes now; and forget a promise that is over. */
export function proceedWithChange(state: GossipState, context: GossipContext): void {
  const { promised } = state
  if (promised !== undefined && promisedChange(ringRowsOf(state), promised) === undefined) {
    state.promised = undefined
    state.isFileStale = true
    state.isViewStale = true
  }
  if (isGone(selfOf(state, context).state)) return
  takeBack(state, context)
  yieldPlace(state, context)
  endReplacement(state, context)
  takeTurn(state, context)
  const members = ringRowsOf(state)
  const self = selfOf(state, context)
  const moving = movingIn(state)
  const own =
    moving === undefined ? undefined : changesOf(members).find(each => each.by === self && each.subject === moving.subject)
  if (
    (own?.kind === 'leave' || own?.kind === 'remove') &&
    ringMembers(atTurn(members, own), 'future').length < hostsNeeded(state)
  )
    return giveUp(state, self, own, context)
  const isReady = own !== undefined && paceOf(state, own)?.isPaused !== true && unready(own, members).length === 0
  const closes = closeForSuccessor(state, self, moving, context)
  if (!closes && (!isReady || own.kind !== 'leave')) reopen(state, context)
  if (!isReady) return
  if (own.kind === 'join') takePlace(state, self, context)
  else if (own.kind === 'leave') giveUpPlace(state, self, context)
  else if (own.kind === 'weight') takeWeight(state, self, context)
  else if (own.replaced !== undefined) takePlaceOf(state, self, own.replaced, context)
  else endRemoval(state, self, own.subject, context)
}
