import { addressOf, type Ref } from '../../bus/bus.ts'
import {
  finish,
  grant,
  hasLapsed,
  hasten,
  isRunning,
  lose,
  nextLookMs,
  nextToRun,
  renew,
  revoke,
  schedule
} from '../../model/lease.ts'
import { limits } from '../../model/limits.ts'
import type { AnyBehaviour, Behaviour, Context, TimerId } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import type { RingView } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import { drawn, itemOf, type KeptItem, restMsOf, rhythms, settle, shown, terms } from './work-item.ts'
import { type WorkArguments, type WorkKind, type WorkMessage, type WorkReply, workLeaseMs } from './work-protocol.ts'
import { uidText, type WorkWanted, workWanted } from './work-wanted.ts'

/** Which actor does which kind of work. A kind without one is left alone. */
export type WorkBehaviours = Readonly<Partial<Record<WorkKind, AnyBehaviour>>>

export interface WorkKeeperArguments {
  readonly behaviours: WorkBehaviours
  /** The one-for-one supervisor under which the workers run, on this thread. */
  readonly supervisor: string
}

type KeeperMessage = WorkMessage | RingNews | { readonly kind: 'subscribe' } | { readonly kind: 'look' }
type KeeperContext = Context<KeeperMessage, SystemResources>

interface KeeperState {
  readonly args: WorkKeeperArguments
  readonly kinds: ReadonlySet<WorkKind>
  readonly items: Map<string, KeptItem>
  readonly orphans: Set<number>
  view: RingView | undefined
  table: BucketTable
  /** Leases given so far: fences count on from this keeper's own incarnation. */
  leases: number
  look: { readonly timer: TimerId; readonly atMs: number } | undefined
  readonly runs: Readonly<Record<WorkKind, Counter>>
  readonly losses: Readonly<Record<WorkKind, Counter>>
}

/** A worker has nothing that is worth waiting for: all it does may be done again. */
const workerShutdownMs = 1_000

/**
 * Decides which repair work runs when, and that each piece is done by one worker at a time.
 * A worker is started as a child of the supervisor `work` and holds a lease that it renews. Where it falls silent, or crashes again
 * and again, the lease is given to another one with a higher fence, after a rest that grows.
 *
 * The supervisor comes after this actor in a rest-for-one tree: when the keeper fails, its workers end with it. Its next incarnation
 * begins with fences above all that went before, since each worker that was started has taken a number of the same row.
 * @see Gray, Cheriton: Leases (SOSP 1989); fences: Kleppmann, Designing Data-Intensive Applications (2017), chapter 8
 */
export const workKeeper: Behaviour<KeeperState, KeeperMessage, WorkKeeperArguments, SystemResources> = {
  kind: 'work-keeper',

  start(args, context) {
    subscribe(undefined, context)
    const kinds = new Set((Object.keys(rhythms) as WorkKind[]).filter(kind => args.behaviours[kind] !== undefined))
    const items = new Map<string, KeptItem>()
    context.metrics.observe('work_running', 'Pieces of repair work under way', () => runningOf(items))
    const each = (name: string, help: string) => ({
      handoff: context.metrics.counter(name, help, { kind: 'handoff' }),
      exchange: context.metrics.counter(name, help, { kind: 'exchange' }),
      scrub: context.metrics.counter(name, help, { kind: 'scrub' }),
      clear: context.metrics.counter(name, help, { kind: 'clear' }),
      scale: context.metrics.counter(name, help, { kind: 'scale' }),
      replicate: context.metrics.counter(name, help, { kind: 'replicate' }),
      bridge: context.metrics.counter(name, help, { kind: 'bridge' })
    })
    return {
      args,
      kinds,
      items,
      orphans: new Set(),
      view: undefined,
      table: {},
      leases: 0,
      look: undefined,
      runs: each('work_runs_total', 'Runs of repair work that ended in order'),
      losses: each('work_lost_total', 'Workers that crashed, and leases that lapsed')
    }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'ring':
        takeView(state, message.view, context)
        break
      case 'buckets':
        state.table = message.table
        if (state.view !== undefined) reconcile(state, state.view, context)
        break
      case 'subscribe':
        return subscribe(state.view, context)
      case 'look':
        state.look = undefined
        break
      case 'renew':
        renewed(state, message, context)
        break
      case 'done':
        done(state, message, context)
        break
      case 'hints-pending':
        hintsPending(state, message.targets, context)
        break
      case 'run':
        for (const item of state.items.values()) {
          if (!message.kinds.includes(item.kind)) continue
          item.afterReturn = false
          schedule(item, context.now())
        }
        proceed(state, context)
        return context.send(message.replyTo, described(state, context))
      case 'describe-work':
        return context.send(message.replyTo, described(state, context))
    }
    proceed(state, context)
  },

  summary: state => ({
    items: state.items.size,
    running: runningOf(state.items),
    waiting: [...state.items.values()].filter(item => !isRunning(item) && item.isReady).length,
    leases: state.leases
  })
}

