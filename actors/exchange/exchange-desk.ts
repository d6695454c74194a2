import type { Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { ExchangeMessage, ExchangeReply } from './exchange-protocol.ts'
import type { SystemResources } from '../system-resources.ts'
import type { AskTerms, VnodeAsk, VnodeReplies } from '../vnode/vnode-desk.ts'

/** What a run needs of the actor that does it. */
export interface ExchangeDesk {
  readonly resources: SystemResources
  /** Ask vnodes, of this host or the peer. */
  askVnodes(asks: readonly VnodeAsk[], terms: AskTerms, done: (replies: VnodeReplies) => void): void
  /** Ask the peer's responder. Where it does not answer, the run is over. */
  askPeer(
    message: (replyTo: Ref<ExchangeReply>) => ExchangeMessage,
    timeoutMs: number,
    done: (reply: ExchangeReply) => void
  ): void
  /** Go on when so many bytes have been earned. */
  pause(bytes: number, done: () => void): void
  wait(delayMs: number, done: () => void): void
  ended(again: boolean, why: Fault | undefined): void
}

export interface ExchangeFigures {
  /** Trees that both hosts have. */
  trees: number
  /** Of those, how many differed. */
  differing: number
  /** Records that were merged here, and at the peer. */
  pulled: number
  pushed: number
  /** Keys that were purged on one side, and are now on the other. */
  purged: number
  /** Records that could not be merged now: damaged here, or refused. */
  failed: number
}
