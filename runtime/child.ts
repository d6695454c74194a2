import type { ActorDescription, ChildSpec } from './actor.ts'

/** Why a child has ended, as far as its supervisor must know. */
export type EndReason = 'normal' | 'drained' | Error

/** What a supervisor can do with a child: an actor, or a supervisor again. */
export interface Child {
  readonly name: string
  readonly spec: ChildSpec
  /** Whether it runs or drains. */
  readonly alive: boolean
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

/** Why an actor that did nothing wrong was ended: its group restarts, or its supervisor has given up. */
export class Shutdown extends Error {
  override readonly name = 'Shutdown'
}
