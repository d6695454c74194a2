import { isGone, type Member, withStanding } from '../../model/membership.ts'
import { isThrough, planIn, progressOf, turnIn } from '../../model/plan.ts'
import { ticketOf } from '../../model/ring-change.ts'
import type { StagedChange } from '../../model/staged-plan.ts'
import { renewed, withoutPlan, withoutRemoval } from './gossip-changes.ts'
import { whyNotLeave } from './gossip-refusals.ts'
import { waiting } from './gossip-replace.ts'
import { setSelf } from './gossip-rows.ts'
import { type GossipContext, type GossipState, selfOf, ringRowsOf } from './gossip-state.ts'

/**
 * What a plan asks of this host, whoever keeps it: begin what has its turn, and take back what it has begun for a plan that is no more. The keeper forgets
 * a plan that is through.
 */
export function proceedWithPlan(state: GossipState, context: GossipContext): void {
  if (isGone(selfOf(state, context).state)) return
  keepPlan(state, context)
  takeBackPlanned(state, context)
  const members = ringRowsOf(state)
  const self = selfOf(state, context)
  const kept = planIn(members)
  if (kept === undefined || kept.plan.isPaused || self.planned === kept.plan.id) return
  const turn = turnIn(kept, members)
  if (turn?.uid !== self.uid || progressOf(turn, members) !== 'waiting') return
  const row = begun(state, self, turn)
  if (row === undefined) return
  setSelf(state, { ...row, ticket: ticketOf(members), arrived: '', planned: kept.plan.id }, context)
  context.log.info({ uid: self.uid, plan: kept.plan.id, change: turn.kind }, 'this host begins what a plan asks of it')
}

function keepPlan(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.plan === undefined) return
  const { plan } = self
  const members = ringRowsOf(state)
  const first = planIn(members)
  // Two operators at two hosts that had not heard of each other; or an operator and the autoscaler, which gives way.
  const isBehind = first !== undefined && first.plan !== plan && (!plan.isCommitted || plan.by !== undefined)
  if (isBehind)
    context.log.warn(
      { plan: plan.id, keeper: first.keeper.name },
      'what was staged here is dropped: another plan was there before'
    )
  else if (isThrough(plan, members)) context.log.info({ plan: plan.id }, 'a plan is through')
  else return
  dropPlan(state, self, context)
}

export function dropPlan(state: GossipState, self: Member, context: GossipContext): void {
  const { plan: _, ...rest } = self
  setSelf(state, rest, context)
}

/** The plan was aborted, or its keeper is gone: what the ring does not show yet is taken back. */
function takeBackPlanned(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.planned === undefined) return
  const members = ringRowsOf(state)
  const { planned } = self
  if (members.some(({ plan, state }) => plan?.id === planned && plan?.isCommitted && !isGone(state))) return
  const row = tookBack(self)
  setSelf(state, row, context)
  if (row.incarnation !== self.incarnation)
    context.log.info({ uid: self.uid, plan: self.planned }, 'this host takes back what it has begun for a plan that is no more')
}

function tookBack(self: Member): Member {
  const rest = withoutPlan(self)
  if (rest.standing === 'leaving') return withStanding(renewed(rest), 'up')
  if (rest.standing === 'joining') return waiting(rest)
  if (rest.nextWeight === undefined) return rest
  const { nextWeight: _, ...row } = rest
  return renewed(row)
}

/** @returns its row when it has begun; undefined where it cannot now: what it waits for is told to whoever asks */
function begun(state: GossipState, self: Member, change: StagedChange): Member | undefined {
  if (state.cluster === undefined || !state.isSettled) return undefined
  const { isWaiting: _, ...rest } = self
  switch (change.kind) {
    case 'join':
      return rest
    case 'replace': {
      const isDead = change.isDead && state.members.get(change.replaced)?.state === 'down'
      return { ...withoutRemoval(rest), replaces: change.replaced, ...(isDead ? { removing: change.replaced } : {}) }
    }
    case 'weight':
      return self.standing === 'up' && self.removing === undefined ? { ...self, nextWeight: change.weight } : undefined
    default: {
      const why = self.standing === 'up' ? whyNotLeave(state, self) : undefined
      if (self.standing === 'up' && why === undefined) return withStanding(self, 'leaving')
      return undefined
    }
  }
}
