import { limits } from '../model/limits.ts'
import type { ActorCell } from './actor-cell.ts'
import type { Clock } from './clock.ts'

/** How many messages are handled between two looks at the clock. */
const messagesPerLook = 8

/**
 * Whose turn it is. One turn of the thread gives each actor with mail its own turn, in order, for at most
 * `limits.schedulerTurnMsMax`; then what was sent leaves, and the event loop goes on.
 */
export class RunQueue {
  /** The actor whose messages are under way. */
  running: ActorCell | undefined = undefined
  /** The time at the latest look. */
  turnNow = 0
  readonly #clock: Clock
  readonly #turnEnded: () => void
  readonly #gatherFrom: number
  readonly #turn = (): void => this.#run()
  readonly #gathered = (): void => this.#endGathering()
  #first: ActorCell | undefined = undefined
  #last: ActorCell | undefined = undefined
  #soon: (() => void)[] = []
  readonly #draining = new Set<ActorCell>()
  #turnEnds = 0
  #ticks = 0
  #inTurn = false
  #scheduled = false
  /** What a turn has left behind waits for one more. */
  #isGathering = false
  #endsGathering = false

  /**
   * @param turnEnded send off what has gathered
   * @param gatherFrom after a turn of so many messages, see what has arrived meanwhile before sending off: whoever has much to do
   * sends larger batches for it, and fewer. Default: never
   */
  constructor(clock: Clock, turnEnded: () => void, gatherFrom: number = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.#turnEnded = turnEnded
    this.#gatherFrom = gatherFrom
  }

  /** The present time; within a turn as of a few messages ago. */
  now(): number {
    return this.#inTurn ? this.turnNow : this.#clock.now()
  }

  push(cell: ActorCell): void {
    cell.queued = true
    if (this.#last === undefined) this.#first = cell
    else this.#last.nextReady = cell
    this.#last = cell
    if (!this.#inTurn && !this.#scheduled) this.wake()
  }

  /** Run `job` before the next actor. */
  soon(job: () => void): void {
    this.#soon.push(job)
    this.wake()
  }

  watchDrain(cell: ActorCell, on: boolean): void {
    if (on) {
      this.#draining.add(cell)
      this.wake()
    } else if (this.#draining.size > 0) this.#draining.delete(cell)
  }

  wake(): void {
    if (this.#inTurn || this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(this.#turn)
  }

  /** Count a message. @returns whether the turn is over */
  tick(): boolean {
    this.#ticks += 1
    if (this.#ticks % messagesPerLook !== 0) return false
    this.turnNow = this.#clock.now()
    return this.turnNow > this.#turnEnds
  }

  #run(): void {
    this.#scheduled = false
    this.#inTurn = true
    this.turnNow = this.#clock.now()
    this.#turnEnds = this.turnNow + limits.schedulerTurnMsMax
    const ticksBefore = this.#ticks
    try {
      do {
        if (this.#soon.length > 0) this.#runSoon()
        const cell = this.#first
        if (cell === undefined) {
          if (this.#soon.length === 0) break
          this.turnNow = this.#clock.now()
          continue
        }
        this.#first = cell.nextReady
        if (this.#first === undefined) this.#last = undefined
        cell.nextReady = undefined
        cell.queued = false
        this.running = cell
        cell.run()
        this.running = undefined
        if (!cell.queued && cell.mailbox.length > 0) this.push(cell)
      } while (this.turnNow <= this.#turnEnds)
      if (this.#draining.size > 0) for (const cell of [...this.#draining]) cell.checkDrained()
    } finally {
      this.running = undefined
      this.#inTurn = false
      if (this.#first !== undefined || this.#soon.length > 0) this.wake()
      this.#sendOff(this.#ticks - ticksBefore)
    }
  }

  /** @param handled messages of the turn that ends */
  #sendOff(handled: number): void {
    if (this.#isGathering) {
      // Either the turn that was waited for, or one that came before it was looked for.
      if (!this.#endsGathering) return
      this.#isGathering = false
      this.#endsGathering = false
    } else if (handled >= this.#gatherFrom) {
      this.#isGathering = true
      this.#clock.defer(this.#gathered)
      return
    }
    this.#turnEnded()
  }

  /** All that had arrived by now has been read: where that makes a turn, it is the last one to wait for. */
  #endGathering(): void {
    if (!this.#isGathering) return
    if (this.#scheduled) {
      this.#endsGathering = true
      return
    }
    this.#isGathering = false
    this.#turnEnded()
  }

  #runSoon(): void {
    const jobs = this.#soon
    this.#soon = []
    for (const job of jobs) job()
  }
}
