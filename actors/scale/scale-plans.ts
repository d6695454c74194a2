import type { Ref } from '../../bus/bus.ts'
import type { Context } from '../../runtime/actor.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import type { ChangeReply, GossipMessage } from '../gossip/gossip-protocol.ts'

/** How long a host may take to say whether it begins to leave. */
const answerMs = 5_000

/**
 * The autoscaler's only way to the ring: it submits that a host leaves, as an operator would, and the host itself refuses where too few
 * would stay. A host that is started joins by itself.
 * @param correlation of the answer: `change-told` or `refused`
 */
export function submitLeave<M extends { readonly kind: string }, R>(
  host: string,
  correlation: number,
  context: Context<M, R>
): void {
  const to: Ref<GossipMessage> = {
    address: addressOf(threadAddressOf(host, 'system'), 'gossip-agent'),
    correlation: 0,
    incarnation: 0
  }
  context.send(to, { kind: 'leave', order: 'begin', replyTo: context.replyRef<ChangeReply>(correlation) }, answerMs)
}
