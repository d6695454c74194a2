import type { Ref } from '../../bus/bus.ts'
import { goneDatacenters, membersIn, otherDatacenters } from '../../model/datacenter.ts'
import { isGone, ringMembers } from '../../model/membership.ts'
import { atTurn, changesOf, membershipEpoch } from '../../model/ring-change.ts'
import { ringOf } from '../../model/ring.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import type { BucketTable } from './bucket-table.ts'
import type { ClusterShape, SeenMember } from '../gossip/gossip-protocol.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from './ring-keeper-protocol.ts'
import type { DatacenterView, HostView, RingView } from './ring-view.ts'
import type { SystemResources } from '../system-resources.ts'

type Of<K extends RingKeeperMessage['kind']> = Extract<RingKeeperMessage, { kind: K }>
type KeeperContext = Context<RingKeeperMessage, SystemResources>

interface Subscription {
  readonly to: Ref<RingNews>
  untilMs: number
}

interface KeeperState {
  view: RingView | undefined
  cluster: ClusterShape | undefined
  others: readonly DatacenterView[]
  table: BucketTable
  /** Which owners were computed last, since hosts' states change far more often than the ring. */
  owned: string
  revisions: number
  readonly subscriptions: Map<string, Subscription>
}

const subscriptionsMax = 1024
/** An address token, see `isToken`. */
const nameCharactersMax = 64

/** Turns the members into the ring, and hands it to whoever subscribed: coordinators, doors, the transfer agent. */
export const ringKeeper: Behaviour<KeeperState, RingKeeperMessage, undefined, SystemResources> = {
  kind: 'ring-keeper',

  start() {
    return { view: undefined, cluster: undefined, others: [], table: {}, owned: '', revisions: 0, subscriptions: new Map() }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'members':
        state.cluster = message.cluster
        return takeMembers(state, message, context)
      case 'buckets':
        state.table = message.table
        return publish(state, { kind: 'buckets', table: message.table }, context)
      case 'subscribe':
        return subscribe(state, message, context)
      case 'describe-cluster':
        if (state.view === undefined || state.cluster === undefined) return
        context.send(message.replyTo, {
          kind: 'cluster',
          cluster: state.cluster,
          view: state.view,
          table: state.table,
          defaults: context.resources.defaults
        })
    }
  },

  summary: state => ({
    epoch: state.view?.epoch ?? null,
    hosts: state.view?.hosts.length ?? 0,
    subscribers: state.subscriptions.size
  })
}

function takeMembers(state: KeeperState, message: Of<'members'>, context: KeeperContext): void {
  const { cluster, moving, closing, pace } = message
  const { dc } = context.resources.self
  const members = membersIn(message.members, dc)
  const takingPart = atTurn(
    members,
    changesOf(members).find(({ subject }) => subject.uid === moving)
  )
  // Who founds the ring of its datacenter has to know where its data comes from.
  if (ringMembers(takingPart).length === 0 && moving !== context.resources.self.uid) return
  const hosts = members.filter(member => !isGone(member.state)).sort(byName)
  const epoch = membershipEpoch(members)
  const owned = `${membershipEpoch(takingPart)} ${moving} ${hosts.map(host => host.uid).join()}`
  const shape = { partitions: cluster.partitions, replicas: cluster.replicas }
  const isSame = state.view !== undefined && state.owned === owned
  const ringAt = (when: 'present' | 'future'): readonly (readonly number[])[] => {
    const uidOf = new Map(ringMembers(takingPart, when).map(member => [member.name, member.uid] as const))
    const indexOf = new Map(hosts.map((host, index) => [host.uid, index] as const))
    return ringOf(takingPart, { ...shape, when }).owners.map(names => names.map(name => indexOf.get(uidOf.get(name) ?? -1) ?? -1))
  }
  const elsewhere = members === message.members ? [] : otherDatacenters(message.members, dc)
  state.others = elsewhere.map(name => datacenterViewOf(state, name, membersIn(message.members, name), shape))
  const gone = members === message.members ? [] : goneDatacenters(message.members)
  state.owned = owned
  state.revisions++
  state.view = {
    cluster: context.resources.clusterName,
    epoch: closing === '' ? epoch : closing,
    revision: `${context.incarnation}-${state.revisions}`,
    ...shape,
    hosts: hosts.map(host =>
      hostViewOf(closing !== '' && host.uid === context.resources.self.uid ? { ...host, standing: 'drained' } : host)
    ),
    owners: isSame && state.view !== undefined ? state.view.owners : ringAt('present'),
    future: isSame && state.view !== undefined ? state.view.future : moving === 0 ? [] : ringAt('future'),
    moving,
    ...(pace === undefined ? {} : { pace }),
    ...(state.others.length === 0 ? {} : { others: state.others }),
    ...(gone.length === 0 ? {} : { gone })
  }
  publish(state, { kind: 'ring', view: state.view }, context)
}

