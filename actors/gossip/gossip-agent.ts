import { fault } from '../../model/fault.ts'
import { Dissemination } from '../../model/dissemination.ts'
import { LocalHealth } from '../../model/local-health.ts'
import { MemberList } from '../../model/member-list.ts'
import { isGone, type Member, withStanding, withState } from '../../model/membership.ts'
import { freeSeat } from '../../model/seat.ts'
import { ProbeOrder } from '../../model/probe-order.ts'
import type { Behaviour } from '../../runtime/actor.ts'
import { bucketsMax } from '../ring/bucket-table.ts'
import { takeArrival } from './gossip-changes.ts'
import { isWelcome, knockAtDoor, settleNames, takeHello, takeUnwelcome, takeWelcome } from './gossip-door.ts'
import { drain, sayFarewell, takeHints } from './gossip-drain.ts'
import { takeLeave, takeRemove } from './gossip-orders.ts'
import { takeRemoveDatacenter } from './gossip-datacenter-removal.ts'
import { takePlanOrder } from './gossip-plan-orders.ts'
import {
  forgetProbes,
  noAnswer,
  probeDoubts,
  probeLate,
  probeOver,
  probeRound,
  takeAck,
  takeNack,
  takeProbe,
  takeRelay,
  unheard
} from './gossip-probe.ts'
import type { ClusterState, Gist, GossipMessage } from './gossip-protocol.ts'
import { setRow, suspicionOver, takeBrief } from './gossip-rows.ts'
import {
  agentOf,
  type GossipContext,
  type GossipFigures,
  type GossipState,
  gistOf,
  hearBeat,
  isLivingOther,
  publishSoon,
  spreadSoon
} from './gossip-state.ts'
import { sendRows, setTable, spread, syncWith, takeRows, takeSync, takeTable, tellTable } from './gossip-sync.ts'
import { forgetReturns, publish } from './gossip-view.ts'
import type { SystemResources } from '../system-resources.ts'

/** Hosts that are told of a bucket's new properties at once; the others hear of it from those. */
const bucketFanOut = 32

/**
 * Keeps the list of members and the bucket table equal on all hosts, and finds out who lives. In each period it probes one member; where
 * that gives no answer others are asked to probe it, and only then it is suspected, and has time to refute. News rides on the probes.
 * @see Das, Gupta, Motivala: SWIM (DSN 2002); Dadgar et al.: Lifeguard (DSN 2018); van Renesse, Minsky, Hayden: A Gossip-Style Failure
 * Detection Service (1998); DeCandia et al., Dynamo (SOSP 2007), section 4.8
 */
export const gossipAgent: Behaviour<GossipState, GossipMessage, undefined, SystemResources> = {
  kind: 'gossip-agent',

  start(_, context) {
    const known = context.resources.clusterFile.load()
    const state = emptyState(known, context)
    warnOfWeight(known, context)
    for (const member of firstMembers(known, context)) {
      setRow(state, member, undefined, context)
      // What it remembers of others is no news.
      if (member.uid !== context.resources.self.uid) state.news.forget(member.uid)
    }
    setTable(state, known?.table ?? {}, context)
    context.metrics.observe('gossip_health', 'How little this host trusts its own eyes: 0 well, 8 ill', () => state.health.score)
    round(state, context)
    publish(state, context)
    return state
  },

  receive(state, message, context) {
    handle(state, message, context)
    if (state.doubts.size > 0 && message.kind !== 'round') probeDoubts(state, context)
  },

  undelivered(state, reason, context) {
    // The bus did not take it: that says nothing of whom it was for.
    if (reason !== 'overloaded') noAnswer(state, context.correlation, context)
    else if (state.probes.delete(context.correlation)) state.health.add(1)
  },

  unreachable(state, thread, context) {
    unheard(state, thread, context)
  },

  summary: state => ({
    cluster: state.cluster?.id ?? null,
    members: state.present,
    down: state.down.size,
    suspected: state.suspected.size,
    health: state.health.score,
    buckets: Object.keys(state.table).length
  })
}

function emptyState(known: ClusterState | undefined, context: GossipContext): GossipState {
  const { resources } = context
  const isFounder = known === undefined && !resources.joins
  const isMember = known !== undefined && isOf(known, context)
  return {
    cluster: isFounder ? { id: clusterId(context), ...resources.birthShape } : isMember ? known.cluster : undefined,
    dc: resources.self.dc,
    founds: resources.foundsDatacenter === true,
    uid: resources.self.uid,
    members: new MemberList(),
    present: 0,
    down: new Set(),
    cutOff: new Set(),
    heard: new Map(),
    suspected: new Map(),
    news: new Dissemination(),
    order: new ProbeOrder(),
    probes: new Map(),
    doubts: new Set(),
    recent: [],
    health: new LocalHealth(),
    table: {},
    tableDigest: 0,
    heartbeat: 0,
    nextSequence: 1,
    nextSyncMs: 0,
    nextTableMs: 0,
    roundDueMs: context.now(),
    startedMs: context.now(),
    isReturning: known?.members.some(member => member.uid === resources.self.uid) === true,
    isFounder,
    isSettled: isFounder || isMember,
    formerly: isMember ? 0 : formerUid(known, context),
    welcomer: '',
    isRingStale: true,
    isViewStale: true,
    isFileStale: true,
    isTableStale: true,
    isPublishing: false,
    isSpreading: false,
    epoch: '',
    promised: known?.promised,
    ownArrival: '',
    ledTicket: -1,
    closing: '',
    drain: { unheard: new Set(), hints: 0, epoch: '', untilMs: 0 },
    farewells: new Set(),
    farewellRounds: 0,
    settled: new Map(),
    said: new Set(),
    figures: figuresOf(context)
  }
}

