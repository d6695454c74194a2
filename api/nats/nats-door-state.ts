import type { Subscription } from 'nats'
import type { Accepted, StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import type { RingNews } from '../../actors/ring/ring-keeper-protocol.ts'
import type { Ref } from '../../bus/bus.ts'
import { kvOperations, kvOperationWildcard, queueGroup } from '../../bus/subject.ts'
import { Admission, admissionTerms } from '../../model/admission.ts'
import { limits } from '../../model/limits.ts'
import { RateLimits } from '../../model/rate-limits.ts'
import type { Context } from '../../runtime/actor.ts'
import { IdTable } from '../../runtime/id-table.ts'
import type { DoorConnection, Incoming } from './connection.ts'
import type { DoorRoutes } from './door-routes.ts'
import type { KvRequest } from './kv-request.ts'
import { EndpointFigures, type ServiceIdentity, type ServiceVerb } from './service.ts'

export interface NatsDoorArguments {
  /** In the application account, with the door's own credentials; lent, and closed by whoever made it. */
  readonly connection: DoorConnection
  readonly cluster: string
  /** The first token of the subjects under which requests come: see `heardUnder` of a host. Applications write `cluster`. */
  readonly heardUnder: string
  readonly version: string
  readonly pairBytesMax: number
  readonly requestTimeoutMs: number
  /** Requests a second that the host takes from one connection, this thread its share of them; 0: no limit. */
  readonly requestsPerSecond: number
  /** Data threads of the host. */
  readonly threads: number
  /** Publish accepted writes on `<cluster>.event.>`. */
  readonly events: boolean
}

/** What the door is told, beside what it tells itself. */
export type NatsDoorMessage =
  | StoreReply
  | RingNews
  | Accepted
  | { readonly kind: 'asked'; readonly incoming: Incoming; readonly cameMs: number }
  | { readonly kind: 'ring-asked'; readonly reply: string }
  | { readonly kind: 'service-asked'; readonly verb: ServiceVerb; readonly reply: string }
  | { readonly kind: 'tick' }
  | { readonly kind: 'renew' }

export type DoorContext = Context<NatsDoorMessage>

/** One request under way. */
export interface Pending {
  readonly correlation: number
  readonly request: KvRequest
  readonly reply: string
  readonly endpoint: EndpointFigures
  readonly startedMs: number
  readonly deadlineMs: number
  readonly to: Ref
  readonly attempts: number
}

export interface State {
  readonly args: NatsDoorArguments
  readonly identity: ServiceIdentity
  readonly endpoints: Readonly<Record<string, EndpointFigures>>
  readonly subscriptions: Subscription[]
  readonly pending: IdTable<Pending>
  readonly rates: RateLimits
  /** By how long requests have waited in the door's mailbox. */
  readonly admission: Admission
  routes: DoorRoutes | undefined
  ringBytes: Uint8Array | undefined
  /** Taken from the connection, not handled yet. */
  queued: number
  correlation: number
  isTicking: boolean
  /** Whether the subscriptions end: while the door drains. */
  leaving: 'no' | 'under way' | 'done'
  events: number
}

export function stateOf(args: NatsDoorArguments, context: DoorContext): State {
  const { cluster, version } = args
  const queue = queueGroup(cluster, 'kv')
  const endpoints = Object.fromEntries(
    kvOperations.map(operation => [operation, new EndpointFigures(operation, kvOperationWildcard(cluster, operation), queue)])
  )
  const identity: ServiceIdentity = {
    name: 'carillon',
    // Two hosts may have been given one name; two lives of one door are told apart as well.
    id: `${context.thread.replace('.', '-')}-${Math.floor(context.random() * 0x1_0000_0000).toString(36)}`,
    version: /^\d+\.\d+\.\d+/.test(version) ? version : '0.0.0',
    description: 'A leaderless key-value store',
    metadata: { cluster, host: context.host, thread: context.thread },
    started: new Date(context.wallMs()).toISOString()
  }
  return {
    args,
    identity,
    endpoints,
    subscriptions: [],
    pending: new IdTable(),
    rates: new RateLimits(limits.ratedClientsMax),
    admission: new Admission(admissionTerms),
    routes: undefined,
    ringBytes: undefined,
    queued: 0,
    correlation: 0,
    isTicking: false,
    leaving: 'no',
    events: 0
  }
}
