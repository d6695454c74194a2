import type { Ref } from '../../bus/bus.ts'
import type { Context, TimerId } from '../../runtime/actor.ts'
import { type HostView, vnodeAddressOf } from '../ring/ring-view.ts'
import type { VnodeMessage, VnodeReply } from './vnode-protocol.ts'

/** A question to the vnode of a partition. */
export interface VnodeAsk {
  readonly host: HostView
  readonly partition: number
  readonly message: (replyTo: Ref<VnodeReply>) => VnodeMessage
}

export interface AskTerms {
  /** Questions under way at once: what bounds the memory of replies and the load on vnodes. */
  readonly inFlightMax: number
  readonly timeoutMs: number
  /** Told of each answer as it comes; true: ask no more. */
  readonly isEnough?: (reply: VnodeReply) => boolean
}

/** In the order of the questions; undefined: no answer, or not asked any more. */
export type VnodeReplies = readonly (VnodeReply | undefined)[]

interface Round {
  readonly id: number
  readonly asks: readonly VnodeAsk[]
  readonly terms: AskTerms
  readonly replies: (VnodeReply | undefined)[]
  readonly isOpen: boolean[]
  readonly done: (replies: VnodeReplies) => void
  timer: TimerId
  next: number
  inFlight: number
  isEnough: boolean
}

/** What the desk tells its actor by timer, to be handed to `timedOut`. */
export interface DeskTimeout {
  readonly kind: 'desk-timeout'
  readonly round: number
}

/** Correlations from here on are the desk's. */
export const deskCorrelations = 2 ** 17

/**
 * Asks many vnodes at once and gathers what they answer, for an actor that lends it its mailbox: replies with a correlation of the
 * desk's are passed to `replied`. A round always ends: with all answers, or with those that came in time.
 */
export class VnodeDesk<M extends { readonly kind: string }, R> {
  readonly #rounds = new Map<number, Round>()
  #nextRound = 1

  get rounds(): number {
    return this.#rounds.size
  }

  ask(
    asks: readonly VnodeAsk[],
    terms: AskTerms,
    context: Context<M | DeskTimeout, R>,
    done: (replies: VnodeReplies) => void
  ): void {
    const id = this.#nextRound++
    const round: Round = {
      id,
      asks,
      terms,
      replies: new Array<VnodeReply | undefined>(asks.length).fill(undefined),
      isOpen: new Array<boolean>(asks.length).fill(false),
      done,
      timer: context.after(terms.timeoutMs, { kind: 'desk-timeout', round: id }),
      next: 0,
      inFlight: 0,
      isEnough: asks.length === 0
    }
    this.#rounds.set(id, round)
    this.#proceed(round, context)
  }

  /** @param reply undefined: it will not be answered */
  replied(correlation: number, reply: VnodeReply | undefined, context: Context<M | DeskTimeout, R>): void {
    const round = this.#rounds.get(Math.floor(correlation / deskCorrelations))
    const index = correlation % deskCorrelations
    if (round === undefined || round.isOpen[index] !== true) return
    round.isOpen[index] = false
    round.inFlight--
    round.replies[index] = reply
    if (reply !== undefined && round.terms.isEnough?.(reply) === true) round.isEnough = true
    this.#proceed(round, context)
  }

  timedOut({ round: id }: DeskTimeout): void {
    const round = this.#rounds.get(id)
    if (round !== undefined) this.#end(round)
  }

  #proceed(round: Round, context: Context<M | DeskTimeout, R>): void {
    while (round.inFlight < round.terms.inFlightMax && !round.isEnough && round.next < round.asks.length) {
      const index = round.next++
      const { host, partition, message } = round.asks[index]!
      round.isOpen[index] = true
      round.inFlight++
      const to: Ref<VnodeMessage> = { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }
      context.send(to, message(context.replyRef<VnodeReply>(round.id * deskCorrelations + index)), round.terms.timeoutMs)
    }
    if (round.inFlight > 0) return
    context.cancel(round.timer)
    this.#end(round)
  }

  #end(round: Round): void {
    this.#rounds.delete(round.id)
    round.done(round.replies)
  }
}
