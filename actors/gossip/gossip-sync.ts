import { hash32 } from '../../model/hash.ts'
import { limits } from '../../model/limits.ts'
import type { Member } from '../../model/membership.ts'
import { type BucketTable, mergeTables } from '../ring/bucket-table.ts'
import type { RowDigest, SwimMessage } from './gossip-protocol.ts'
import { takeRow } from './gossip-rows.ts'
import { agentOf, type GossipContext, type GossipState, gistOf, isLivingOther, publishSoon, selfOf } from './gossip-state.ts'

/** Hosts that are told in one go what is new. */
const fanOut = 3
/** With many members views are compared seldom, for it costs more and there is always some news under way. */
const syncMsPerMember = 15

/** Tell a few at random what is new, until it was told often enough. */
export function spread(state: GossipState, context: GossipContext): void {
  state.isSpreading = false
  const told = new Set<number>()
  for (let tries = 0; tries < 4 * fanOut && told.size < fanOut && state.news.size > 0; tries++) {
    const uid = state.order.any(context.random())
    if (uid === undefined || told.has(uid) || !isLivingOther(state, uid, context)) continue
    told.add(uid)
    const member = state.members.get(uid) as Member
    context.signal(agentOf(member.name), { kind: 'gossip-news', gist: gistOf(state, context) })
  }
  if (state.news.size === 0 || told.size === 0) return
  state.isSpreading = true
  context.after(context.resources.gossip.periodMs / 5, { kind: 'spread' })
}

/** Compare views with a host whose digest differs; not more often than the size of the cluster allows. */
export function syncWith(state: GossipState, host: string, context: GossipContext): void {
  const now = context.now()
  if (now < state.nextSyncMs) return
  state.nextSyncMs = now + Math.max(2 * context.resources.gossip.periodMs, state.members.size * syncMsPerMember)
  const digests: RowDigest[] = []
  for (const { member, digest } of state.members.rows()) digests.push({ uid: member.uid, digest })
  context.signal(agentOf(host), { kind: 'gossip-sync', gist: gistOf(state, context), digests })
}

/** Answer with all rows that differ, and ask for the other's. */
export function takeSync(
  state: GossipState,
  message: Extract<SwimMessage, { kind: 'gossip-sync' }>,
  context: GossipContext
): void {
  const theirs = new Map(message.digests.map(({ uid, digest }) => [uid, digest] as const))
  const differing: number[] = []
  for (const { member, digest } of state.members.rows()) {
    if (theirs.get(member.uid) !== digest) differing.push(member.uid)
    else theirs.delete(member.uid)
  }
  sendRows(state, message.gist.from, differing, [...theirs.keys()].slice(0, limits.gossipRowsMax), context)
}

/** @param uids whose rows to send; what is more than a message holds is left to the next time, another part each time */
export function sendRows(
  state: GossipState,
  host: string,
  uids: readonly number[],
  wants: readonly number[],
  context: GossipContext
): void {
  const members: Member[] = []
  const start = uids.length > limits.gossipRowsMax ? Math.floor(context.random() * uids.length) : 0
  for (let step = 0; step < uids.length && members.length < limits.gossipRowsMax; step++) {
    const member = state.members.get(uids[(start + step) % uids.length] as number)
    if (member !== undefined) members.push(member)
  }
  const more = Math.max(0, uids.length - members.length)
  context.signal(agentOf(host), { kind: 'gossip-rows', gist: gistOf(state, context), members, wants, more })
}

export function takeRows(
  state: GossipState,
  message: Extract<SwimMessage, { kind: 'gossip-rows' }>,
  context: GossipContext
): void {
  const self = selfOf(state, context)
  // Others answer so once they know.
  if (self.state === 'left' && message.members.some(({ uid, state: said }) => uid === self.uid && said === 'left'))
    state.farewells.add(message.gist.uid)
  for (const member of message.members) takeRow(state, member, undefined, message.gist.uid, 'rows', context)
  if (message.wants.length > 0) sendRows(state, message.gist.from, message.wants, [], context)
  if (message.more > 0) state.nextSyncMs = 0
  else if (!state.isSettled && message.gist.uid !== selfOf(state, context).uid && message.members.length > 0) {
    state.isSettled = true
    publishSoon(state, context)
  }
}

export function setTable(state: GossipState, table: BucketTable, context: GossipContext): void {
  state.table = table
  state.tableDigest = hash32(new TextEncoder().encode(canonical(table)), 0)
  state.isTableStale = true
  publishSoon(state, context)
}

function canonical(table: BucketTable): string {
  return JSON.stringify(
    Object.entries(table)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([bucket, { version, writer }]) => [bucket, version, writer])
  )
}

export function takeTable(
  state: GossipState,
  message: Extract<SwimMessage, { kind: 'gossip-table' }>,
  context: GossipContext
): void {
  const merged = mergeTables(state.table, message.table)
  if (merged !== state.table) setTable(state, merged, context)
  if (message.wantsReply && state.tableDigest !== message.gist.table) tellTable(state, message.gist.from, false, context)
}

export function tellTable(state: GossipState, host: string, wantsReply: boolean, context: GossipContext): void {
  context.signal(agentOf(host), { kind: 'gossip-table', gist: gistOf(state, context), table: state.table, wantsReply })
}
