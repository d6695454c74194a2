import { planIn } from '../../model/plan.ts'
import type { Change } from '../../model/ring-change.ts'
import type { TransferPace } from '../ring/ring-view.ts'
import { type GossipState, ringRowsOf } from './gossip-state.ts'

/** How fast a change may go: as its plan says. @returns undefined where no plan has begun it */
export function paceOf(state: GossipState, change: Change | undefined): TransferPace | undefined {
  const plan = planIn(ringRowsOf(state))?.plan
  if (change === undefined || plan === undefined || change.by.planned !== plan.id) return undefined
  return { isPaused: plan.isPaused, bytesPerSecond: plan.bytesPerSecond }
}
