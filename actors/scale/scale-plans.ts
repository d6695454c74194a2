import type { Ref } from '../../bus/bus.ts'
import { addressOf } from '../../bus/bus.ts'
import { type Fate, fateOf, planSeen, type Submitted } from '../../model/autoscale/plan-watch.ts'
import type { Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import type { GossipMessage, PlanOrder, PlanReply, WantedChange } from '../gossip/gossip-protocol.ts'

export type PlanTold = Extract<PlanReply, { kind: 'plan-told' }>

/** How its own gossip agent may take to answer. */
const answerMs = 5_000
/** News of the plan may come before news of what it has done: so many looks must say that it was aborted. */
const abortLooks = 2

/** What the autoscaler knows of plans. */
export interface PlanWatch {
  /** As told since the last look. */
  told: PlanTold | undefined
  /** Its own, or of the autoscaler before it, until its fate is known. */
  own: Submitted | undefined
  /** Looks in a row by which it was aborted. */
  aborts: number
  /** Of the operator's plan that it waits for; 0: none. */
  waitsFor: number
  readonly fates: Readonly<Record<Exclude<Fate, 'open'> | 'refused', Counter>>
}

/** What a look at the plan comes to. */
export interface WatchedPlan {
  /** Why nothing is to be done, as a sentence's end; undefined: there is no plan. */
  readonly text: string | undefined
  /** Its plan that has just come to an end. */
  readonly ended?: { readonly plan: Submitted; readonly fate: Exclude<Fate, 'open'> }
}

export function planWatch<M extends { readonly kind: string }, R>({ metrics }: Context<M, R>): PlanWatch {
  const fate = (outcome: string): Counter =>
    metrics.counter('autoscaler_plans_total', 'Plans that the autoscaler submitted, by what came of them', { outcome })
  const watch: PlanWatch = {
    told: undefined,
    own: undefined,
    aborts: 0,
    waitsFor: 0,
    fates: { through: fate('through'), aborted: fate('aborted'), void: fate('void'), refused: fate('refused') }
  }
  metrics.observe('autoscaler_waits_for_plan', "1 while an operator's plan holds the autoscaler back", () =>
    watch.waitsFor === 0 ? 0 : 1
  )
  return watch
}

/** @param correlation of the answer, `plan-told` or `refused` */
export function askForPlan<M extends { readonly kind: string }, R>(
  watch: PlanWatch,
  correlation: number,
  context: Context<M, R>
): void {
  watch.told = undefined
  say({ what: 'tell' }, correlation, context)
}

/**
 * The autoscaler's only way to the ring: a plan of one change, like those of operators, which can see it, pause it and abort it. It is kept by the
 * host on which the autoscaler runs, and refused where there is another plan, or where too few hosts would stay.
 * @param correlation of the answer, `plan-told` or `refused`
 */
export function submitPlan<M extends { readonly kind: string }, R>(
  change: WantedChange,
  correlation: number,
  context: Context<M, R>
): void {
  say({ what: 'submit', change }, correlation, context)
}

function say<M extends { readonly kind: string }, R>(order: PlanOrder, correlation: number, context: Context<M, R>): void {
  const to: Ref<GossipMessage> = { address: addressOf(context.thread, 'gossip-agent'), correlation: 0, incarnation: 0 }
  context.send(to, { kind: 'plan', order, replyTo: context.replyRef<PlanReply>(correlation) }, answerMs)
}

/** Also what answers a plan that was submitted: it may be aborted before the next look. */
export function takeTold(watch: PlanWatch, told: PlanTold): void {
  watch.told = told
  const seen = planSeen(told.members, told.waitsFor)
  if (seen.kind === 'own' && watch.own?.id !== seen.plan.id) watch.own = seen.plan
}

/** Whose plan there is, and what came of its own. To be asked once in each look. */
export function watchPlan<M extends { readonly kind: string }, R>(
  watch: PlanWatch,
  job: string,
  context: Context<M, R>
): WatchedPlan {
  const { told } = watch
  if (told === undefined) return { text: 'the plan is not known' }
  const seen = planSeen(told.members, told.waitsFor)
  if (seen.kind === 'operators' && seen.id !== watch.waitsFor) context.log.info({ job, plan: seen.id }, `waits: ${seen.text}`)
  watch.waitsFor = seen.kind === 'operators' ? seen.id : 0
  if (seen.kind === 'own') {
    watch.aborts = 0
    return { text: seen.text }
  }
  const { own } = watch
  const text = seen.kind === 'operators' ? seen.text : undefined
  if (own === undefined) return { text }
  const fate = fateOf(own, told.members)
  watch.aborts = fate === 'aborted' ? watch.aborts + 1 : 0
  if (fate === 'open' || (fate === 'aborted' && watch.aborts < abortLooks))
    return { text: text ?? `its plan is no more, and it is not known yet what came of it: ${own.host}` }
  watch.own = undefined
  watch.aborts = 0
  watch.fates[fate].add()
  return { text, ended: { plan: own, fate } }
}
