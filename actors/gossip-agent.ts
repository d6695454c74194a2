import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import { fault } from '../model/fault.ts'
import {
  freeSeat,
  type HostState,
  joiningNow,
  type Member,
  type Membership,
  membershipEpoch,
  mergeMembership,
  ticketOf,
  withState
} from '../model/membership.ts'
import type { Behaviour, Context } from '../runtime/actor.ts'
import { type BucketTable, bucketsMax, mergeTables } from './bucket-table.ts'
import type { ClusterShape, GossipMessage, SeenMember } from './gossip-protocol.ts'
import type { RingKeeperMessage } from './ring-keeper-protocol.ts'
import type { SystemResources } from './system-resources.ts'

type GossipContext = Context<GossipMessage, SystemResources>

/** When a host was last heard of, by its own heartbeat rather than by any message. */
interface Heard {
  incarnation: number
  heartbeat: number
  atMs: number
  backUntilMs: number
}

interface GossipState {
  cluster: ClusterShape | undefined
  /** This host's own row among them. */
  members: Membership
  table: BucketTable
  readonly heard: Map<string, Heard>
  /** What the ring keeper was told last, to tell it only what is new. */
  told: string
  saved: string
  readonly startedMs: number
  readonly isReturning: boolean
  nameTaken: boolean
  readonly foreign: Set<string>
}

const foreignMax = 1024
/** A seat that every gossip agent listens on: how a host that knows nobody finds the others. */
const everybody = {
  address: addressOf(threadAddressOf('all', 'system'), 'gossip-agent'),
  correlation: 0,
  incarnation: 0
} as Ref<GossipMessage>

/**
 * Keeps the list of members and the bucket table equal on all hosts: tells a few hosts at random what it knows, and merges what it hears.
 * A member is known by a heartbeat counter that only it advances; one that stands still makes it suspect, then down, in the eyes of this host.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.8; van Renesse et al., A Gossip-Style Failure Detection Service (1998)
 */
export const gossipAgent: Behaviour<GossipState, GossipMessage, undefined, SystemResources> = {
  kind: 'gossip-agent',

  start(_, context) {
    const { resources } = context
    const known = resources.clusterFile.load()
    const before = known?.members.find(member => member.uid === resources.self.uid)
    const incarnation = Math.max(resources.self.incarnation, (before?.incarnation ?? 0) + 1)
    const founds = known === undefined && !resources.joins
    const seat = founds ? freeSeat([], resources.self) : before?.seat
    const self = withState(
      { ...resources.self, incarnation, heartbeat: 1, seat },
      before?.standing ?? (founds ? 'up' : 'joining')
    )
    const state: GossipState = {
      cluster: known?.cluster ?? (resources.joins ? undefined : { id: clusterId(context), ...resources.birthShape }),
      members: mergeMembership(known?.members ?? [], [self]),
      table: known?.table ?? {},
      heard: new Map(),
      told: '',
      saved: '',
      startedMs: context.now(),
      isReturning: before !== undefined,
      nameTaken: false,
      foreign: new Set()
    }
    publish(state, context)
    round(state, context)
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'round':
        return round(state, context)
      case 'gossip':
        return hear(state, message, context)
      case 'set-bucket':
        return setBucket(state, message, context)
      case 'arrived':
        setSelf(state, { ...selfOf(state, context), arrived: message.epoch }, context)
        takePlace(state, context)
        publish(state, context)
        return spread(state, namesOf(state), false, context)
    }
  },

  summary: state => ({
    cluster: state.cluster?.id ?? null,
    members: state.members.length,
    buckets: Object.keys(state.table).length
  })
}

function clusterId(context: GossipContext): string {
  let id = ''
  for (let digits = 0; digits < 16; digits++) id += Math.floor(context.random() * 16).toString(16)
  return id
}

function selfOf(state: GossipState, context: GossipContext): Member {
  const self = state.members.find(member => member.uid === context.resources.self.uid)
  if (self === undefined) throw new Error('the list of members lacks this host itself')
  return self
}

function namesOf(state: GossipState): string[] {
  return state.members.filter(member => !isGone(member.state)).map(member => member.name)
}

/**
 * A joining host takes its place on the ring once it and all others that gain by it have their data. Who is away keeps it waiting:
 * it might be the one that gains.
 */
