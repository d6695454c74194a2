import { type Fault, fault } from '../../model/fault.ts'
import { isGone, type Member } from '../../model/membership.ts'
import { changesOf } from '../../model/ring-change.ts'
import { hostsNeeded } from './gossip-changes.ts'
import { type GossipState, ringRowsOf } from './gossip-state.ts'

/** @returns why this host, or another as this one sees it, cannot begin to leave now */
export function whyNotLeave(state: GossipState, self: Member): Fault | undefined {
  if (state.cluster === undefined || !state.isSettled)
    return fault('unavailable', `${self.name} does not know the others yet: try again`)
  if (self.removing !== undefined)
    return fault('bad_request', `${self.name} sees the removal of a host through: wait for that first`)
  if (self.nextWeight !== undefined)
    return fault('bad_request', `${self.name} changes its weight: wait for that first, or abort the plan`)
  const successor = changesOf(ringRowsOf(state)).find(({ replaced }) => replaced === self)?.by
  if (successor !== undefined)
    return fault('bad_request', `${successor.name} takes the place of ${self.name}: wait for that, or abort the plan`)
  return tooFew(state, self)
}

/** There must stay as many hosts as any bucket asks for replicas. */
export function tooFew(state: GossipState, subject: Member): Fault | undefined {
  const members = ringRowsOf(state)
  const going = new Set(changesOf(members).flatMap(change => (change.kind === 'join' ? [] : change.subject.uid)))
  const left = members.filter(
    ({ uid, standing, state }) => !isGone(state) && standing === 'up' && uid !== subject.uid && !going.has(uid)
  )
  const needed = hostsNeeded(state)
  if (left.length >= needed) return undefined
  const detail = `without ${subject.name} ${left.length} hosts would stay, and buckets ask for ${needed} replicas: let another host join first`
  return fault('bad_request', detail, { limit: needed, size: left.length })
}
