import type { Message } from '../../bus/bus.ts'
import { codecRegistry, Writer } from '../../bus/codec.ts'
import { type ClusterPlan, shareOf } from './cluster-plan.ts'

/** Above its share a host holds at most this: `loadFactorMax` of `model/placement.ts`, and one partition. */
const loadFactorMax = 1.1

/** Other hosts that own a partition which a host owns too, on average: draws of N − 1 out of n − 1 for each of its partitions. */
export function peersOf(plan: Pick<ClusterPlan, 'hosts' | 'replicas' | 'partitions'>): number {
  const others = plan.hosts - 1
  if (others <= 1) return others
  const draws = shareOf(plan) * (Math.min(plan.replicas, plan.hosts) - 1)
  return others * (1 - (1 - 1 / others) ** draws)
}

/** The fullest host's load as a multiple of the mean, at most: it is through before the others. */
export function unevenness(plan: Pick<ClusterPlan, 'hosts' | 'replicas' | 'partitions'>): number {
  if (plan.hosts <= plan.replicas) return 1
  const share = shareOf(plan)
  return Math.min(plan.partitions, Math.floor(share * loadFactorMax + 1)) / share
}

/** Hosts that hold nothing since there are too few partitions, at least. */
export function idleHosts({ hosts, replicas, partitions }: Pick<ClusterPlan, 'hosts' | 'replicas' | 'partitions'>): number {
  return Math.max(0, hosts - partitions * replicas)
}

/** A ring as it travels: by the bus to the threads of a host, by NATS as JSON to clients. In bytes. */
export interface RingBytes {
  readonly bus: number
  readonly json: number
}

const sampleHosts = 64

/** The bytes of a ring are those of its hosts and those of its lists: measured on a small one each, since they grow in proportion. */
export function ringBytes({ hosts, replicas, partitions }: Pick<ClusterPlan, 'hosts' | 'replicas' | 'partitions'>): RingBytes {
  const none = bytesOf({ ...emptyView, hosts: [] })
  const some = bytesOf({
    ...emptyView,
    hosts: Array.from({ length: sampleHosts }, (_, index) => hostView(hosts - 1 - (index % hosts)))
  })
  // Indices are longer the more hosts there are.
  const lists = Array.from({ length: sampleHosts }, (_, row) =>
    Array.from({ length: Math.min(replicas, hosts) }, (_, place) =>
      Math.floor(((row * 7 + place * 3) % sampleHosts) * (hosts / sampleHosts))
    )
  )
  const owners = bytesOf({ ...emptyView, owners: lists })
  const total = (of: keyof RingBytes): number =>
    Math.round(none[of] + ((some[of] - none[of]) / sampleHosts) * hosts + ((owners[of] - none[of]) / sampleHosts) * partitions)
  return { bus: total('bus'), json: total('json') }
}

const codec = codecRegistry()

function bytesOf(view: object): RingBytes {
  const writer = new Writer()
  const message: Message & { readonly view: object } = { kind: 'ring', view }
  codec.write(message, writer)
  return { bus: writer.position, json: Buffer.byteLength(JSON.stringify(view)) }
}

/** As `RingView` and `HostView` are; a test holds their size against that of a real one. */
const emptyView = {
  cluster: 'carillon',
  epoch: '89abcdef',
  revision: '1000001-12',
  partitions: 256,
  replicas: 3,
  hosts: [],
  owners: [],
  future: []
}

function hostView(index: number): object {
  return {
    name: `host-${index + 1}`,
    uid: 3_000_000_000 + index,
    incarnation: 3,
    state: 'up',
    standing: 'up',
    dc: 'dc1',
    zone: 'zone1',
    weight: 1,
    threads: 1,
    pid: 12_345,
    http: `http://10.0.${index >> 8}.${index & 255}:7070`,
    nats: `nats://10.0.${index >> 8}.${index & 255}:7420`,
    version: '0.1.0',
    isBack: false,
    isDirect: true,
    isReplaced: false,
    seen: '89abcdef',
    arrived: ''
  }
}
