import type { ActorDescription, ChildSpec } from './actor.ts'

/** Why a child has ended, as far as its supervisor must know. */
export type EndReason = 'normal' | 'drained' | Error

/** What a supervisor can do with a child: an actor, or a supervisor again. */
export interface Child {
  readonly name: string
  readonly spec: ChildSpec
  /** Whether it runs or drains. */
  readonly alive: boolean
  /** 'restarting': it ended, and its supervisor is to start it again. */
  readonly state: ActorDescription['state']
  /** Start, or start again after an end. @returns why it did not start */
  start(): Error | undefined
  /** Say that it waits for its restart. */
  awaitRestart(): void
  /** End at once, with `reason` as last words. Does not tell the parent. */
  stop(reason: Error): void
  /** End once the work under way is through. @returns true where that is so now; else the parent is told later */
  drain(): boolean
  /** Forget it for ever: its name is free. */
  remove(): void
  describe(): ActorDescription
}

export interface Parent {
  /** A child ended by itself, or has drained. */
  childEnded(child: Child, reason: EndReason): void
}

/**
 * Why an actor that did nothing wrong was ended: its group restarts, or its supervisor has given up.
 * An actor that exits with it says that it ends in order, though not as done: that is no crash, and only a permanent one is restarted.
 * @see OTP supervisor(3): the exit reasons shutdown and {shutdown,_}
 */
export class Shutdown extends Error {
  override readonly name = 'Shutdown'
}