function subscribe(view: RingView | undefined, context: KeeperContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'subscribe', have: view?.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(ringLeaseMs, { kind: 'subscribe' })
}

function takeView(state: KeeperState, view: RingView, context: KeeperContext): void {
  const hasMoved = state.view !== undefined && state.view.epoch !== view.epoch
  state.view = view
  for (const uid of state.orphans) if (view.hosts.some(host => host.uid === uid)) state.orphans.delete(uid)
  reconcile(state, view, context)
  if (!hasMoved) return
  for (const item of state.items.values()) {
    if (item.kind !== 'exchange' && item.kind !== 'clear' && item.kind !== 'bridge') continue
    hasten(item, context.now() + drawn(rhythms[item.kind].backMs, context.random()))
  }
}

/** The items are what the view wants. What is no longer wanted, or has lost its host, is not gone on with. */
function reconcile(state: KeeperState, view: RingView, context: KeeperContext): void {
  const self = view.hosts.find(host => host.name === context.host)
  const replicas = Math.max(view.replicas, ...Object.values(state.table).map(entry => entry.properties.n ?? 0))
  const wanted = self === undefined ? [] : workWanted(view, self, state.kinds, replicas, state.orphans)
  const jobs = new Set(wanted.map(({ job }) => job))
  for (const item of state.items.values()) {
    if (jobs.has(item.job)) continue
    if (isRunning(item)) stop(state, item, context)
    state.items.delete(item.job)
  }
  for (const one of wanted) {
    const item = state.items.get(one.job)
    if (item === undefined) state.items.set(one.job, itemOf(one, context.now(), context.random()))
    else refresh(state, item, one, context)
  }
}

function refresh(state: KeeperState, item: KeptItem, { isReady, incarnation }: WorkWanted, context: KeeperContext): void {
  const isBack = isReady && (!item.isReady || incarnation !== item.incarnation)
  item.isReady = isReady
  item.incarnation = incarnation
  if (!isReady) {
    item.mayHold = true
    if (!isRunning(item)) return
    stop(state, item, context)
    revoke(item, context.now())
  } else if (isBack) {
    item.afterReturn = true
    schedule(item, context.now() + drawn(rhythms[item.kind].backMs, context.random()))
  }
}

function hintsPending(state: KeeperState, targets: readonly number[], context: KeeperContext): void {
  if (state.view === undefined || !state.kinds.has('handoff')) return
  for (const uid of targets) {
    const host = state.view.hosts.find(one => one.uid === uid)
    if (host === undefined && !state.orphans.has(uid)) {
      if (state.orphans.size >= limits.workOrphansMax) {
        context.log.warn({ uid: uidText(uid), limit: limits.workOrphansMax }, 'hints wait for too many hosts that are gone')
        continue
      }
      state.orphans.add(uid)
      reconcile(state, state.view, context)
    }
    const item = state.items.get(`handoff/${host?.name ?? uidText(uid)}`)
    if (item === undefined) continue
    item.mayHold = true
    // The run under way may have seen it or not: it is looked for again soon, but writes do not make a run each.
    if (!isRunning(item)) hasten(item, context.now() + drawn(rhythms.handoff.againMs, context.random()))
  }
}

