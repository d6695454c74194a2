import { addressOf, type Ref, type ThreadAddress, threadAddressOf } from '../../bus/bus.ts'
import type { Dissemination } from '../../model/dissemination.ts'
import { spreadLimit } from '../../model/dissemination.ts'
import { membersIn } from '../../model/datacenter.ts'
import { limits } from '../../model/limits.ts'
import type { LocalHealth } from '../../model/local-health.ts'
import { type Brief, briefOf, type MemberList } from '../../model/member-list.ts'
import { isGone, type Member } from '../../model/membership.ts'
import type { ProbeOrder } from '../../model/probe-order.ts'
import type { Promised } from '../../model/ring-change.ts'
import type { Suspicion } from '../../model/suspicion.ts'
import type { Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import type { Beat, ClusterShape, Gist, GossipMessage, SwimMessage } from './gossip-protocol.ts'
import type { SystemResources } from '../system-resources.ts'

export type GossipContext = Context<GossipMessage, SystemResources>

/** What this host knows of a member by its heartbeat. */
export interface Heard {
  incarnation: number
  heartbeat: number
  /** When there was the last sign of life: from itself, or in that its heartbeat had moved on. */
  atMs: number
  /** Direct probes in a row that only others could answer for. */
  misses: number
  /** It was away until not long ago, see `HostView.isBack`; 0: not. */
  backUntilMs: number
}

export interface Suspected {
  readonly suspicion: Suspicion
  /** Who suspected it last. */
  accuser: number
}

/** A probe under way: this host's own, or one that it carries out for another. */
export interface Probe {
  readonly uid: number
  readonly name: string
  /** For whom: undefined for itself. */
  readonly origin: Ref<SwimMessage> | undefined
  readonly startedMs: number
  readonly isKnock: boolean
  relays: number
  nacks: number
  isUnheard: boolean
}

export interface GossipState {
  cluster: ClusterShape | undefined
  /** Datacenter of this host. */
  readonly dc: string
  /** This host begins the ring of its datacenter where there is none: it names hosts of other datacenters to join, and none of its own. */
  readonly founds: boolean
  readonly uid: number
  /** This host's own row among them. */
  readonly members: MemberList
  /** Members that are not gone: this host and those that replace each other included. */
  present: number
  readonly down: Set<number>
  /** Members that only others can reach: not `isDirect`. */
  readonly cutOff: Set<number>
  readonly heard: Map<number, Heard>
  readonly suspected: Map<number, Suspected>
  readonly news: Dissemination
  readonly order: ProbeOrder
  readonly probes: Map<number, Probe>
  /** Whom to probe at once, since others say what this host has not seen. */
  readonly doubts: Set<number>
  /** Whom this host heard itself, the last one at the end. */
  readonly recent: number[]
  readonly health: LocalHealth
  table: BucketTable
  tableDigest: number
  heartbeat: number
  nextSequence: number
  nextSyncMs: number
  nextTableMs: number
  /** When the next round should begin. */
  roundDueMs: number
  readonly startedMs: number
  isReturning: boolean
  /** It has begun a cluster in this life, and is alone in it: it would give it up for one that it belongs to. */
  isFounder: boolean
  /** It knows all members: a newcomer does not until it was told them. */
  isSettled: boolean
  /** The uid of this host before it lost its data; 0: it did not, or does not know. */
  readonly formerly: number
  /** Who let it in; '' where it did not have to ask. */
  welcomer: string
  /** The ring depends on what has changed. */
  isRingStale: boolean
  isViewStale: boolean
  isFileStale: boolean
  isTableStale: boolean
  isPublishing: boolean
  isSpreading: boolean
  epoch: string
  /** By whose ring this host has promised to write: on the disk before anybody hears of it. */
  promised: Promised | undefined
  /** Its place is taken by another: what it will say to have arrived for once its threads have ceased to answer reads; '' else. */
  ownArrival: string
  /** The ticket with which a change that this host sees through had its turn; 0: none had; −1: not looked at since its start. */
  ledTicket: number
  /** While this host gives up its place: the epoch under which its threads have ceased to answer reads; '' else. */
  closing: string
  drain: Drain
  /** Uids of those that know that this host has left. */
  readonly farewells: Set<number>
  farewellRounds: number
  /** By which ring each data thread of this host writes. */
  readonly settled: Map<ThreadAddress, string>
  /** What was logged, so that it is said once. */
  readonly said: Set<string>
  readonly figures: GossipFigures
}

/** What a drained host asks its data threads: do you keep anything for others? */
export interface Drain {
  /** Correlations of those that have not answered. */
  readonly unheard: Set<number>
  hints: number
  /** For which epoch they were asked; '': they were not. */
  epoch: string
  /** Who has not answered then is asked again. */
  untilMs: number
}

export interface GossipFigures {
  readonly direct: Counter
  readonly indirect: Counter
  readonly failed: Counter
  readonly unclear: Counter
  readonly suspicions: Counter
  readonly downs: Counter
  readonly refutations: Counter
  readonly refused: (reason: string) => Counter
}

const saidMax = 1024
const recentMax = 64
/** A sign of life that is no older stands against what others say. */
const freshPeriods = 5
/** Probes in a row that only others answered for, until this host holds the way to the member to be cut. */
const missesMax = 2

export function agentOf(host: string): Ref<SwimMessage> {
  return { address: addressOf(threadAddressOf(host, 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
}

/** The members of this host's datacenter, this host among them: the ring is theirs. */
export function ringRowsOf(state: GossipState): readonly Member[] {
  return membersIn(state.members.members, state.dc)
}

export function selfOf(state: GossipState, context: GossipContext): Member {
  const self = state.members.get(context.resources.self.uid)
  if (self === undefined) throw new Error('the list of members lacks this host itself')
  return self
}

/** Worth speaking to: neither gone nor down nor this host. */
export function isLivingOther(state: GossipState, uid: number, context: GossipContext): boolean {
  const member = state.members.get(uid)
  return (
    member !== undefined &&
    member.name !== context.host &&
    uid !== context.resources.self.uid &&
    member.state !== 'down' &&
    !isGone(member.state)
  )
}

export function isFresh(state: GossipState, uid: number, context: GossipContext): boolean {
  const heard = state.heard.get(uid)
  return heard !== undefined && context.now() - heard.atMs < freshPeriods * context.resources.gossip.periodMs
}

export function isDirect(heard: Heard | undefined): boolean {
  return heard === undefined || heard.misses < missesMax
}

/** All data threads of this host write by the ring of this epoch, and nothing is under way any more that they began by another. */
export function hasSettled(state: GossipState, epoch: string, context: GossipContext): boolean {
  const { threads } = selfOf(state, context)
  for (let thread = 0; thread < threads; thread++)
    if (state.settled.get(threadAddressOf(context.host, `data-${thread}`)) !== epoch) return false
  return true
}

/** What this host shall know when it is started again. */
export function save({ cluster, members, table, promised }: GossipState, context: GossipContext): void {
  if (cluster === undefined) return
  const state = { cluster, members: members.members, table }
  context.resources.clusterFile.save(promised === undefined ? state : { ...state, promised })
}

/** What to say along with any message. @param first uids whose rows must be in it */
export function gistOf(state: GossipState, context: GossipContext, ...first: readonly number[]): Gist {
  const { uid, incarnation } = selfOf(state, context)
  const news: Brief[] = []
  const tell = (about: number): void => {
    const row = state.members.row(about)
    if (row !== undefined) news.push(briefOf(row, state.suspected.get(about)?.accuser))
  }
  for (const about of first) tell(about)
  for (const about of state.news.take(limits.gossipNewsMax - first.length, spreadLimit(state.present))) tell(about)
  return {
    cluster: state.cluster?.id ?? '',
    from: context.host,
    uid,
    incarnation,
    heartbeat: state.heartbeat,
    view: state.members.digest,
    table: state.tableDigest,
    news,
    beats: beatsOf(state, context)
  }
}

function beatsOf(state: GossipState, context: GossipContext): Beat[] {
  const beats: Beat[] = []
  const since = context.now() - context.resources.gossip.periodMs
  for (let at = state.recent.length - 1; at >= 0 && beats.length < limits.gossipBeatsMax; at--) {
    const uid = state.recent[at] as number
    const heard = state.heard.get(uid)
    if (heard === undefined || heard.atMs < since) break
    beats.push({ uid, incarnation: heard.incarnation, heartbeat: heard.heartbeat })
  }
  return beats
}

/** A sign of life. @param isOwn heard from the member itself, rather than told by another */
export function hearBeat(state: GossipState, beat: Beat, isOwn: boolean, context: GossipContext): void {
  const { uid, incarnation, heartbeat } = beat
  let heard = state.heard.get(uid)
  if (heard === undefined) {
    if (!isOwn && state.members.get(uid) === undefined) return
    state.heard.set(uid, (heard = { incarnation, heartbeat, atMs: context.now(), misses: 0, backUntilMs: 0 }))
  } else if (incarnation > heard.incarnation || (incarnation === heard.incarnation && heartbeat > heard.heartbeat)) {
    heard.incarnation = incarnation
    heard.heartbeat = heartbeat
    heard.atMs = context.now()
  } else if (isOwn) {
    heard.atMs = context.now()
  }
  if (!isOwn) return
  const at = state.recent.indexOf(uid)
  if (at >= 0) state.recent.splice(at, 1)
  else if (state.recent.length === recentMax) state.recent.shift()
  state.recent.push(uid)
}

/** Whether something is said for the first time. */
export function isFirst(state: GossipState, what: string): boolean {
  if (state.said.has(what) || state.said.size >= saidMax) return false
  state.said.add(what)
  return true
}

/** Soon: several changes that come together are told as one. */
export function publishSoon(state: GossipState, context: GossipContext): void {
  if (state.isPublishing) return
  state.isPublishing = true
  context.after(publishDelayMs(state.members.size), { kind: 'publish' })
}

/** With many members news comes often, and working out what follows takes longer. */
function publishDelayMs(members: number): number {
  return Math.min(500, members / 4)
}

export function spreadSoon(state: GossipState, context: GossipContext): void {
  if (state.isSpreading || state.cluster === undefined || state.news.size === 0) return
  state.isSpreading = true
  context.after(1, { kind: 'spread' })
}
