import type { PutRequest, StoreReply, StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Message, Ref } from '../../bus/bus.ts'
import type { DirectPut } from './direct-puts.ts'
import type { Lane } from './shared-reads.ts'
import type { DirectRead } from './direct-reads.ts'
import type { Coordinator } from './routes.ts'
import { Waiting } from './deadline-wheel.ts'

/** What a request may be answered by: a store's reply, or any message where another actor was asked. */
export type Answer = StoreReply | Message

type Resolve = (answer: Answer) => void
type Reject = (error: Error) => void

let takenResolve: Resolve
let takenReject: Reject

// One executor for all promises, so that none needs a closure.
function take(resolve: Resolve, reject: Reject): void {
  takenResolve = resolve
  takenReject = reject
}

/** One request under way. It waits in the wheel for its deadline, its next attempt, or the end of its patience with one coordinator. */
export class Request extends Waiting {
  /** Of its present attempt. */
  correlation: number
  message: Message
  /** Of a get, put or delete; -1 where `to` is asked. */
  readonly partition: number
  readonly deadlineMs: number
  readonly timeoutMs: number
  readonly promise: Promise<Answer>
  readonly resolve: Resolve
  readonly reject: Reject
  /** Where the present attempt went; undefined while there is none. */
  coordinator: Coordinator | undefined = undefined
  /** The owners that the client asks itself, while it does. */
  direct: DirectRead | undefined = undefined
  /** Of a get: the reads of its key, while it is one of them or waits for the next. */
  lane: Lane<Request> | undefined = undefined
  isWaiting = false
  /** Gets that are answered with this one. */
  followers: readonly Request[] | undefined = undefined
  /** What came of a put whose acknowledgements the client counts. */
  acks: DirectPut | undefined = undefined
  /** Whether its coordinator was asked what became of it. */
  isRecalled = false
  /** Where another actor is asked. */
  to: Ref | undefined = undefined
  /** The flush that the present attempt left with. */
  flush = 0
  /** Attempts that are surely without effect: refused for overload, undelivered, or not sent. */
  setbacks = 0
  /** How often its coordinator was found slow: a get is asked of another one then, a write only waits. */
  slowness = 0

  constructor(correlation: number, message: Message, partition: number, deadlineMs: number, timeoutMs: number) {
    super()
    this.correlation = correlation
    this.message = message
    this.partition = partition
    this.deadlineMs = deadlineMs
    this.timeoutMs = timeoutMs
    this.promise = new Promise<Answer>(take)
    this.resolve = takenResolve
    this.reject = takenReject
  }

  /**
   * Another attempt at a write: a coordinator takes what comes under a number that it has seen for the same message, come twice. Or at a
   * get whose owners were asked by the client: what they still answer is not for this one.
   */
  renumber(correlation: number): void {
    const request = this.message as StoreRequest
    this.correlation = correlation
    this.acks = undefined
    this.isRecalled = false
    this.message = { ...request, replyTo: { ...request.replyTo, correlation } }
  }

  /** A put whose acknowledgements the client counts. */
  get isCounting(): boolean {
    return this.message.kind === 'put' && (this.message as PutRequest).countsAcks === true
  }

  get isWrite(): boolean {
    return this.message.kind === 'put' || this.message.kind === 'delete'
  }

  /** Those that are decided by what is there go to the first owner, where they meet each other. */
  get isConditional(): boolean {
    const request = this.message as StoreRequest
    return request.kind === 'put'
      ? request.mode === 'create' || request.ifMatch !== ''
      : request.kind === 'delete' && request.ifMatch !== ''
  }
}
