import { membersIn, otherDatacenters } from '../../model/datacenter.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { isGone, ringMembers, withState } from '../../model/membership.ts'
import { planIn } from '../../model/plan.ts'
import type { GossipMessage } from './gossip-protocol.ts'
import { setRow } from './gossip-rows.ts'
import { type GossipContext, type GossipState, selfOf } from './gossip-state.ts'
import { publish } from './gossip-view.ts'

/**
 * A datacenter that is gone for good: all its hosts are removed at once. Nobody else's ring changes by it, so there is nothing to prepare: no quorum of
 * another datacenter has one of them in it.
 * @see docs/decisions/0027-removing-a-datacenter.md
 */
export function takeRemoveDatacenter(
  state: GossipState,
  { dc, replyTo }: Extract<GossipMessage, { kind: 'remove-datacenter' }>,
  context: GossipContext
): void {
  const why = whyNotRemoved(state, dc, context)
  if (why !== undefined) return context.send(replyTo, { kind: 'refused', fault: why, epoch: '' })
  const dead = membersIn(state.members.members, dc).filter(member => !isGone(member.state))
  const hosts = dead.map(({ name }) => name).sort()
  for (const member of dead) setRow(state, withState(member, 'removed'), undefined, context)
  context.log.warn({ dc, hosts }, 'a datacenter is removed: its hosts must not come back with their data')
  // On this host's disk before it is answered.
  publish(state, context)
  context.send(replyTo, { kind: 'datacenter-removed', dc, hosts })
}

function whyNotRemoved(state: GossipState, dc: string, context: GossipContext): Fault | undefined {
  const self = selfOf(state, context)
  const { members } = state.members
  if (state.cluster === undefined || !state.isSettled)
    return fault('unavailable', `${self.name} does not know the others yet: try again`)
  if (dc === state.dc) return fault('bad_request', `${self.name} is in datacenter ${dc} itself: ask a host of one that stays`)
  if (self.standing !== 'up') return fault('bad_request', `${self.name} is ${self.standing}: ask a host that is up`)
  const others = otherDatacenters(members, state.dc)
  if (!others.includes(dc)) {
    const known = others.length === 0 ? 'there is no other' : `others are ${others.join(', ')}`
    return fault('not_found', `there is no datacenter ${JSON.stringify(dc.slice(0, 64))} to remove: ${known}`)
  }
  const alive = membersIn(members, dc).find(member => !isGone(member.state) && member.state !== 'down')
  if (alive !== undefined) {
    const detail = `${alive.name} of datacenter ${dc} is ${alive.state}: it is removed only when all its hosts are down`
    return fault('bad_request', detail)
  }
  for (const stays of [state.dc, ...others.filter(other => other !== dc)]) {
    const rows = membersIn(members, stays)
    const kept = planIn(rows)
    if (kept !== undefined) {
      const detail = `there is a plan in datacenter ${stays}, which ${kept.keeper.name} keeps: wait for its end, or abort it (carillon abort)`
      return fault('bad_request', detail)
    }
    // It may be fetching from there what it has from nowhere else yet.
    if (ringMembers(rows).length === 0)
      return fault('bad_request', `datacenter ${stays} is being founded: wait until one of its hosts is up`)
  }
  return undefined
}