function figuresOf({ metrics }: GossipContext): GossipFigures {
  const probes = (outcome: string) => metrics.counter('gossip_probes_total', 'Probes of members, by outcome', { outcome })
  return {
    direct: probes('direct'),
    indirect: probes('indirect'),
    failed: probes('failed'),
    unclear: probes('unclear'),
    suspicions: metrics.counter('gossip_suspicions_total', 'Members that came under suspicion'),
    downs: metrics.counter('gossip_downs_total', 'Members that this host held to be down after a suspicion'),
    refutations: metrics.counter('gossip_refutations_total', 'Suspicions of this host that it refuted'),
    refused: reason => metrics.counter('gossip_refused_total', 'Gossip that was refused', { reason })
  }
}

function clusterId(context: GossipContext): string {
  let id = ''
  for (let digits = 0; digits < 16; digits++) id += Math.floor(context.random() * 16).toString(16)
  return id
}

/**
 * Whether this host is one of those that it remembers, or was alone then. Else it has another identity than its directory remembers,
 * and has to ask to be let in, as any newcomer.
 */
function isOf(known: ClusterState, { resources: { self } }: GossipContext): boolean {
  return known.members.every(member => isGone(member.state) || member.name === self.name) || known.members.some(isThis)
  function isThis(member: Member): boolean {
    return member.uid === self.uid
  }
}

/** Its directory remembers a member of its name that it is not: who it was before. */
function formerUid(known: ClusterState | undefined, { resources: { self } }: GossipContext): number {
  return known?.members.find(member => member.name === self.name && !isGone(member.state))?.uid ?? 0
}

function warnOfWeight(known: ClusterState | undefined, { resources: { self }, log }: GossipContext): void {
  const weight = known?.members.find(({ uid }) => uid === self.uid)?.weight ?? self.weight
  if (weight === self.weight) return
  const how = `carillon weight ${self.name} ${self.weight}`
  log.warn(
    { weight, configured: self.weight },
    `this host's weight on the ring is another than the configured one: ${how} changes it`
  )
}

function firstMembers(known: ClusterState | undefined, context: GossipContext): Member[] {
  const { resources } = context
  const { self } = resources
  const before = known?.members.find(member => member.uid === self.uid)
  const alone = known !== undefined && before === undefined && isOf(known, context)
  const incarnation = Math.max(self.incarnation, (before?.incarnation ?? 0) + 1)
  const founds = known === undefined && !resources.joins
  const seat = founds ? freeSeat([], self) : before?.seat
  const standing = before?.standing ?? (founds || alone ? 'up' : 'joining')
  const row = {
    ...self,
    ...keptOf(before),
    ...(resources.asksFirst === true ? { asksFirst: true } : {}),
    incarnation,
    heartbeat: 0,
    ...(seat === undefined ? {} : { seat })
  }
  const own = withStanding(row, standing)
  if (known === undefined || !isOf(known, context)) return [own]
  const others = known.members.filter(member => member.uid !== self.uid)
  const first = before !== undefined && isGone(before.state) ? withState(own, before.state) : own
  return [first, ...others.map(member => (alone ? withState(member, 'removed') : member))]
}

/** What a host says of itself that its configuration does not: its weight on the ring, too, since the ring moves only with the data. */
function keptOf(before: Member | undefined): Partial<Member> {
  if (before === undefined) return {}
  const { weight, ticket, removing, replaces, nextWeight, isWaiting, place, planned, plan } = before
  const kept = { weight, ticket, removing, replaces, nextWeight, isWaiting, place, planned, plan }
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined))
}

