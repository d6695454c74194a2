import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import {
  type AutoscaleMemory,
  decide,
  type Decision,
  firstMemory,
  type Observation,
  vetoed
} from '../../model/autoscale/autoscale.ts'
import { type HostLoad, loadBetween, type LoadSample } from '../../model/autoscale/load.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import type { PlanReply } from '../gossip/gossip-protocol.ts'
import type { HostMessage, HostReply } from '../host-protocol.ts'
import { type BucketTable, propertiesOf } from '../ring/bucket-table.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import type { RingView } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import { renewLease } from '../work/work-lease.ts'
import { type WorkArguments, workRenewMs, type WorkReply } from '../work/work-protocol.ts'
import type { ScaleSettings } from './autoscaler-protocol.ts'
import { askForPlan, planWatch, type PlanWatch, submitPlan, takeTold, type WatchedPlan, watchPlan } from './scale-plans.ts'

type ScaleMessage =
  | WorkReply
  | RingNews
  | HostReply
  | PlanReply
  | { readonly kind: 'renew' }
  | { readonly kind: 'subscribe' }
  | { readonly kind: 'look' }
  | { readonly kind: 'judge'; readonly look: number }

type ScaleContext = Context<ScaleMessage, SystemResources>

interface ScaleState {
  readonly args: WorkArguments
  readonly settings: ScaleSettings
  view: RingView | undefined
  table: BucketTable
  memory: AutoscaleMemory
  looks: number
  /** Who answers the look under way, by correlation. */
  readonly asked: Map<number, string>
  correlation: number
  /** The last sample of each host, by name, and how busy it was before that. */
  readonly samples: Map<
    string,
    { readonly incarnation: number; readonly sample: LoadSample; readonly load: HostLoad | undefined }
  >
  readonly plans: PlanWatch
  /** Who leaves; '' nobody. */
  leaving: string
  said: string
  last: Decision | undefined
  readonly steps: Readonly<Record<'grow' | 'join' | 'shrink', Counter>>
  readonly failed: Counter
}

const ringCorrelation = 0
const leaseCorrelation = 1
const submitCorrelation = 2
const orderCorrelation = 3
const tellCorrelation = 4
const firstCorrelation = 5
/** Whoever starts hosts may have to ask someone else. */
const orderMs = 30_000

/**
 * Does the work `scale/CLUSTER`, on the one host that leads: looks at how busy all hosts are, and asks for one more, or lets one leave. What
 * decides is pure (`model/autoscale/autoscale.ts`). The ring changes by plans that it submits, never beside an operator's. A host is let go by
 * the ring first; only when it has left is it taken away.
 */
export const autoscaler: Behaviour<ScaleState, ScaleMessage, WorkArguments, SystemResources> = {
  kind: 'autoscaler',

  start(args, context) {
    const settings = context.resources.autoscale
    if (settings === undefined) throw new Error('an autoscaler was started where none is wanted')
    const steps = (step: string): Counter =>
      context.metrics.counter('autoscaler_steps_total', 'Hosts that the autoscaler asked for, and let go', { step })
    const state: ScaleState = {
      args,
      settings,
      view: undefined,
      table: {},
      memory: firstMemory(settings, context.now()),
      looks: 0,
      asked: new Map(),
      correlation: firstCorrelation,
      samples: new Map(),
      plans: planWatch(context),
      leaving: '',
      said: '',
      last: undefined,
      steps: { grow: steps('grow'), join: steps('join'), shrink: steps('shrink') },
      failed: context.metrics.counter('autoscaler_failures_total', 'Orders of the autoscaler that were refused or not answered')
    }
    context.metrics.observe(
      'autoscaler_pressure',
      'How much of its target the most used resource uses: 1 is all of it; -1 unknown',
      () => state.last?.pressure ?? -1
    )
    renew(state, context)
    subscribe(state, context)
    context.after(settings.periodMs, { kind: 'look' })
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'lapsed':
        return context.exit('normal')
      case 'renew':
        return renew(state, context)
      case 'subscribe':
        return subscribe(state, context)
      case 'ring':
        state.view = message.view
        return
      case 'buckets':
        state.table = message.table
        return
      case 'look':
        return look(state, context)
      case 'judge':
        return message.look === state.looks ? judge(state, context) : undefined
      case 'host-load':
        return take(state, message, context)
      case 'plan-told':
        return takeTold(state.plans, message)
      case 'refused':
        return refused(state, message.fault.detail, context)
      default:
    }
  },

  undelivered(state, reason, context) {
    if (context.correlation === submitCorrelation || context.correlation === orderCorrelation)
      refused(state, `it was not answered (${reason})`, context)
  },

  summary: ({ args, last, leaving, memory, plans }) => ({
    job: args.job,
    why: last?.why ?? null,
    pressure: last?.pressure ?? null,
    leaving,
    plan: plans.own?.id ?? null,
    wanted: memory.wanted?.hosts ?? null
  })
}