function takePlace(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.standing !== 'joining' || joiningNow(state.members) !== self) return
  const epoch = membershipEpoch(state.members)
  const isReady = state.members.every(
    member => isGone(member.state) || (member.standing === 'joining' && member !== self) || member.arrived === epoch
  )
  if (!isReady) return
  setSelf(state, withState({ ...self, incarnation: self.incarnation + 1 }, 'up'), context)
  context.log.info({ epoch }, 'this host takes its place on the ring')
}

function setSelf(state: GossipState, self: Member, context: GossipContext): void {
  state.members = state.members.map(member => (member.uid === context.resources.self.uid ? self : member))
}

function round(state: GossipState, context: GossipContext): void {
  const { fanOut, roundMs } = context.resources.gossip
  const self = selfOf(state, context)
  setSelf(state, { ...self, heartbeat: self.heartbeat + 1, seen: membershipEpoch(state.members) }, context)
  if (state.cluster === undefined) tell(everybody, state, true, context)
  else spread(state, chosen(state, fanOut, context), true, context)
  publish(state, context)
  context.after(roundMs * (0.9 + 0.2 * context.random()), { kind: 'round' })
}

/** A few hosts at random; now and then one that seems down, for it may be back. */
function chosen(state: GossipState, count: number, context: GossipContext): string[] {
  const now = context.now()
  const others = state.members.filter(member => member.name !== context.host && !isGone(member.state))
  const alive = others.filter(member => seenStateOf(member, state, now, context) !== 'down')
  const names: string[] = []
  for (let picks = 0; picks < count && alive.length > 0; picks++) {
    const [picked] = alive.splice(Math.floor(context.random() * alive.length), 1)
    if (picked !== undefined) names.push(picked.name)
  }
  const down = others.filter(member => seenStateOf(member, state, now, context) === 'down')
  const knocked = down[Math.floor(context.random() * down.length)]
  if (knocked !== undefined) names.push(knocked.name)
  return names
}

function isGone(state: HostState): boolean {
  return state === 'left' || state === 'removed'
}

function spread(state: GossipState, names: readonly string[], wantsReply: boolean, context: GossipContext): void {
  for (const name of names) {
    if (name !== context.host) tell(agentOf(name), state, wantsReply, context)
  }
}

