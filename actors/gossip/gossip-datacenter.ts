import type { Ref } from '../../bus/bus.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { isGone, type Member, ringMembers, successorOf, withState } from '../../model/membership.ts'
import { type Change, changesOf } from '../../model/ring-change.ts'
import type { GossipMessage } from './gossip-protocol.ts'
import { setRow } from './gossip-rows.ts'
import { agentOf, type GossipContext, type GossipState, isLivingOther, ringRowsOf, selfOf } from './gossip-state.ts'

/** Whether there are members elsewhere, and nobody in this datacenter owns anything: its ring is still to be founded. */
export function isUnfounded(state: GossipState): boolean {
  const rows = ringRowsOf(state)
  return rows.length < state.members.size && ringMembers(rows).length === 0
}

/**
 * The change under way where the ring of this datacenter is empty: only the host that is to found it takes a place, once it has fetched all data
 * from another datacenter; the others join it then. Two that both began would each acknowledge writes by a ring of its own.
 */
export function foundingChange(state: GossipState): Change | undefined {
  if (!state.founds) return undefined
  return changesOf(ringRowsOf(state)).find(({ kind, by }) => kind === 'join' && by.uid === state.uid)
}

/**
 * Every host of this datacenter has lost its disk, and new selves of all of them have come: there is nothing left to wait for. The old ones
 * are removed, and the ring is founded anew with what the other datacenters have.
 */
export function buryDatacenter(state: GossipState, context: GossipContext): void {
  if (!state.founds || !state.isSettled || selfOf(state, context).standing !== 'joining') return
  const rows = ringRowsOf(state)
  const owners = ringMembers(rows)
  if (rows.length === state.members.size || owners.length === 0) return
  if (!owners.every(owner => owner.state === 'down' && successorOf(owner, rows) !== undefined)) return
  const dead = rows.filter(row => !isGone(row.state) && row.standing !== 'joining' && row.state === 'down')
  for (const member of dead) setRow(state, withState(member, 'removed'), undefined, context)
  context.log.warn(
    { dc: state.dc, hosts: dead.map(({ name }) => name) },
    'all hosts of this datacenter have lost their disks: it begins anew with what the others have'
  )
}

/**
 * Pass an order about a host of another datacenter on to one of that datacenter, which knows its ring.
 * @returns why nobody there can take it; undefined: it was passed on
 */
export function passToDatacenter(
  state: GossipState,
  subject: Member,
  message: GossipMessage,
  context: GossipContext
): Fault | undefined {
  const able = state.members.members.find(
    ({ dc, uid, state: said }) => dc === subject.dc && said === 'up' && isLivingOther(state, uid, context)
  )
  if (able === undefined) {
    const detail = `${subject.name} is in datacenter ${subject.dc}, of which no host is up: only one of these can see its removal through. Where all of ${subject.dc} is gone for good: carillon remove --datacenter ${subject.dc}`
    return fault('unavailable', detail)
  }
  context.signal<GossipMessage>(agentOf(able.name) as Ref<GossipMessage>, message)
  return undefined
}
