import type { Message, Ref, ThreadAddress, UndeliveredReason } from '../bus/bus.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

export type TimerId = number

/**
 * All that an actor can see of the world. Time, chance, timers, messages and disk come only through here,
 * so that the same actor runs in a simulation.
 * @typeParam M what the actor may be told
 * @typeParam R what its thread lends to actors (a store, say); shared by the thread's actors, made by the composition root
 */
export interface Context<M extends Message = Message, R = unknown> {
  readonly self: Ref<M>
  readonly host: string
  readonly thread: ThreadAddress
  readonly name: string
  readonly incarnation: number
  readonly resources: R
  readonly log: Log
  readonly metrics: Metrics

  /** The number that the message under way carries: what this actor put in the `replyRef` it gave away. 0 where none. */
  readonly correlation: number
  /** When the message under way is no longer wanted, in terms of `now`; Infinity where nobody said. */
  readonly deadlineMs: number

  /** Monotonic milliseconds; for deadlines and intervals. */
  now(): number
  /** Milliseconds since 1970; for show, resolvers and TTLs, never for decisions about data. */
  wallMs(): number
  /** 0 ≤ x < 1. */
  random(): number

  /** Tell in the data lane. @param budgetMs how long the work is wanted; 0 = no deadline */
  send<T extends Message>(to: Ref<T>, message: T, budgetMs?: number): void
  /** Tell in the control lane: membership, supervision, deadlines. */
  signal<T extends Message>(to: Ref<T>, message: T): void
  /** A reference to this incarnation of this actor; what is sent to it arrives with `context.correlation` = correlation. */
  replyRef<T extends Message>(correlation: number): Ref<T>

  /** Tell oneself later, in the control lane. Forgotten when this incarnation ends. */
  after(delayMs: number, message: M): TimerId
  cancel(timer: TimerId): void

  /** Add a child to a one-for-one supervisor of this thread. @returns undefined where the name is taken or there's no such supervisor */
  startChild(supervisor: string, spec: ChildSpec): Ref | undefined
  /** Drain and stop a child of a supervisor of this thread. */
  stopChild(supervisor: string, name: string): void
  /** End this actor after this message: as done ('normal'), in order though not done (a `Shutdown`), or as failed (any other error). */
  exit(reason: 'normal' | Error): void
}

/**
 * An actor's code. `receive` is synchronous and decides; what it wants done goes through the context.
 * State may be changed in place: it is shared with nobody. What throws ends this incarnation, and the supervisor decides.
 */
export interface Behaviour<S, M extends Message, A = undefined, R = unknown> {
  /** Kind of actor, for metrics and the tree: 'vnode', 'coordinator'. */
  readonly kind: string
  start(args: A, context: Context<M, R>): S
  receive(state: S, message: M, context: Context<M, R>): void
  /** A message that named this actor as `replyTo` was not handled. `context.correlation` tells which. */
  undelivered?(state: S, reason: UndeliveredReason, context: Context<M, R>): void
  /** A hint of the bus: nobody listens at that thread. */
  unreachable?(state: S, thread: ThreadAddress, context: Context<M, R>): void
  /** While draining: whether the work under way is through. Absent: always. */
  idle?(state: S): boolean
  /** Last words; also after a crash. */
  stop?(state: S, reason: 'drained' | 'normal' | Error, context: Context<M, R>): void
  /** A few plain values for people: shown in the tree and in crash reports. Never secrets or whole values. */
  summary?(state: S): Readonly<Record<string, unknown>>
}

// biome-ignore lint/suspicious/noExplicitAny: a tree holds behaviours of every state, message and argument
export type AnyBehaviour = Behaviour<any, any, any, any>

/** When an ended actor is started again. @see OTP supervisor(3), restart types */
export type RestartType = 'permanent' | 'transient' | 'temporary'

export interface ActorSpec {
  readonly type: 'actor'
  readonly name: string
  readonly behaviour: AnyBehaviour
  readonly args?: unknown
  /** Default 'permanent'. */
  readonly restart?: RestartType
  /** How long it may drain before it is stopped as it is; 0: not at all, Infinity: as long as it takes. Default 5,000. */
  readonly shutdownMs?: number
  /** Messages that may wait in the data lane; default `limits.mailboxDataDefault`. */
  readonly mailboxMax?: number
  /**
   * Replies, which are meant for this very incarnation, wait in a lane of their own, so many of them, and go before other data. For one who
   * asks others on behalf of those who ask it: a reply that is refused, or waits behind new work, is worse than new work that is. Absent: they
   * wait among the data.
   */
  readonly repliesMax?: number
}

/** @see OTP supervisor(3): strategies, intensity and period */
export interface SupervisorSpec {
  readonly type: 'supervisor'
  readonly name: string
  readonly strategy: 'one-for-one' | 'one-for-all' | 'rest-for-one'
  /** More than `intensity` restarts within `periodMs`: the supervisor gives up, and its own supervisor decides. */
  readonly intensity: number
  readonly periodMs: number
  /** Wait before a restart: base × 2^(restarts in the period − 1), at most max. Absent: at once, as OTP does. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number }
  readonly restart?: RestartType
  readonly children: readonly ChildSpec[]
}

export type ChildSpec = ActorSpec | SupervisorSpec

/** One actor, supervisor or thread as people and tools see it: the shape of `/api/v1/actors`. */
export interface ActorDescription {
  readonly name: string
  readonly kind: string
  readonly thread: string
  readonly state: 'starting' | 'running' | 'restarting' | 'draining' | 'stopped'
  readonly incarnation: number
  readonly restarts: number
  readonly mailbox: { readonly length: number; readonly limit: number; readonly handled: number; readonly refused: number }
  readonly last_crash: null | { readonly at: string; readonly error: string; readonly message_kind: string | null }
  readonly summary?: Readonly<Record<string, unknown>>
  readonly children: readonly ActorDescription[]
}