/** Its ring as it stands; whoever joins or leaves there is its own affair. */
function datacenterViewOf(
  state: KeeperState,
  dc: string,
  members: readonly SeenMember[],
  shape: Pick<ClusterShape, 'partitions' | 'replicas'>
): DatacenterView {
  const hosts = members.filter(member => !isGone(member.state)).sort(byName)
  const epoch = membershipEpoch(members)
  const before = state.others.find(other => other.dc === dc)
  const isSame = before?.epoch === epoch && before.hosts.every(({ uid }, index) => uid === hosts[index]?.uid)
  const views = hosts.map(hostViewOf)
  const isMoving = changesOf(members).length > 0
  if (isSame && before.hosts.length === hosts.length) return { dc, epoch, hosts: views, owners: before.owners, isMoving }
  const uidOf = new Map(ringMembers(members).map(member => [member.name, member.uid] as const))
  const indexOf = new Map(hosts.map((host, index) => [host.uid, index] as const))
  const owners = ringOf(members, shape).owners.map(names => names.map(name => indexOf.get(uidOf.get(name) ?? -1) ?? -1))
  return { dc, epoch, hosts: views, owners, isMoving }
}

/** Ascending by name; of those of one name the latest comes first. */
function byName(a: SeenMember, b: SeenMember): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : b.incarnation - a.incarnation || b.uid - a.uid
}

/** A self whose name another one has taken must not get its messages: it is listed under a name that nobody listens at. */
function viewNameOf({ name, uid, isReplaced }: SeenMember): string {
  return isReplaced ? `${name.slice(0, nameCharactersMax - 9)}-${uid.toString(16).padStart(8, '0')}` : name
}

function hostViewOf(member: SeenMember): HostView {
  const { uid, incarnation, standing, dc, zone, weight, threads, pid, http, nats, version } = member
  const { isBack, isDirect, isReplaced, isRemoving, seen, arrived } = member
  return {
    name: viewNameOf(member),
    uid,
    incarnation,
    state: member.seenState,
    standing,
    dc,
    zone,
    weight,
    threads,
    pid,
    http,
    nats,
    version,
    isBack,
    isDirect,
    isReplaced,
    isRemoving,
    seen,
    arrived,
    ...(member.isWaiting === true ? { isWaiting: true } : {})
  }
}

function publish(state: KeeperState, news: RingNews, context: KeeperContext): void {
  const nowMs = context.now()
  for (const [id, subscription] of state.subscriptions) {
    if (subscription.untilMs < nowMs) state.subscriptions.delete(id)
    else context.signal(subscription.to, news)
  }
}

function subscribe(state: KeeperState, message: Extract<RingKeeperMessage, { kind: 'subscribe' }>, context: KeeperContext): void {
  const { replyTo, have } = message
  const id = `${replyTo.address}/${replyTo.correlation}`
  if (!state.subscriptions.has(id) && state.subscriptions.size >= subscriptionsMax) {
    return context.log.warn({ id, limit: subscriptionsMax }, 'too many subscribe to the ring: refused')
  }
  state.subscriptions.set(id, { to: replyTo, untilMs: context.now() + 2 * ringLeaseMs })
  if (state.view === undefined || state.view.revision === have) return
  context.signal(replyTo, { kind: 'ring', view: state.view })
  context.signal(replyTo, { kind: 'buckets', table: state.table })
}
