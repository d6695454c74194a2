import { threadAddressOf } from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { quorumOf, strength } from '../../model/quorum.ts'
import type { PeekRequest } from './coordinator-protocol.ts'
import { type CoordinatorContext, type CoordinatorState, refuse } from './coordinator-state.ts'
import { requestFault, routeBy } from './request-route.ts'
import { needsOf } from './request-needs.ts'
import { dataThreadOf } from '../ring/ring-view.ts'

const anotherRing = Object.freeze(
  fault('unavailable', 'the ring is another one by now, or this host owns nothing of the key: ask a coordinator', {
    outcome: 'refused'
  })
)
const toBeMended = Object.freeze(
  fault('unavailable', 'an owner was away not long ago: ask a coordinator, which mends it', { outcome: 'refused' })
)

/**
 * Let this host's replica answer a client that asks the owners itself. No operation is begun: the vnode answers the client. Whatever
 * is more than 'owners say what they hold' (repair, fallbacks, an owner that was away) is a coordinator's.
 */
export function servePeek(state: CoordinatorState, request: PeekRequest, context: CoordinatorContext): void {
  const { key, slot, isDigest, replyTo } = request
  const late = state.admission.late(context) ?? requestFault(request, context)
  if (late !== undefined) return refuse(replyTo, late, state, context)
  const view = state.ring?.view
  if (state.ring === undefined || view === undefined || view.epoch !== request.epoch)
    return refuse(replyTo, anotherRing, state, context)
  const route = routeBy(state.ring, state, key, context)
  const { partition, set, properties } = route
  const self = set.replicas[set.selfSlot]
  if (self?.isPresent !== true || threadAddressOf(context.host, dataThreadOf(self.host, partition)) !== context.thread)
    return refuse(replyTo, anotherRing, state, context)
  for (const replica of set.replicas) if (replica.host.isBack) return refuse(replyTo, toBeMended, state, context)
  // A get counts once, whoever is asked.
  const excess = isDigest ? undefined : state.admission.excess(request, properties.rate, state, context)
  if (excess !== undefined) return refuse(replyTo, excess, state, context)
  // More than one ring has to be asked.
  if (request.options.level === 'each_quorum' && state.shipments.others.length > 0)
    return refuse(replyTo, anotherRing, state, context)
  const needs = needsOf(request.options, route, 'read')
  if ('code' in needs) return refuse(replyTo, needs, state, context)
  const { needed } = needs
  const w = properties.w === 0 ? quorumOf(set.present) : properties.w
  const grade = strength(needed, w, set.present, false)
  const budgetMs = context.deadlineMs === Number.POSITIVE_INFINITY ? 0 : Math.max(1, context.deadlineMs - context.now())
  state.figures.peeked.add()
  context.send(self.vnode, { kind: 'peek', key, slot, isDigest, needed, strength: grade, replyTo }, budgetMs)
}