function renewed(state: KeeperState, message: Extract<WorkMessage, { kind: 'renew' }>, context: KeeperContext): void {
  const { job, fence, figures, replyTo } = message
  const item = state.items.get(job)
  const outcome = item === undefined ? 'lapsed' : renew(item, fence, replyTo.incarnation, context.now(), terms)
  if (item === undefined || outcome === 'lapsed') return context.signal(replyTo, { kind: 'lapsed' } satisfies WorkReply)
  if (outcome !== 'held') {
    countLoss(state, item)
    settle(item)
  }
  item.figures = figures
  if (outcome !== 'exhausted') return
  giveUp(state, item, 'its worker crashes again and again', context)
}

function done(state: KeeperState, message: Extract<WorkMessage, { kind: 'done' }>, context: KeeperContext): void {
  const { job, fence, figures, again, isPart = false } = message
  const item = state.items.get(job)
  if (item === undefined) return
  if (!finish(item, fence, context.now(), drawn(restMsOf(item, again, isPart), context.random()))) return
  item.figures = figures
  settle(item)
  if (!isPart) item.runs++
  if (isPart || !again) item.afterReturn = false
  item.mayHold ||= again
  state.runs[item.kind].add()
  const orphan = item.mayHold ? undefined : [...state.orphans].find(uid => job === `handoff/${uidText(uid)}`)
  if (orphan === undefined) return
  state.orphans.delete(orphan)
  state.items.delete(job)
}

function countLoss(state: KeeperState, item: KeptItem): void {
  item.lost++
  state.losses[item.kind].add()
}

function giveUp(state: KeeperState, item: KeptItem, why: string, context: KeeperContext): void {
  const { job, fence, figures } = item
  stop(state, item, context)
  lose(item, context.now(), context.random(), terms)
  item.mayHold = true
  const restMs = Math.round(item.dueMs - context.now())
  context.log.warn({ job, fence, figures, rest_ms: restMs }, `a piece of repair work was taken from its worker: ${why}`)
}

/** Take back what has lapsed, begin what is due, and set the timer for the next. */
function proceed(state: KeeperState, context: KeeperContext): void {
  const nowMs = context.now()
  for (const item of state.items.values()) {
    if (!hasLapsed(item, nowMs)) continue
    countLoss(state, item)
    settle(item)
    giveUp(state, item, `it has not renewed its lease for ${workLeaseMs} ms`, context)
  }
  for (;;) {
    const item = nextToRun(state.items.values(), nowMs, terms)
    if (item === undefined) break
    begin(state, item, context)
  }
  const atMs = nextLookMs(state.items.values(), terms)
  if (state.look !== undefined) {
    if (state.look.atMs === atMs) return
    context.cancel(state.look.timer)
    state.look = undefined
  }
  if (atMs === Number.POSITIVE_INFINITY) return
  state.look = { timer: context.after(Math.max(0, atMs - nowMs), { kind: 'look' }), atMs }
}

function begin(state: KeeperState, item: KeptItem, context: KeeperContext): void {
  const { job, kind, subject } = item
  const fence = context.incarnation + state.leases + 1
  const args: WorkArguments = { job, subject, fence, ...(item.afterReturn && { afterReturn: true }) }
  item.figures = {}
  const worker = context.startChild(state.args.supervisor, {
    type: 'actor',
    name: childNameOf(item),
    behaviour: state.args.behaviours[kind] as AnyBehaviour,
    args,
    restart: 'transient',
    shutdownMs: workerShutdownMs
  })
  if (worker === undefined) {
    // It failed in its start, or one before it is still on its way out, or the supervisor starts anew itself.
    countLoss(state, item)
    return giveUp(state, item, 'it could not be started', context)
  }
  state.leases++
  item.mayHold = false
  grant(item, fence, context.now(), terms)
}

function stop(state: KeeperState, item: KeptItem, context: KeeperContext): void {
  context.stopChild(state.args.supervisor, childNameOf(item))
}

function childNameOf({ kind, subject }: KeptItem): string {
  return `${kind}-${subject}`.slice(0, 64)
}

function runningOf(items: ReadonlyMap<string, KeptItem>): number {
  let running = 0
  for (const item of items.values()) if (isRunning(item)) running++
  return running
}

function described({ items }: KeeperState, context: KeeperContext): Extract<WorkReply, { kind: 'work' }> {
  return { kind: 'work', host: context.host, items: [...items.values()].map(shown) }
}
