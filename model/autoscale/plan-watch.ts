import type { Member } from '../membership.ts'
import { planIn, progressOf } from '../plan.ts'
import type { StagedChange } from '../staged-plan.ts'

/** A plan of the autoscaler's: of one change. */
export interface Submitted {
  readonly id: number
  readonly change: StagedChange
  /** Its name when it was submitted: who has left is looked for by it. */
  readonly host: string
}

/** The plan that is there, as the autoscaler sees it. `text`: a sentence's end. */
export type PlanSeen =
  | { readonly kind: 'none' }
  | { readonly kind: 'own'; readonly text: string; readonly plan: Submitted }
  | { readonly kind: 'operators'; readonly text: string; readonly id: number }

/**
 * What came of a plan of the autoscaler's that is there no more. `open`: what it began goes on, or is being taken back. `void`: who should
 * have joined is gone.
 */
export type Fate = 'open' | 'through' | 'aborted' | 'void'

/** Whose plan there is: by the mark in the plan, so that an autoscaler knows what the one before it has submitted. */
export function planSeen(members: readonly Member[], waitsFor: readonly string[]): PlanSeen {
  const kept = planIn(members)
  if (kept === undefined) return { kind: 'none' }
  const { keeper, plan } = kept
  const stands = plan.isPaused ? 'paused' : plan.isCommitted ? 'under way' : 'staged'
  const [change] = plan.changes
  if (plan.by === undefined || change === undefined) {
    const count = plan.changes.length
    const text = `an operator's plan of ${count} ${count === 1 ? 'change' : 'changes'} is ${stands}, which ${keeper.name} keeps`
    return { kind: 'operators', text, id: plan.id }
  }
  const host = members.find(({ uid }) => uid === change.uid)?.name ?? ''
  const what = change.kind === 'join' ? `${host} joins` : `${host} leaves`
  const waits = waitsFor.length === 0 ? '' : ` (${waitsFor[0]})`
  return { kind: 'own', text: `its plan is ${stands}: ${what}${waits}`, plan: { id: plan.id, change, host } }
}

/** @param members without the plan */
export function fateOf({ change }: Submitted, members: readonly Member[]): Fate {
  switch (progressOf(change, members)) {
    case 'waiting':
      return 'aborted'
    case 'moving':
      return 'open'
    case 'void':
      return 'void'
    default:
      return 'through'
  }
}
