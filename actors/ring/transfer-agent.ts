import { addressOf, type Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import { bucketOf, type Key } from '../../model/key.ts'
import { arrivalOf } from '../../model/ring-change.ts'
import { wireOfPlans, wireSpoken } from '../../model/wire-version.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { type BucketTable, propertiesOf } from './bucket-table.ts'
import type { GossipMessage } from '../gossip/gossip-protocol.ts'
import { hasSources, isLost, isLostSource, sourcesIn } from './gained-partitions.ts'
import { type HostView, hostsOfAll, isReachable, type RingView, vnodeAddressOf } from './ring-view.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from './ring-keeper-protocol.ts'
import type { SystemResources } from '../system-resources.ts'
import type { TransferCheckReply } from './transfer-check.ts'
import { type CheckDue, TransferChecks } from './transfer-checks.ts'
import { bytesOf, countRecords, type Page, type Run, runOf } from './transfer-run.ts'
import { TransferBudget } from './transfer-budget.ts'
import type { TransferQuestion, TransferTold } from './transfer-protocol.ts'
import type { KnownRecord, VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'

type TransferMessage =
  | VnodeReply
  | { readonly kind: 'ring'; readonly view: RingView }
  | { readonly kind: 'buckets'; readonly table: BucketTable }
  | TransferQuestion
  | { readonly kind: 'renew' }
  | { readonly kind: 'retry'; readonly run: number }
  | TransferCheckReply
  | CheckDue

type TransferContext = Context<TransferMessage, SystemResources>

interface TransferState {
  view: RingView | undefined
  table: BucketTable
  /** What to say once they are through: the future ring for which the runs were made, see `arrivalOf`. */
  arrival: string
  waiting: Run[]
  readonly active: Map<number, Run>
  /** Uids of all from whom there is something to fetch. */
  sources: ReadonlySet<number>
  readonly checks: TransferChecks<TransferMessage>
  /** All is here, and is compared with where it comes from. */
  isChecking: boolean
  nextRun: number
  pairs: number
  hasArrived: boolean
  readonly budget: TransferBudget
  /** Runs that go on once the plan does. */
  readonly held: Set<number>
}

const runsAtOnce = 4
const pairsPerPage = 128
const attemptMs = 5_000
/** So long a damaged record may take to be mended at the source; then it is passed over. */
const damagedAttemptsMax = 8
/** Correlations of a run: what the source answers, and what the own vnode does when it takes a page, or tells what it has. */
const slots = 3
const ownSlot = 2

/**
 * While a host joins or leaves: fetches what this host will own and does not own from those that own it now. Mostly that is the joining
 * host, or what the leaving one has, but evenness may move a partition between others, too. Writes reach the future owners meanwhile, and
 * need a quorum of them as well.
 */
export const transferAgent: Behaviour<TransferState, TransferMessage, undefined, SystemResources> = {
  kind: 'transfer-agent',

  start(_, context) {
    subscribe(undefined, context)
    return {
      view: undefined,
      table: {},
      arrival: '',
      waiting: [],
      active: new Map(),
      sources: new Set(),
      checks: new TransferChecks(),
      isChecking: false,
      nextRun: 1,
      pairs: 0,
      hasArrived: false,
      budget: new TransferBudget(),
      held: new Set()
    }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'ring':
        state.view = message.view
        state.budget.allow(message.view.pace)
        plan(state, context)
        return goOn(state, context)
      case 'buckets':
        state.table = message.table
        return
      case 'renew':
        // The gossip agent may not have been ready for it.
        if (state.hasArrived && state.view?.moving !== 0) tellArrived(state, context)
        if (state.isChecking) look(state, context)
        return subscribe(state.view, context)
      case 'describe-transfer':
        return context.send(message.replyTo, told(state))
      case 'retry': {
        const run = state.active.get(message.run)
        if (run !== undefined) fetch(state, run, context)
        return
      }
      case 'check':
        return look(state, context)
      case 'checking':
      case 'checked':
        return checked(state, message, context)
      default: {
        const run = state.active.get(Math.floor(context.correlation / slots))
        if (run !== undefined) replied(state, run, message, context)
      }
    }
  },

  undelivered(state, _reason, context) {
    const run = state.active.get(Math.floor(context.correlation / slots))
    if (run !== undefined) later(run, context)
  },

  summary: state => ({
    waiting: state.waiting.length,
    active: state.active.size,
    pairs: state.pairs,
    unchecked: state.isChecking ? state.checks.left : 0
  })
}

function subscribe(view: RingView | undefined, context: TransferContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'subscribe', have: view?.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(ringLeaseMs, { kind: 'renew' })
}

/** Begin anew where the ring to be is another one. */
function plan(state: TransferState, context: TransferContext): void {
  const { view } = state
  const self = view?.hosts.findIndex(host => host.name === context.host) ?? -1
  if (view === undefined || self < 0 || view.moving === 0) return
  // Only when every host sends its writes by this ring, too: else one could slip past both the copy and the tail. Of one that cannot be
  // reached nobody knows by which ring it writes.
  if (view.hosts.some(host => takesPart(host, view) && host.seen !== view.epoch)) return
  if (!hasSources(view)) return
  const isStuck = !state.hasArrived && [...state.sources].some(source => isLostSource(view, source))
  const arrival = arrivalOf(view.epoch, view.moving)
  if (state.arrival === arrival && !isStuck) return
  state.arrival = arrival
  state.hasArrived = false
  state.pairs = 0
  state.waiting = []
  state.active.clear()
  state.isChecking = false
  state.checks.drop(context)
  state.held.clear()
  state.budget.begin(context.now())
  const replicas = replicaCounts(view, state.table)
  for (let partition = 0; partition < view.partitions; partition++) addRuns(state, view, partition, self, replicas)
  state.sources = new Set(state.waiting.map(run => run.source))
  proceed(state, context)
}

/** One that waits to join later is nobody's owner, one that is drained is none any more, and one that is replaced or removed is dead. */
function takesPart(host: HostView, view: RingView): boolean {
  if (isLost(host) || host.standing === 'drained') return false
  return host.standing !== 'joining' || (host.uid === view.moving && isReachable(host))
}

/** Every N that some bucket has: each gives lists of its own, and so gains of its own. */
function replicaCounts(view: RingView, table: BucketTable): ReadonlySet<number> {
  return new Set([view.replicas, ...Object.values(table).flatMap(entry => entry.properties.n ?? [])])
}

function addRuns(state: TransferState, view: RingView, partition: number, self: number, replicas: ReadonlySet<number>): void {
  const sources = new Set<number>()
  for (const n of replicas) for (const uid of sourcesIn(view, partition, self, n)) sources.add(uid)
  for (const source of sources) state.waiting.push(runOf(partition, source))
}

function proceed(state: TransferState, context: TransferContext): void {
  while (state.active.size < runsAtOnce) {
    // One source of a partition after the other: what came from the first is compared with the second.
    const busy = new Set([...state.active.values()].map(run => run.partition))
    const at = state.waiting.findLastIndex(run => !busy.has(run.partition))
    const [run] = at < 0 ? [] : state.waiting.splice(at, 1)
    if (run === undefined) break
    fetch(state, run, context)
  }
  const { view } = state
  if (state.active.size > 0 || state.hasArrived || state.isChecking || view === undefined) return
  // What comes from another datacenter is compared by the exchange with that one.
  const checked = [...state.sources].filter(uid => view.hosts.some(host => host.uid === uid))
  if (checked.length === 0 || !canBeCompared(view)) return arrive(state, context)
  state.isChecking = true
  state.checks.begin(checked, state.arrival, context)
  look(state, context)
}

function look(state: TransferState, context: TransferContext): void {
  if (state.budget.waitMs(context.now()) !== Number.POSITIVE_INFINITY) state.checks.look(state.view, state.table, context)
}

/** Hosts of earlier releases compare with owners only. */
function canBeCompared({ hosts }: RingView): boolean {
  return (wireSpoken(hosts.map(({ version }) => version)) ?? 0) >= wireOfPlans
}

function checked(state: TransferState, message: TransferCheckReply, context: TransferContext): void {
  if (!state.isChecking || !state.checks.heard(message, context)) return
  if (message.kind === 'checked') state.pairs += message.pulled
  if (state.checks.left === 0) arrive(state, context)
  else look(state, context)
}

function arrive(state: TransferState, context: TransferContext): void {
  state.isChecking = false
  state.hasArrived = true
  state.budget.end(context.now())
  if (state.pairs > 0) context.log.info({ pairs: state.pairs, arrival: state.arrival }, 'all that this host will own has arrived')
  tellArrived(state, context)
}

function tellArrived(state: TransferState, context: TransferContext): void {
  const agent: Ref<GossipMessage> = { address: addressOf(context.thread, 'gossip-agent'), correlation: 0, incarnation: 0 }
  context.signal(agent, { kind: 'arrived', epoch: state.arrival })
}

function vnodeOf(host: HostView, partition: number): Ref<VnodeMessage> {
  return { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }
}

function sourceOf({ view }: TransferState, { source }: Run): HostView | undefined {
  return view === undefined ? undefined : hostsOfAll(view).find(host => host.uid === source)
}

function fetch(state: TransferState, run: Run, context: TransferContext): void {
  const source = sourceOf(state, run)
  state.active.delete(run.id)
  run.id = state.nextRun++
  state.active.set(run.id, run)
  run.page = undefined
  const waitMs = state.budget.waitMs(context.now())
  if (waitMs > 0) {
    // While the plan is paused nobody knows for how long; the ring that says that it goes on wakes it up.
    if (waitMs === Number.POSITIVE_INFINITY) state.held.add(run.id)
    else context.after(waitMs, { kind: 'retry', run: run.id })
    return
  }
  run.attempt++
  if (run.after === undefined) run.intake = `${context.incarnation}-${run.id}`
  // One that has left the cluster has the plan made anew with the next view.
  if (source !== undefined) {
    if (run.isBlank || run.hasChanged) askSource(source, run, undefined, context)
    else askSelf(state, run, context)
  }
  watch(run, context)
}

/** What is here already, of an earlier try or an earlier ownership, need not come again. */
function askSelf(state: TransferState, run: Run, context: TransferContext): void {
  const self = state.view?.hosts.find(host => host.name === context.host)
  if (self === undefined) return
  const replyTo = context.replyRef<VnodeReply>(run.id * slots + ownSlot)
  const scan = { kind: 'scan', after: run.after, pairsMax: pairsPerPage, keysOnly: false, digestsOnly: true, replyTo } as const
  context.send(vnodeOf(self, run.partition), scan, attemptMs)
}

function askSource(source: HostView, run: Run, known: readonly KnownRecord[] | undefined, context: TransferContext): void {
  const replyTo = context.replyRef<VnodeReply>(run.id * slots)
  const scan = { kind: 'scan', after: run.after, pairsMax: pairsPerPage, keysOnly: false, known, replyTo } as const
  context.send(vnodeOf(source, run.partition), scan, attemptMs)
}

/** Look again when the attempt should be over. */
function watch(run: Run, context: TransferContext): void {
  context.after(attemptMs + 500 * run.attempt, { kind: 'retry', run: run.id })
}

function later(run: Run, context: TransferContext): void {
  context.after(Math.min(200 * 2 ** run.attempt, attemptMs), { kind: 'retry', run: run.id })
}

function replied(state: TransferState, run: Run, reply: VnodeReply, context: TransferContext): void {
  switch (reply.kind) {
    case 'page':
      if (run.page !== undefined) return
      if (context.correlation % slots === ownSlot) return toldOwn(state, run, reply, context)
      if ((reply.corrupt ?? 0) > 0 && !run.isWithoutFloors) return damaged(run, context)
      state.pairs += countRecords(reply, context.metrics)
      state.budget.moved(bytesOf(reply), context.now())
      return take(state, run, reply, context)
    case 'taken':
      if (run.page === undefined) return
      return reply.upTo === run.page.next ? turnPage(state, run, context) : takeRest(state, run, reply.upTo, context)
    case 'intake-lost':
      return again(run, context)
    case 'intake-changed':
      run.hasChanged = true
      return fetch(state, run, context)
    case 'failed':
      return failed(run, reply.fault, context)
    default:
  }
}

function toldOwn(state: TransferState, run: Run, { pairs, next }: Page, context: TransferContext): void {
  const source = sourceOf(state, run)
  if (source === undefined) return
  // What other hosts write here meanwhile is little: the rest comes whole.
  run.isBlank = pairs.length === 0 && next === undefined
  const known = pairs.flatMap(({ key, digest }): KnownRecord[] => (digest === undefined ? [] : [[key, digest]]))
  askSource(source, run, known.length === 0 ? undefined : known, context)
}

/** What was held up while the plan was paused. */
function goOn(state: TransferState, context: TransferContext): void {
  if (state.isChecking) look(state, context)
  if (state.held.size === 0 || state.budget.waitMs(context.now()) === Number.POSITIVE_INFINITY) return
  const held = [...state.held]
  state.held.clear()
  for (const id of held) {
    const run = state.active.get(id)
    if (run !== undefined) fetch(state, run, context)
  }
}

function told({ arrival, waiting, active, checks, pairs, budget, hasArrived }: TransferState): TransferTold {
  const runs = hasArrived ? 0 : waiting.length + active.size + checks.left
  return { kind: 'transfer', arrival, runs, pairs, bytes: budget.bytes, bytesPerSecond: budget.measuredBytesPerSecond }
}

/** From the first page. */
function again(run: Run, context: TransferContext): void {
  run.after = undefined
  run.isBlank = false
  later(run, context)
}

function damaged(run: Run, context: TransferContext): void {
  const { partition, source } = run
  if (run.attempt < damagedAttemptsMax) return later(run, context)
  // Without floors: what this host keeps of deleted keys itself is not dropped then, and nothing else is lost.
  context.log.warn({ partition, source }, 'an owner has damaged records that are not mended: what it purged is not taken over')
  run.isWithoutFloors = true
  again(run, context)
}

/** What the vnode had no time for. */
function takeRest(state: TransferState, run: Run, upTo: Key | undefined, context: TransferContext): void {
  const { page } = run
  if (page === undefined || upTo === undefined) return
  run.after = upTo
  take(state, run, { ...page, pairs: page.pairs.filter(({ key }) => key > upTo) }, context)
}

function take(state: TransferState, run: Run, page: Page, context: TransferContext): void {
  const self = state.view?.hosts.find(host => host.name === context.host)
  if (self === undefined) return
  run.page = page
  const pairs = page.pairs.map(({ key, siblings, digest }) => {
    const { resolver } = propertiesOf(state.table, bucketOf(key), context.resources.defaults)
    return { key, siblings, digest, resolver }
  })
  const floors = run.isWithoutFloors ? [] : (page.floors ?? [])
  const replyTo = context.replyRef<VnodeReply>(run.id * slots + 1)
  const { intake, after } = run
  context.send(vnodeOf(self, run.partition), { kind: 'take', intake, after, upTo: page.next, pairs, floors, replyTo }, attemptMs)
}

function turnPage(state: TransferState, run: Run, context: TransferContext): void {
  run.attempt = 0
  run.hasChanged = false
  const next = run.page?.next
  if (next !== undefined) {
    run.after = next
    return fetch(state, run, context)
  }
  state.active.delete(run.id)
  proceed(state, context)
}

function failed(run: Run, why: Fault, context: TransferContext): void {
  context.log.warn({ partition: run.partition, source: run.source, code: why.code }, `transfer is delayed: ${why.detail}`)
  later(run, context)
}