function renew(state: ScaleState, context: ScaleContext): void {
  renewLease(state.args, { looks: state.looks }, leaseCorrelation, context)
  context.after(workRenewMs, { kind: 'renew' })
}

function subscribe(state: ScaleState, context: ScaleContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, {
    kind: 'subscribe',
    have: state.view?.revision ?? '',
    replyTo: context.replyRef<RingNews>(ringCorrelation)
  })
  context.after(ringLeaseMs, { kind: 'subscribe' })
}

function inspectorOf(host: string): Ref<HostMessage> {
  return { address: addressOf(threadAddressOf(host, 'main'), 'host'), correlation: 0, incarnation: 0 }
}

/** All hosts are asked; what has come half a period later is judged. */
function look(state: ScaleState, context: ScaleContext): void {
  const { periodMs } = state.settings
  context.after(periodMs, { kind: 'look' })
  if (state.view === undefined) return
  state.looks++
  state.asked.clear()
  askForPlan(state.plans, tellCorrelation, context)
  for (const { name } of state.view.hosts) {
    state.asked.set(++state.correlation, name)
    context.send(
      inspectorOf(name),
      { kind: 'measure-load', replyTo: context.replyRef<HostReply>(state.correlation) },
      periodMs / 2
    )
  }
  context.after(periodMs / 2, { kind: 'judge', look: state.looks })
}

function take(state: ScaleState, { sample }: Extract<HostReply, { kind: 'host-load' }>, context: ScaleContext): void {
  const name = state.asked.get(context.correlation)
  const host = state.view?.hosts.find(one => one.name === name)
  if (name === undefined || host === undefined) return
  state.asked.delete(context.correlation)
  const before = state.samples.get(name)
  const isSame = before?.incarnation === host.incarnation
  const load = isSame ? loadBetween(before.sample, sample) : undefined
  state.samples.set(name, { incarnation: host.incarnation, sample, load })
}

function judge(state: ScaleState, context: ScaleContext): void {
  const { view } = state
  if (view === undefined) return
  for (const name of state.samples.keys()) if (!view.hosts.some(host => host.name === name)) state.samples.delete(name)
  const watched = watchPlan(state.plans, state.args.job, context)
  takeFate(state, watched, view, context)
  takeAway(state, view, context)
  const silent = new Set(state.asked.values())
  const { defaults } = context.resources
  const seen: Observation = {
    atMs: context.now(),
    hosts: view.hosts.map(({ name, state: stands, standing, isReplaced, isRemoving, isWaiting }) => ({
      name,
      isWaiting: isWaiting === true && stands === 'joining',
      isUp: stands === 'up' && standing === 'up' && !isReplaced && !isRemoving,
      load: silent.has(name) ? undefined : state.samples.get(name)?.load
    })),
    needed: Math.max(
      view.replicas,
      defaults.n,
      ...Object.keys(state.table).map(bucket => propertiesOf(state.table, bucket, defaults).n)
    ),
    isMoving: view.moving !== 0,
    plan: watched.text
  }
  const decision = decide(state.settings, state.memory, seen)
  state.memory = decision.memory
  state.last = decision
  if (decision.step !== 'hold') return carryOut(state, decision, view.hosts.length, context)
  // A host that has come to stay after all was not taken away.
  if (
    state.leaving !== '' &&
    seen.hosts.some(({ name, isUp }) => name === state.leaving && isUp) &&
    !seen.isMoving &&
    watched.text === undefined &&
    state.memory.wanted === undefined
  )
    state.leaving = ''
}

