import type { Address, Envelope, Lane, Message, Ref } from '../bus/bus.ts'
import type { ActorCell } from '../runtime/actor-cell.ts'
import { ActorSystem, type ActorSystemOptions } from '../runtime/actor-system.ts'
import type { TraceHash } from './trace-hash.ts'

/** A message on its way, with its contents: as it was sent, or as it came in from another thread. */
export interface SeenMessage {
  readonly atMs: number
  /** undefined: from outside the actors, or from another thread that was seen to send it before. */
  readonly from: Address | undefined
  readonly to: Ref
  readonly message: Message
  /** It came in over a link. */
  readonly isArrival: boolean
}

/** Who wants to know of every message. */
export interface Watcher {
  readonly trace: TraceHash
  /** Set while somebody looks. */
  onMessage: ((seen: SeenMessage) => void) | undefined
}

/** The actors of one simulated thread; all that they tell and are told goes into the history. */
export class WatchedSystem<R> extends ActorSystem<R> {
  readonly #watcher: Watcher

  constructor(options: ActorSystemOptions<R>, watcher: Watcher) {
    super(options)
    this.#watcher = watcher
  }

  override deliver(envelope: Envelope): void {
    this.#note(undefined, envelope.to, envelope.message, true)
    super.deliver(envelope)
  }

  override tell(
    from: ActorCell | undefined,
    to: Ref,
    message: Message,
    lane: Lane,
    budgetMs: number,
    traceparent: string | undefined
  ): void {
    this.#note(from?.address, to, message, false)
    super.tell(from, to, message, lane, budgetMs, traceparent)
  }

  #note(from: Address | undefined, to: Ref, message: Message, isArrival: boolean): void {
    const { trace, onMessage } = this.#watcher
    const atMs = this.clock.now()
    trace.event()
    trace.number(atMs)
    trace.text(message.kind)
    if (from !== undefined) trace.text(from)
    trace.text(to.address)
    trace.number(to.correlation)
    onMessage?.({ atMs, from, to, message, isArrival })
  }
}
