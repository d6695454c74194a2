import type { Ref } from '../../bus/bus.ts'
import { fault, type Fault } from '../../model/fault.ts'
import { Pace } from '../../model/pace.ts'
import type { Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import type { ExchangeDesk } from './exchange-desk.ts'
import type { ExchangeMessage, ExchangeReply } from './exchange-protocol.ts'
import { sizeOfMessage } from '../message-size.ts'
import { exchangeDefaults, type SystemResources } from '../system-resources.ts'
import {
  type AskTerms,
  deskCorrelations,
  type DeskTimeout,
  type VnodeAsk,
  VnodeDesk,
  type VnodeReplies
} from '../vnode/vnode-desk.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

/** What the clerk tells its actor by timer, to be handed to `timer`. */
export type ClerkTimer = DeskTimeout | { readonly kind: 'ask-again'; readonly question: number } | { readonly kind: 'go-on' }

/** What the peer was asked last. */
interface Question {
  readonly id: number
  readonly message: (replyTo: Ref<ExchangeReply>) => ExchangeMessage
  readonly timeoutMs: number
  readonly done: (reply: ExchangeReply) => void
  sentMs: number
  attempt: number
}

/** Correlations from here on are the clerk's. */
export const clerkCorrelations = 2
const attemptsMax = 5
const retryMs = 300
/** The first wait for an answer, then twice as long each time: the message may be lost, or the peer have much to read. */
const patienceMs = 4_000

/** Keeps a run's correspondence: one question to the peer at a time, asked again where the answer fails to come, and no faster than the pace. */
export class ExchangeClerk implements ExchangeDesk {
  readonly resources: SystemResources
  readonly #context: Context<ClerkTimer, SystemResources>
  readonly #peer: Ref<ExchangeMessage>
  readonly #ended: (again: boolean, why: Fault | undefined) => void
  readonly #vnodes = new VnodeDesk<ClerkTimer, SystemResources>()
  readonly #pace: Pace
  readonly #bytesIn: Counter
  readonly #bytesOut: Counter
  #question: Question | undefined
  #questions = 0
  #tookMs = 0
  #goOn: (() => void) | undefined
  /** Moved so far, both ways. */
  bytes = 0

  constructor(
    context: Context<ClerkTimer, SystemResources>,
    peer: Ref<ExchangeMessage>,
    ended: (again: boolean, why: Fault | undefined) => void
  ) {
    this.#context = context
    this.resources = context.resources
    this.#peer = peer
    this.#ended = ended
    this.#pace = new Pace(context.resources.exchange ?? exchangeDefaults)
    const help = 'Bytes of exchanges between hosts'
    this.#bytesIn = context.metrics.counter('exchange_bytes_total', help, { direction: 'in' })
    this.#bytesOut = context.metrics.counter('exchange_bytes_total', help, { direction: 'out' })
  }

  askVnodes(asks: readonly VnodeAsk[], terms: AskTerms, done: (replies: VnodeReplies) => void): void {
    this.#vnodes.ask(asks, terms, this.#context, done)
  }

  askPeer(message: Question['message'], timeoutMs: number, done: Question['done']): void {
    const id = clerkCorrelations + (this.#questions++ % (deskCorrelations - clerkCorrelations))
    this.#question = { id, message, timeoutMs, done, sentMs: 0, attempt: 0 }
    this.#ask(this.#question)
  }

  pause(bytes: number, done: () => void): void {
    this.wait(this.#pace.stepped(bytes, this.#tookMs), done)
  }

  wait(delayMs: number, done: () => void): void {
    this.#goOn = done
    this.#context.after(delayMs, { kind: 'go-on' })
  }

  ended(again: boolean, why: Fault | undefined): void {
    this.#ended(again, why)
  }

  /** @param message undefined: it was not delivered */
  replied(message: VnodeReply | ExchangeReply | undefined): void {
    const { correlation } = this.#context
    if (correlation >= deskCorrelations)
      return this.#vnodes.replied(correlation, message as VnodeReply | undefined, this.#context)
    const question = this.#question
    if (question === undefined || question.id !== correlation) return
    if (message === undefined) return void this.#context.after(retryMs, { kind: 'ask-again', question: correlation })
    this.#question = undefined
    const reply = message as ExchangeReply
    this.#tookMs = this.#context.now() - question.sentMs
    const size = sizeOfMessage(reply)
    this.bytes += size
    this.#bytesIn.add(size)
    if (reply.kind === 'exchange-refused') this.ended(true, reply.fault)
    else question.done(reply)
  }

  timer(message: ClerkTimer): void {
    switch (message.kind) {
      case 'desk-timeout':
        return this.#vnodes.timedOut(message)
      case 'ask-again':
        if (this.#question?.id === message.question) this.#ask(this.#question)
        return
      case 'go-on': {
        const goOn = this.#goOn
        this.#goOn = undefined
        goOn?.()
      }
    }
  }

  /** All that is asked may be asked twice: it only reads, or merges. */
  #ask(question: Question): void {
    const nowMs = this.#context.now()
    if (question.attempt > 0 && nowMs < question.sentMs + Math.min(retryMs, question.timeoutMs)) return
    if (question.attempt === attemptsMax) {
      this.#question = undefined
      return this.ended(true, fault('timeout', `the other host has not answered ${attemptsMax} times`))
    }
    question.attempt++
    question.sentMs = nowMs
    const message = question.message(this.#context.replyRef<ExchangeReply>(question.id))
    const size = sizeOfMessage(message)
    this.bytes += size
    this.#bytesOut.add(size)
    this.#context.send(this.#peer, message, question.timeoutMs)
    const waitMs = Math.min(question.timeoutMs, patienceMs * 2 ** (question.attempt - 1))
    this.#context.after(waitMs, { kind: 'ask-again', question: question.id })
  }
}
