import { type BucketProperties, bucketPropertiesOf, propertiesOf } from '../actors/ring/bucket-table.ts'
import type { BucketReply, ChangeOrder, ChangeReply, DatacenterReply, GossipMessage } from '../actors/gossip/gossip-protocol.ts'
import type { HostMessage, HostReply } from '../actors/host-protocol.ts'
import type { RingKeeperMessage, RingKeeperReply } from '../actors/ring/ring-keeper-protocol.ts'
import { hostsOfAll, type RingView } from '../actors/ring/ring-view.ts'
import { addressOf, type Message, type Ref, threadAddressOf } from '../bus/bus.ts'
import { fault, isFault } from '../model/fault.ts'
import { bucketFault, keyFault, keyOf } from '../model/key.ts'
import { releaseOf, type WireRange, wireRangeOf, wireSpoken } from '../model/wire-version.ts'
import type { ActorDescription } from '../runtime/actor.ts'
import { type Explanation, explainKey } from './admin-explain.ts'
import { type KeysPage, type KeysQuery, listKeys } from './admin-keys.ts'
import { PlanAdmin, type PlanBrief } from './admin-plan.ts'
import { BackupAdmin } from './admin-backups.ts'
import { ProfileAdmin } from './admin-profile.ts'
import { type OwedKeysPage, owedKeys, type ReplicationShown, replicationOf } from './admin-replication.ts'
import { beginWork, type WorkShown, workOfHosts } from './admin-work.ts'
import { badRequest, errorOf, StoreError } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'

/** One host as `/api/v1/cluster` shows it. */
export interface HostShown {
  readonly name: string
  readonly uid: number
  readonly incarnation: number
  readonly state: string
  readonly dc: string
  readonly zone: string
  readonly weight: number
  readonly pid: number
  readonly http: string
  readonly nats: string
  /** Replicas of partitions that it owns. */
  readonly partitions: number
  /** Its release, and the versions of the wire that it speaks. */
  readonly version: string
  readonly wire: WireRange
}

export interface ClusterShown {
  readonly cluster: string
  readonly cluster_id: string
  readonly epoch: string
  readonly datacenters: readonly string[]
  /** The version of the wire that all hosts speak; null where there is none. */
  readonly wire: number | null
  readonly hosts: readonly HostShown[]
  /** Staged changes; null where there are none. */
  readonly plan: PlanBrief | null
}

/** How the change of a host's place on the ring stands. */
export interface DatacenterRemoved {
  readonly datacenter: string
  /** Its hosts. */
  readonly removed: readonly string[]
}

export interface ChangeShown {
  readonly host: string
  /** `joining`, `up`, `leaving`, `drained` (it owns nothing any more), `left`, `removing`, `removed`. */
  readonly stands: string
  /** In sentences; empty where nothing is under way. */
  readonly waits_for: readonly string[]
}

export interface RingShown {
  readonly epoch: string
  readonly partitions: number
  readonly replicas: number
  /** For each partition its preference list by host name, in order. */
  readonly owners: readonly (readonly string[])[]
}

const repairKinds = ['exchange', 'handoff'] as const
const timeoutMsDefault = 2_000
/** Of questions to all hosts: less than callers wait (2 s), so that one that is silent is shown as such, and not all of it is late. */
const surveyMsMax = 1_000
const metricsTimeoutMs = 5_000

/** What the console, the command line and the HTTP door ask of a cluster beside its data. All of it may reject with a `StoreError`. */
export class Admin {
  readonly #core: StoreCore
  readonly #host: string
  readonly #timeoutMs: number
  readonly #surveyMs: number
  readonly profiles: ProfileAdmin
  readonly plans: PlanAdmin
  readonly backup: BackupAdmin

