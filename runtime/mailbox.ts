import type { Ref } from '../bus/bus.ts'

/** Slots of a lane's first ring; it doubles as needed, so that an idle actor costs nothing. */
const firstSlots = 8

/** Shared by all lanes that never held anything; never written to. */
const none: never[] = []

/**
 * One lane: a ring of parallel arrays, so that a message costs no object of its own.
 * After `take` the message is in `item`, `correlation`, `deadlineMs`, `traceparent`.
 */
export class Lane {
  readonly limit: number
  length = 0
  item: unknown = undefined
  correlation = 0
  deadlineMs = 0
  traceparent: string | undefined = undefined
  #head = 0
  #mask = -1
  #items: unknown[] = none
  #correlations: number[] = none
  #deadlines: number[] = none
  /** Exists once a traced message came. */
  #traces: (string | undefined)[] | undefined = undefined

  constructor(limit: number) {
    this.limit = limit
  }

  /** @returns false where the lane is full */
  put(item: unknown, correlation: number, deadlineMs: number, traceparent: string | undefined): boolean {
    if (this.length > this.#mask) {
      if (this.length >= this.limit) return false
      this.#grow()
    } else if (this.length >= this.limit) return false
    const index = (this.#head + this.length) & this.#mask
    this.#items[index] = item
    this.#correlations[index] = correlation
    this.#deadlines[index] = deadlineMs
    if (traceparent !== undefined) this.#traces ??= new Array<string | undefined>(this.#mask + 1).fill(undefined)
    if (this.#traces !== undefined) this.#traces[index] = traceparent
    this.length += 1
    return true
  }

  /** @returns false where the lane is empty */
  take(): boolean {
    if (this.length === 0) return false
    const index = this.#head
    this.item = this.#items[index]
    this.#items[index] = undefined
    this.correlation = this.#correlations[index]!
    this.deadlineMs = this.#deadlines[index]!
    this.traceparent = this.#traces === undefined ? undefined : this.#traces[index]
    this.#head = (index + 1) & this.#mask
    this.length -= 1
    return true
  }

  #grow(): void {
    const slots = this.#mask + 1
    const size = slots === 0 ? firstSlots : slots * 2
    const turned = <T>(from: readonly T[], empty: T): T[] => {
      const to = new Array<T>(size).fill(empty)
      for (let i = 0; i < this.length; i += 1) to[i] = from[(this.#head + i) & this.#mask]!
      return to
    }
    const { length } = this
    this.#items = turned<unknown>(this.#items, undefined)
    this.#correlations = turned(this.#correlations, 0)
    // A fraction, so that the engine stores doubles unboxed.
    this.#deadlines = turned(this.#deadlines, 0.5)
    if (this.#traces !== undefined) this.#traces = turned<string | undefined>(this.#traces, undefined)
    this.length = length
    this.#head = 0
    this.#mask = size - 1
  }
}

/**
 * What waits for an actor: two bounded lanes, control first. The data lane refuses when it is full. Replies may have a third, which goes
 * before data: so what is under way ends before more is begun, and a lane full of new work refuses none of them.
 * @see Welsh, Culler, Brewer: SEDA (SOSP 2001), section 5: stages that are shed from where work enters
 */
export class Mailbox {
  readonly control: Lane
  readonly data: Lane
  /** The data lane, where replies have none of their own. */
  readonly replies: Lane

  /** @param repliesMax 0: replies wait among the data */
  constructor(dataMax: number, controlMax: number, repliesMax = 0) {
    this.control = new Lane(controlMax)
    this.data = new Lane(dataMax)
    this.replies = repliesMax === 0 ? this.data : new Lane(repliesMax)
  }

  get length(): number {
    const { control, data, replies } = this
    return control.length + data.length + (replies === data ? 0 : replies.length)
  }

  /** @returns the lane whose fields hold the message, or undefined where nothing waits */
  take(): Lane | undefined {
    if (this.control.take()) return this.control
    if (this.replies.take()) return this.replies
    return this.data.take() ? this.data : undefined
  }

  /** Empty all lanes. @param each is told the reply references of what is dropped */
  drop(each: (replyTo: Ref) => void): void {
    for (let lane = this.take(); lane !== undefined; lane = this.take()) {
      const item = lane.item as { readonly replyTo?: Ref }
      lane.item = undefined
      if (item.replyTo !== undefined) each(item.replyTo)
    }
  }
}
