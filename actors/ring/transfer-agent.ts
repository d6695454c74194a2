import { addressOf, type Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import { bucketOf, type Key } from '../../model/key.ts'
import { arrivalOf } from '../../model/ring-change.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { type BucketTable, propertiesOf } from './bucket-table.ts'
import type { GossipMessage } from '../gossip/gossip-protocol.ts'
import { preferenceOf } from './ring-index.ts'
import { type HostView, hostsOfAll, isReachable, type RingView, vnodeAddressOf } from './ring-view.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from './ring-keeper-protocol.ts'
import type { SystemResources } from '../system-resources.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'

type TransferMessage =
  | VnodeReply
  | { readonly kind: 'ring'; readonly view: RingView }
  | { readonly kind: 'buckets'; readonly table: BucketTable }
  | { readonly kind: 'renew' }
  | { readonly kind: 'retry'; readonly run: number }

type TransferContext = Context<TransferMessage, SystemResources>

/** One source to be read to its end. */
interface Run {
  /** New with each fetch, so that late replies to an earlier one find nothing. */
  id: number
  readonly partition: number
  /** Its uid. */
  readonly source: number
  /** What the vnode here knows it by, from its first page to its last. */
  intake: string
  after: Key | undefined
  /** Being taken over; undefined: it has not come. */
  page: Page | undefined
  attempt: number
  /** The source has damaged records that do not get mended: its floors say too much. */
  isWithoutFloors: boolean
}

type Page = Extract<VnodeReply, { kind: 'page' }>

interface TransferState {
  view: RingView | undefined
  table: BucketTable
  /** What to say once they are through: the future ring for which the runs were made, see `arrivalOf`. */
  arrival: string
  waiting: Run[]
  readonly active: Map<number, Run>
  nextRun: number
  pairs: number
  hasArrived: boolean
}

const runsAtOnce = 4
const pairsPerPage = 128
const attemptMs = 5_000
/** So long a damaged record may take to be mended at the source; then it is passed over. */
const damagedAttemptsMax = 8
const slots = 2

/**
 * While a host joins or leaves: fetches what this host will own and does not own from those that own it now. Mostly that is the joining
 * host, or what the leaving one has, but evenness may move a partition between others, too. Writes reach the future owners meanwhile, and
 * need a quorum of them as well.
 */
export const transferAgent: Behaviour<TransferState, TransferMessage, undefined, SystemResources> = {
  kind: 'transfer-agent',

  start(_, context) {
    subscribe(undefined, context)
    return { view: undefined, table: {}, arrival: '', waiting: [], active: new Map(), nextRun: 1, pairs: 0, hasArrived: false }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'ring':
        state.view = message.view
        return plan(state, context)
      case 'buckets':
        state.table = message.table
        return
      case 'renew':
        // The gossip agent may not have been ready for it.
        if (state.hasArrived && state.view?.moving !== 0) tellArrived(state, context)
        return subscribe(state.view, context)
      case 'retry': {
        const run = state.active.get(message.run)
        if (run !== undefined) fetch(state, run, context)
        return
      }
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

  summary: state => ({ waiting: state.waiting.length, active: state.active.size, pairs: state.pairs })
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
  const isStuck = [...state.waiting, ...state.active.values()].some(run => isLostSource(view, run.source))
  const arrival = arrivalOf(view.epoch, view.moving)
  if (state.arrival === arrival && !isStuck) return
  state.arrival = arrival
  state.hasArrived = false
  state.pairs = 0
  state.waiting = []
  state.active.clear()
  const replicas = replicaCounts(view, state.table)
  for (let partition = 0; partition < view.partitions; partition++) addRuns(state, view, partition, self, replicas)
  proceed(state, context)
}

/** One that waits to join later is nobody's owner, one that is drained is none any more, and one that is replaced or removed is dead. */
function takesPart(host: HostView, view: RingView): boolean {
  if (isLost(host) || host.standing === 'drained') return false
  return host.standing !== 'joining' || (host.uid === view.moving && isReachable(host))
}

/** There is nobody to read from. */
function isLost({ isReplaced, isRemoving }: HostView): boolean {
  return isReplaced || isRemoving
}

/** Every N that some bucket has: each gives lists of its own, and so gains of its own. */
function replicaCounts(view: RingView, table: BucketTable): ReadonlySet<number> {
  return new Set([view.replicas, ...Object.values(table).flatMap(entry => entry.properties.n ?? [])])
}

/** It is no member any more; or, of another datacenter, away: then any other there does as well. */
function isLostSource(view: RingView, uid: number): boolean {
  const source = hostsOfAll(view).find(host => host.uid === uid)
  return source === undefined || (!view.hosts.includes(source) && !isReachable(source))
}

/** Where this host founds the ring of its datacenter: whether another one can be asked for each partition now. */
function hasSources(view: RingView): boolean {
  return view.owners.every((owners, partition) => owners.length > 0 || elsewhereOf(view, partition, view.replicas).length > 0)
}

function addRuns(state: TransferState, view: RingView, partition: number, self: number, replicas: ReadonlySet<number>): void {
  const sources = new Set<number>()
  for (const n of replicas) for (const source of sourcesOf(view, partition, self, n)) sources.add(source)
  for (const source of sources) {
    state.waiting.push({
      id: 0,
      partition,
      source,
      intake: '',
      after: undefined,
      page: undefined,
      attempt: 0,
      isWithoutFloors: false
    })
  }
}

/**
 * Uids of those whose place this host takes, since a quorum of a write may be one of them and one that stays; where one of these has lost
 * its data or is dead for good, all other owners. None of them may be left out because it is away just now: it may have the only copy that is left of a
 * write, and once the ring has moved nobody asks it any more.
 */
function sourcesOf(view: RingView, partition: number, self: number, n: number): readonly number[] {
  const present = preferenceOf(view.owners, partition, n)
  if (present.length === 0) return elsewhereOf(view, partition, n)
  const future = preferenceOf(view.future, partition, n)
  if (!future.includes(self) || present.includes(self)) return []
  const hostsOf = (indices: readonly number[]) => indices.flatMap(index => view.hosts[index] ?? [])
  const displaced = hostsOf(present.filter(index => !future.includes(index)))
  const areSound = displaced.length > 0 && !displaced.some(isLost)
  const sources = areSound ? displaced : hostsOf(present).filter(host => !isLost(host))
  return sources.map(host => host.uid)
}

/**
 * Uid of an owner in another datacenter, for the first host of this one. One is enough: what it lacks it is given by its own, and comes
 * here with the next exchange.
 */
function elsewhereOf({ others = [] }: RingView, partition: number, n: number): readonly number[] {
  for (const { hosts, owners } of others) {
    const source = preferenceOf(owners, partition, n).find(index => isReachable(hosts[index]!))
    if (source !== undefined) return [hosts[source]!.uid]
  }
  return []
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
  if (state.active.size > 0 || state.hasArrived) return
  state.hasArrived = true
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

function fetch(state: TransferState, run: Run, context: TransferContext): void {
  const source = state.view === undefined ? undefined : hostsOfAll(state.view).find(host => host.uid === run.source)
  state.active.delete(run.id)
  run.id = state.nextRun++
  state.active.set(run.id, run)
  run.page = undefined
  run.attempt++
  if (run.after === undefined) run.intake = `${context.incarnation}-${run.id}`
  // One that has left the cluster has the plan made anew with the next view.
  if (source !== undefined) {
    const replyTo = context.replyRef<VnodeReply>(run.id * slots)
    const scan = { kind: 'scan', after: run.after, pairsMax: pairsPerPage, keysOnly: false, replyTo } as const
    context.send(vnodeOf(source, run.partition), scan, attemptMs)
  }
  watch(run, context)
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
      if ((reply.corrupt ?? 0) > 0 && !run.isWithoutFloors) return damaged(run, context)
      state.pairs += reply.pairs.length
      return take(state, run, reply, context)
    case 'taken':
      if (run.page === undefined) return
      return reply.upTo === run.page.next ? turnPage(state, run, context) : takeRest(state, run, reply.upTo, context)
    case 'intake-lost':
      return again(run, context)
    case 'failed':
      return failed(run, reply.fault, context)
    default:
  }
}

/** From the first page. */
function again(run: Run, context: TransferContext): void {
  run.after = undefined
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
  const pairs = page.pairs.map(({ key, siblings }) => {
    const { resolver } = propertiesOf(state.table, bucketOf(key), context.resources.defaults)
    return { key, siblings, resolver }
  })
  const floors = run.isWithoutFloors ? [] : (page.floors ?? [])
  const replyTo = context.replyRef<VnodeReply>(run.id * slots + 1)
  const { intake, after } = run
  context.send(vnodeOf(self, run.partition), { kind: 'take', intake, after, upTo: page.next, pairs, floors, replyTo }, attemptMs)
}

function turnPage(state: TransferState, run: Run, context: TransferContext): void {
  run.attempt = 0
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