function handle(state: GossipState, message: GossipMessage, context: GossipContext): void {
  switch (message.kind) {
    case 'round':
      return round(state, context)
    case 'spread':
      return spread(state, context)
    case 'publish':
      return publish(state, context)
    case 'probe-late':
      return probeLate(state, message.sequence, context)
    case 'probe-over':
      return probeOver(state, message.sequence, context)
    case 'suspicion-over':
      return suspicionOver(state, message.uid, message.incarnation, context)
    case 'set-bucket':
      return setBucket(state, message, context)
    case 'arrived':
      return takeArrival(state, message.epoch, context)
    case 'settled':
      state.settled.set(message.thread, message.epoch)
      return publishSoon(state, context)
    case 'leave':
      return takeLeave(state, message, context)
    case 'remove':
      return takeRemove(state, message, context)
    case 'remove-datacenter':
      return takeRemoveDatacenter(state, message, context)
    case 'plan':
      return takePlanOrder(state, message, context)
    case 'hints-listed':
      return takeHints(state, message, context)
    case 'gossip-hello':
      return takeHello(state, message, context)
    case 'gossip-welcome':
      return takeWelcome(state, message, context)
    case 'gossip-unwelcome':
      return takeUnwelcome(state, message, context)
    default:
  }
  const { gist } = message
  if (!isWelcome(state, gist, context)) {
    // Two that each hold the other to be removed would answer each other for ever.
    return message.kind === 'gossip-rows' ? undefined : tellOutdated(state, gist, context)
  }
  hear(state, gist, context)
  switch (message.kind) {
    case 'gossip-probe':
      return takeProbe(state, message, context)
    case 'gossip-relay':
      return takeRelay(state, message, context)
    case 'gossip-ack':
      return takeAck(state, gist, message.target, context)
    case 'gossip-nack':
      return takeNack(state, context)
    case 'gossip-news':
      return
    case 'gossip-sync':
      return takeSync(state, message, context)
    case 'gossip-rows':
      return takeRows(state, message, context)
    case 'gossip-table':
      return takeTable(state, message, context)
  }
}

/** An old self, or a removed one, hears what it is, and nothing else. */
function tellOutdated(state: GossipState, gist: Gist, context: GossipContext): void {
  if (gist.cluster !== state.cluster?.id || gist.uid === context.resources.self.uid) return
  sendRows(state, gist.from, [gist.uid], [], context)
}

/** What rides on every message. */
function hear(state: GossipState, gist: Gist, context: GossipContext): void {
  hearBeat(state, gist, true, context)
  for (const beat of gist.beats) {
    const known = state.members.get(beat.uid)
    if (beat.uid !== context.resources.self.uid && known?.incarnation === beat.incarnation) hearBeat(state, beat, false, context)
  }
  const wants = state.members.get(gist.uid) === undefined ? [gist.uid] : []
  for (const brief of gist.news) {
    if (!takeBrief(state, brief, 'news', context) && !wants.includes(brief.uid)) wants.push(brief.uid)
  }
  if (wants.length > 0) sendRows(state, gist.from, [], wants, context)
  if (gist.view !== state.members.digest) syncWith(state, gist.from, context)
  if (gist.table !== state.tableDigest && context.now() >= state.nextTableMs) {
    state.nextTableMs = context.now() + context.resources.gossip.periodMs
    tellTable(state, gist.from, true, context)
  }
}

function round(state: GossipState, context: GossipContext): void {
  const { periodMs } = context.resources.gossip
  const lateMs = context.now() - state.roundDueMs
  if (lateMs > periodMs / 2) overslept(state, lateMs, context)
  state.heartbeat++
  knockAtDoor(state, context)
  if (state.cluster !== undefined) {
    if (!state.isSettled) askAgain(state, context)
    // At first the bus may not reach anyone yet, and who does not answer then would be suspected for nothing.
    if (context.now() > state.startedMs) probeRound(state, state.heartbeat, context)
    settleNames(state, context)
    drain(state, context)
    sayFarewell(state, context)
    forgetReturns(state, context)
    if (state.isViewStale) publishSoon(state, context)
    spreadSoon(state, context)
  }
  const nextMs = state.health.scale(periodMs) * (0.9 + 0.2 * context.random())
  state.roundDueMs = context.now() + nextMs
  context.after(nextMs, { kind: 'round' })
}

/** A newcomer that was let in but was not told of all members yet. */
function askAgain(state: GossipState, context: GossipContext): void {
  state.nextSyncMs = 0
  syncWith(state, state.welcomer, context)
}

/** This thread stood still: what did not come in that time was not waited for. */
function overslept(state: GossipState, lateMs: number, context: GossipContext): void {
  state.health.add(1)
  forgetProbes(state)
  for (const { suspicion } of state.suspected.values()) suspicion.postpone(lateMs)
  context.log.debug({ lateMs }, 'the gossip agent was late')
}

function setBucket(state: GossipState, message: Extract<GossipMessage, { kind: 'set-bucket' }>, context: GossipContext): void {
  const known = Object.hasOwn(state.table, message.bucket) ? state.table[message.bucket] : undefined
  if (known === undefined && Object.keys(state.table).length >= bucketsMax) {
    const detail = `${bucketsMax} buckets have properties of their own, which is the limit: use the defaults, or one of these buckets`
    return context.send(message.replyTo, {
      kind: 'refused',
      fault: fault('bad_request', detail, { limit: bucketsMax }),
      epoch: ''
    })
  }
  const entry = {
    version: (known?.version ?? 0) + 1,
    writer: context.host,
    properties: { ...known?.properties, ...message.properties }
  }
  setTable(state, { ...state.table, [message.bucket]: entry }, context)
  publish(state, context)
  const gist = gistOf(state, context)
  let told = 0
  for (const member of state.members.members) {
    if (told === bucketFanOut) break
    if (!isLivingOther(state, member.uid, context)) continue
    told++
    context.signal(agentOf(member.name), { kind: 'gossip-table', gist, table: { [message.bucket]: entry }, wantsReply: false })
  }
  context.send(message.replyTo, { kind: 'bucket-set' })
}