  /** @param host the one whose ring keeper, gossip agent and inspector are asked: the door's own */
  constructor(options: { readonly core: StoreCore; readonly host: string; readonly timeoutMs?: number | undefined }) {
    this.#core = options.core
    this.#host = options.host
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault
    this.#surveyMs = Math.min(surveyMsMax, this.#timeoutMs)
    this.profiles = new ProfileAdmin(options.core, this.#timeoutMs)
    this.plans = new PlanAdmin(options.core, options.host, this.#timeoutMs, () => this.#describe())
    this.backup = new BackupAdmin(options.core, () => this.#describe())
  }

  async cluster(): Promise<ClusterShown> {
    const [{ cluster, view }, plan] = await Promise.all([this.#describe(), this.#plan()])
    const owned = ownedBy(view)
    const hosts = hostsOfAll(view)
    return {
      cluster: view.cluster,
      cluster_id: cluster.id,
      epoch: view.epoch,
      datacenters: [...new Set(hosts.map(host => host.dc))].sort(),
      wire: wireSpoken(hosts.map(({ version }) => version)) ?? null,
      hosts: hosts.map(({ name, uid, incarnation, state, dc, zone, weight, pid, http, nats, version }) => ({
        name,
        uid,
        incarnation,
        state,
        dc,
        zone,
        weight,
        pid,
        http,
        nats,
        partitions: owned.get(uid) ?? 0,
        version: releaseOf(version),
        wire: wireRangeOf(version)
      })),
      plan
    }
  }

  /** A host that has just begun does not know it yet, and shows the rest all the same. */
  async #plan(): Promise<PlanBrief | null> {
    try {
      return await this.plans.brief()
    } catch (error) {
      if (error instanceof StoreError) return null
      throw error
    }
  }

  async ring(): Promise<RingShown> {
    const { view } = await this.#describe()
    return ringShown(view)
  }

  /** @param host default: the door's own @throws {StoreError} there is none of that name */
  hostNamed(host: string = this.#host): string {
    if (host === this.#host) return host
    const known = hostsOfAll(this.#view())
    if (known.some(one => one.name === host)) return host
    const named = JSON.stringify(host.slice(0, 64))
    throw errorOf(
      fault(
        'not_found',
        `there is no host ${named}: there are ${known
          .map(one => one.name)
          .sort()
          .join(', ')}`
      )
    )
  }

  /** @param host default: the door's own */
  async actors(host?: string): Promise<{ readonly host: string; readonly tree: ActorDescription }> {
    const name = this.hostNamed(host)
    const reply = await this.#ask<HostMessage, HostReply>(name, 'main', 'host', { kind: 'describe-host' }, this.#timeoutMs)
    if (reply.kind !== 'host-description') throw unexpected(reply)
    return { host: reply.host, tree: reply.tree }
  }

  /** The repair work of every host. */
  work(): Promise<WorkShown> {
    return workOfHosts(this.#core, this.#view(), this.#surveyMs)
  }

  /** What each datacenter still has to give to the others. */
  replication(): Promise<ReplicationShown> {
    return replicationOf(this.#core, this.#view(), this.#surveyMs)
  }

  /** Every write that a datacenter lacks, a page at a time. */
  owedKeys(query: { readonly to: string; readonly cursor: string; readonly limit: number }): Promise<OwedKeysPage> {
    return owedKeys(this.#core, this.#view(), query, this.#timeoutMs)
  }

  /** Let every host compare its replicas with the others', and deliver what it keeps for them, now. @returns how things stand at the beginning */
  async repair(): Promise<WorkShown> {
    return onlyRepair(await beginWork(this.#core, this.#view(), repairKinds, this.#surveyMs))
  }

  /** How far that is. */
  async repairProgress(): Promise<WorkShown> {
    return onlyRepair(await this.work())
  }

  /** Prometheus text of this host. */
  async metrics(): Promise<string> {
    const reply = await this.#ask<HostMessage, HostReply>(
      this.#host,
      'main',
      'host',
      { kind: 'collect-metrics' },
      metricsTimeoutMs
    )
    if (reply.kind !== 'host-metrics') throw unexpected(reply)
    return reply.text
  }

  /** What each replica holds of one key; a replica that does not answer is shown as such. */
  async explain(bucket: string, key: Uint8Array): Promise<Explanation> {
    const wrong = bucketFault(bucket) ?? keyFault(key.length)
    if (wrong !== undefined) throw errorOf(wrong)
    const { view, table, defaults } = await this.#describe()
    return explainKey(this.#core, view, keyOf(bucket, key), propertiesOf(table, bucket, defaults).n, this.#timeoutMs)
  }

  async bucket(bucket: string): Promise<BucketProperties> {
    checkBucket(bucket)
    const { table, defaults } = await this.#describe()
    return propertiesOf(table, bucket, defaults)
  }

  /** Names of the buckets that were given properties. */
  async buckets(): Promise<readonly string[]> {
    const { table } = await this.#describe()
    return Object.keys(table).sort()
  }

  /**
   * Set some properties; the others stay. They reach the other hosts by gossip, within moments.
   * @param input as a user sent it
   * @returns all properties, as they are now
   */
  async setBucket(bucket: string, input: unknown): Promise<BucketProperties> {
    checkBucket(bucket)
    const { table, defaults } = await this.#describe()
    const before = propertiesOf(table, bucket, defaults)
    const properties = bucketPropertiesOf(input, before.n)
    if (isFault(properties)) throw errorOf(properties)
    const all = { ...before, ...properties }
    // A smaller n alone must not leave an r or w behind that no request could meet.
    for (const name of ['r', 'w'] as const) {
      if (all[name] > all.n) throw badRequest(`bucket property ${name} is ${all[name]}, more than n (${all.n}): set it too`)
    }
    const reply = await this.#ask<GossipMessage, BucketReply>(
      this.#host,
      'system',
      'gossip-agent',
      { kind: 'set-bucket', bucket, properties },
      this.#timeoutMs
    )
    if (reply.kind !== 'bucket-set') throw unexpected(reply)
    return all
  }

  /**
   * Let a host leave: it gives up its place on the ring once others have its data, hands over what it keeps for others, and ends.
   * `give-up` can be said until it has given up its place.
   */
  async leave(host: string, order: ChangeOrder): Promise<ChangeShown> {
    const name = this.hostNamed(host)
    if (hostsOfAll(this.#view()).some(one => one.name === name && one.state === 'down'))
      throw badRequest(`${name} is down: start it again to let it leave, or remove it`)
    return this.#change(name, { kind: 'leave', order })
  }

  /** Have a host removed that is down for good: others take its place, with what the other replicas have. It must not come back. */
  remove(host: string, order: ChangeOrder): Promise<ChangeShown> {
    return this.#change(this.#host, { kind: 'remove', name: host, order })
  }

  /** Have a datacenter removed that is gone for good. Its hosts must not come back. */
  async removeDatacenter(dc: string): Promise<DatacenterRemoved> {
    const message = { kind: 'remove-datacenter', dc } as const
    const reply = await this.#ask<GossipMessage, DatacenterReply>(this.#host, 'system', 'gossip-agent', message, this.#timeoutMs)
    if (reply.kind !== 'datacenter-removed') throw unexpected(reply)
    return { datacenter: reply.dc, removed: reply.hosts }
  }

  async #change(host: string, message: WithoutReply<GossipMessage>): Promise<ChangeShown> {
    const reply = await this.#ask<GossipMessage, ChangeReply>(host, 'system', 'gossip-agent', message, this.#timeoutMs)
    if (reply.kind !== 'change-told') throw unexpected(reply)
    return { host: reply.host, stands: reply.stands, waits_for: reply.waitsFor }
  }

  keys(query: KeysQuery): Promise<KeysPage> {
    return listKeys(this.#core, query)
  }

  #view(): RingView {
    const view = this.#core.view
    if (view === undefined) throw errorOf(fault('unavailable', 'the ring is not known yet: try again in a moment'))
    return view
  }

  #describe(): Promise<RingKeeperReply> {
    return this.#ask<RingKeeperMessage, RingKeeperReply>(
      this.#host,
      'system',
      'ring-keeper',
      { kind: 'describe-cluster' },
      this.#timeoutMs
    )
  }

  #ask<M extends Message, R extends Message>(
    host: string,
    thread: string,
    actor: string,
    message: WithoutReply<M>,
    timeoutMs: number
  ): Promise<R> {
    const to: Ref<never> = { address: addressOf(threadAddressOf(host, thread), actor), correlation: 0, incarnation: 0 }
    return this.#core.ask<R>(to, message, timeoutMs)
  }
}

type WithoutReply<M> = M extends unknown ? Omit<M, 'replyTo'> : never

/** Replicas of partitions that each host owns in its datacenter, by uid. */
function ownedBy(view: RingView): ReadonlyMap<number, number> {
  const owned = new Map<number, number>()
  for (const { hosts, owners } of [view, ...(view.others ?? [])]) {
    for (const list of owners) {
      for (const index of list) {
        const uid = hosts[index]?.uid ?? 0
        owned.set(uid, (owned.get(uid) ?? 0) + 1)
      }
    }
  }
  return owned
}

export function ringShown(view: RingView): RingShown {
  const names = view.hosts.map(host => host.name)
  return {
    epoch: view.epoch,
    partitions: view.partitions,
    replicas: view.replicas,
    owners: view.owners.map(owners => owners.map(index => names[index]!))
  }
}

function onlyRepair({ hosts }: WorkShown): WorkShown {
  const isRepair = ({ kind }: WorkShown['hosts'][number]['items'][number]) => repairKinds.some(each => each === kind)
  return { hosts: hosts.map(host => ({ ...host, items: host.items.filter(isRepair) })) }
}

function checkBucket(bucket: string): void {
  const wrong = bucketFault(bucket)
  if (wrong !== undefined) throw errorOf(wrong)
}

function unexpected(reply: Message): Error {
  return errorOf(fault('internal', `an actor answered with ${JSON.stringify(reply.kind)}, which was not asked`))
}
