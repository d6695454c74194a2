import { displacedOf, isGone, type Member } from './membership.ts'
import type { Plan, StagedChange } from './staged-plan.ts'

/** A plan and who keeps it. */
export interface KeptPlan {
  readonly keeper: Member
  readonly plan: Plan
}

/**
 * How a change of a plan stands. `ending`: the ring has moved, and the host that left hands over what it keeps for others. `void`: it can come about no
 * more, since a host that it names is gone.
 */
export type Progress = 'waiting' | 'moving' | 'ending' | 'done' | 'void'

/**
 * The plan that counts: of several, which hosts have begun unaware of each other, an operator's before the autoscaler's, then one that is committed,
 * then the earliest.
 */
export function planIn(members: readonly Member[]): KeptPlan | undefined {
  let found: KeptPlan | undefined
  for (const keeper of members) {
    const { plan } = keeper
    if (plan === undefined || isGone(keeper.state)) continue
    if (found === undefined || comesBefore({ keeper, plan }, found)) found = { keeper, plan }
  }
  return found
}

function comesBefore(a: KeptPlan, b: KeptPlan): boolean {
  const isAutomatic = ({ plan }: KeptPlan): number => Number(plan.by !== undefined)
  const isCommitted = ({ plan }: KeptPlan): number => Number(plan.isCommitted)
  return (
    (isAutomatic(a) - isAutomatic(b) || isCommitted(b) - isCommitted(a) || a.plan.id - b.plan.id || a.keeper.uid - b.keeper.uid) <
    0
  )
}

/** In the order in which they are carried out: what takes the keeper of the plan away comes last. */
export function turnsOf({ keeper, plan }: KeptPlan): readonly StagedChange[] {
  const endsKeeper = (change: StagedChange): boolean =>
    (change.kind === 'leave' && change.uid === keeper.uid) || (change.kind === 'replace' && change.replaced === keeper.uid)
  return [...plan.changes.filter(change => !endsKeeper(change)), ...plan.changes.filter(endsKeeper)]
}

/** The change that has its turn, begun or not; undefined: all are through, or the plan is not committed. */
export function turnIn(kept: KeptPlan, members: readonly Member[]): StagedChange | undefined {
  if (!kept.plan.isCommitted) return undefined
  return turnsOf(kept).find(change => {
    const progress = progressOf(change, members)
    return progress === 'waiting' || progress === 'moving'
  })
}

/** Whether nothing of a committed plan is left to do. */
export function isThrough({ isCommitted, changes }: Plan, members: readonly Member[]): boolean {
  return isCommitted && changes.every(change => ['done', 'void'].includes(progressOf(change, members)))
}

/** As the rows have it. */
export function progressOf(change: StagedChange, members: readonly Member[]): Progress {
  const member = members.find(({ uid }) => uid === change.uid)
  const isThere = member !== undefined && !isGone(member.state)
  switch (change.kind) {
    case 'join':
      if (!isThere || member.replaces !== undefined) return 'void'
      return member.standing !== 'joining' ? 'done' : member.isWaiting === true ? 'waiting' : 'moving'
    case 'leave':
      if (!isThere) return 'done'
      return member.standing === 'drained' ? 'ending' : member.standing === 'leaving' ? 'moving' : 'waiting'
    case 'weight':
      if (!isThere || member.standing === 'leaving' || member.standing === 'drained') return 'void'
      if (member.nextWeight !== undefined) return member.nextWeight === change.weight ? 'moving' : 'waiting'
      return member.weight === change.weight ? 'done' : 'waiting'
    default:
      return isThere ? replacement(change.replaced, member, members) : 'void'
  }
}

function replacement(replaced: number, member: Member, members: readonly Member[]): Progress {
  const old = members.find(({ uid }) => uid === replaced)
  const isOut = old === undefined || isGone(old.state)
  if (member.standing !== 'joining') return isOut ? 'done' : member.replaces === replaced ? 'ending' : 'void'
  if (isOut || old.standing !== 'up' || displacedOf(members).has(replaced)) return 'void'
  return member.replaces === replaced ? 'moving' : 'waiting'
}

/** All hosts that a change names. */
export function namedIn(change: StagedChange): readonly number[] {
  return change.kind === 'replace' ? [change.uid, change.replaced] : [change.uid]
}

/**
 * The members as they will be once a change is done.
 * @param members without other changes under way
 */
export function afterChange(change: StagedChange, members: readonly Member[]): readonly Member[] {
  const replaced = change.kind === 'replace' ? members.find(({ uid }) => uid === change.replaced) : undefined
  return members.flatMap(member => {
    if (member.uid === replaced?.uid) return []
    if (member.uid !== change.uid) return member
    switch (change.kind) {
      case 'leave':
        return []
      case 'weight':
        return { ...member, weight: change.weight, nextWeight: undefined }
      default:
        return { ...taking(member, replaced), state: 'up' as const, standing: 'up' as const, isWaiting: undefined }
    }
  })
}

function taking(member: Member, replaced: Member | undefined): Member {
  if (replaced === undefined) return member
  const { weight, seat, place, name } = replaced
  return { ...member, weight, seat, place: place ?? name, replaces: undefined }
}