function carryOut(state: ScaleState, { step, why, host }: Decision, present: number, context: ScaleContext): void {
  const { job } = state.args
  if (step === 'grow') {
    state.steps.grow.add()
    context.log.info({ job, present }, `one more host is asked for: ${why}`)
    return order(state, present + 1, present, why, '', context)
  }
  if (host === undefined || step === 'hold') return
  state.steps[step].add()
  if (step === 'shrink') state.leaving = host
  context.log.info({ job, host, present }, `a plan is submitted, that ${host} ${step === 'join' ? 'joins' : 'leaves'}: ${why}`)
  submitPlan({ kind: step === 'join' ? 'join' : 'leave', host }, submitCorrelation, context)
}

/** Of a plan that is under way it learns who leaves, also where another autoscaler submitted it; of one that has ended, whether to try again. */
function takeFate(state: ScaleState, { ended }: WatchedPlan, { hosts }: RingView, context: ScaleContext): void {
  const { job } = state.args
  const { own } = state.plans
  if (own?.change.kind === 'leave' && hosts.some(({ name }) => name === own.host)) state.leaving = own.host
  if (ended === undefined) return
  const { fate, plan } = ended
  const about = { job, plan: plan.id, host: plan.host }
  if (fate === 'through') return context.log.info(about, 'the plan that the autoscaler submitted is through')
  const step = plan.change.kind === 'join' ? 'join' : 'shrink'
  state.leaving = ''
  if (fate === 'aborted') {
    state.memory = vetoed(state.settings, state.memory, step, context.now())
    const minutes = Math.round(state.settings.vetoMs / 60_000)
    return context.log.warn(about, `the plan that the autoscaler submitted was aborted: it submits no such for ${minutes} min`)
  }
  context.log.warn(about, 'the plan that the autoscaler submitted came to nothing: who should have joined is gone')
  rest(state, context)
}

/** Whoever leaves is taken away once it is no member any more; also one that an operator, or an autoscaler before this one, has let go. */
function takeAway(state: ScaleState, { hosts }: RingView, context: ScaleContext): void {
  if (state.leaving === '') {
    state.leaving = hosts.find(({ standing }) => standing === 'leaving' || standing === 'drained')?.name ?? ''
    return
  }
  if (hosts.some(({ name }) => name === state.leaving)) return
  order(state, hosts.length, hosts.length, `${state.leaving} has left`, state.leaving, context)
  state.leaving = ''
}

function order(state: ScaleState, hosts: number, present: number, why: string, left: string, context: ScaleContext): void {
  const message = { hosts, present, why, left, cluster: context.resources.clusterName }
  context.send(
    inspectorOf(context.host),
    { kind: 'scale', order: message, replyTo: context.replyRef<HostReply>(orderCorrelation) },
    orderMs
  )
}

/** Nothing will come of it: it need not be waited for, but is not tried again at once. */
function refused(state: ScaleState, why: string, context: ScaleContext): void {
  const { correlation } = context
  if (correlation !== submitCorrelation && correlation !== orderCorrelation) return
  state.failed.add()
  context.log.warn({ job: state.args.job, leaving: state.leaving }, `the autoscaler's step was refused: ${why}`)
  if (correlation === submitCorrelation) {
    state.plans.fates.refused.add()
    state.leaving = ''
  }
  rest(state, context)
}

function rest(state: ScaleState, context: ScaleContext): void {
  state.memory = { ...state.memory, wanted: undefined, restUntilMs: context.now() + state.settings.cooldownMs }
}