function agentOf(host: string): Ref<GossipMessage> {
  return { address: addressOf(threadAddressOf(host, 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
}

function tell(to: Ref<GossipMessage>, state: GossipState, wantsReply: boolean, context: GossipContext): void {
  const { cluster, table } = state
  context.signal(to, { kind: 'gossip', from: context.host, cluster, members: state.members, table, wantsReply })
}

function hear(state: GossipState, message: Extract<GossipMessage, { kind: 'gossip' }>, context: GossipContext): void {
  if (message.from === context.host && isSelf(message.members, context)) return
  if (isForeign(state, message, context) || isNameTaken(state, message, context)) return
  if (message.cluster === undefined) {
    // A newcomer: it hears who we are, joins, and then tells of itself.
    if (state.cluster !== undefined) tell(agentOf(message.from), state, false, context)
    return
  }
  const isNew = state.cluster === undefined
  state.cluster ??= message.cluster
  const before = state.members
  const own = selfOf(state, context)
  state.members = mergeMembership(before, message.members)
  const self = selfOf(state, context)
  // Somebody knows a later self than this one is: outbid it, for this one lives.
  if (self !== own) setSelf(state, { ...own, incarnation: Math.max(own.incarnation, self.incarnation) + 1 }, context)
  state.table = mergeTables(state.table, message.table)
  if (isNew) queueUp(state, context)
  takePlace(state, context)
  note(state, context)
  publish(state, context)
  if (message.wantsReply) tell(agentOf(message.from), state, false, context)
  if (isNew) spread(state, namesOf(state), true, context)
}

/** It is in: behind those that came to join before, and on a seat of its own. */
function queueUp(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  const others = state.members.filter(member => member !== self)
  setSelf(state, { ...self, incarnation: Math.max(self.incarnation, ticketOf(others)), seat: freeSeat(others, self) }, context)
}

function isSelf(members: readonly Member[], context: GossipContext): boolean {
  return members.some(member => member.name === context.host && member.uid === context.resources.self.uid)
}

function isForeign(state: GossipState, message: Extract<GossipMessage, { kind: 'gossip' }>, context: GossipContext): boolean {
  if (state.cluster === undefined || message.cluster === undefined || state.cluster.id === message.cluster.id) return false
  if (state.foreign.size < foreignMax && !state.foreign.has(message.from)) {
    state.foreign.add(message.from)
    context.log.error(
      { from: message.from, theirs: message.cluster.id, ours: state.cluster.id },
      'a host of another cluster speaks to this one, and is ignored: give it an empty data directory to join, or take it off the seeds'
    )
  }
  context.metrics.counter('gossip_refused_total', 'Gossip that was refused', { reason: 'foreign' }).add()
  return true
}

/** A host is its uid, not its name: an empty directory under a name that is in use would pass for the host that has the data. */
function isNameTaken(state: GossipState, message: Extract<GossipMessage, { kind: 'gossip' }>, context: GossipContext): boolean {
  for (const member of message.members) {
    if (isGone(member.state)) continue
    const known = state.members.find(other => other.name === member.name && other.uid !== member.uid && !isGone(other.state))
    if (known === undefined) continue
    context.metrics.counter('gossip_refused_total', 'Gossip that was refused', { reason: 'name-taken' }).add()
    if (!state.nameTaken) {
      state.nameTaken = true
      context.log.error(
        { name: member.name, theirs: member.uid, ours: known.uid },
        `two hosts call themselves ${member.name}: start the new one under another name, or with the data directory of the old one`
      )
    }
    return true
  }
  return false
}

/** Whose heartbeat moved? */
function note(state: GossipState, context: GossipContext): void {
  const atMs = context.now()
  const { backMs } = context.resources.gossip
  for (const member of state.members) {
    const heard = state.heard.get(member.name)
    if (heard === undefined) {
      state.heard.set(member.name, { incarnation: member.incarnation, heartbeat: member.heartbeat, atMs, backUntilMs: 0 })
    } else if (
      member.incarnation > heard.incarnation ||
      (member.incarnation === heard.incarnation && member.heartbeat > heard.heartbeat)
    ) {
      const wasAway = atMs - heard.atMs > context.resources.gossip.suspectMs
      const isNewLife = member.incarnation > heard.incarnation && member.state !== 'joining'
      if (wasAway || isNewLife) heard.backUntilMs = atMs + backMs
      heard.incarnation = member.incarnation
      heard.heartbeat = member.heartbeat
      heard.atMs = atMs
    }
  }
}

function seenStateOf(member: Member, state: GossipState, nowMs: number, context: GossipContext): HostState {
  if (member.name === context.host || isGone(member.state)) return member.state
  const { suspectMs, downMs } = context.resources.gossip
  const silentMs = nowMs - (state.heard.get(member.name)?.atMs ?? state.startedMs)
  if (silentMs > downMs) return 'down'
  return silentMs > suspectMs ? 'suspect' : member.state
}

/** Tell the ring keeper and the disk what changed, heartbeats aside. */
function publish(state: GossipState, context: GossipContext): void {
  if (state.cluster === undefined) return
  const nowMs = context.now()
  const members = state.members.map<SeenMember>(member => ({
    ...member,
    seenState: seenStateOf(member, state, nowMs, context),
    isBack:
      member.name === context.host
        ? state.isReturning && nowMs - state.startedMs < context.resources.gossip.backMs
        : (state.heard.get(member.name)?.backUntilMs ?? 0) > nowMs
  }))
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  const epoch = membershipEpoch(state.members)
  const told =
    epoch +
    members.map(member => `${member.name} ${member.seenState} ${member.isBack} ${member.incarnation} ${member.seen}`).join()
  if (told !== state.told) context.signal(keeper, { kind: 'members', members, cluster: state.cluster })
  state.told = told
  const saved = `${epoch}${members.map(member => `${member.incarnation}${member.state}${member.route}`).join()}${JSON.stringify(state.table)}`
  if (saved === state.saved) return
  state.saved = saved
  context.signal(keeper, { kind: 'buckets', table: state.table })
  context.resources.clusterFile.save({ cluster: state.cluster, members: state.members, table: state.table })
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
  state.table = { ...state.table, [message.bucket]: entry }
  publish(state, context)
  spread(state, namesOf(state), false, context)
  context.send(message.replyTo, { kind: 'bucket-set' })
}
