import type { Ref } from '../../bus/bus.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

export const floorAgentName = 'floor-agent'

/** What the floor agent of a host may be told: `HOST.system.floor-agent`. */
export type FloorAgentMessage =
  /**
   * From the agent of another host, which is about to prove a floor. Where this host sees the same members, and the same ring, its
   * vnode answers with `floor-guarded`; else the answer is `failed`.
   */
  | { readonly kind: 'ask-guard'; readonly epoch: string; readonly partition: number; readonly replyTo: Ref<VnodeReply> }
  /** Why are there tombstones of this partition still? Answered by `floor-described`. */
  | { readonly kind: 'describe-floor'; readonly partition: number; readonly replyTo: Ref<FloorAgentReply> }

export type FloorAgentReply = {
  readonly kind: 'floor-described'
  readonly host: string
  readonly partition: number
  /** The host whose agent proves the floors of the partition. */
  readonly leader: string
  /** What kept the last attempt from its end; '' where nothing did, or where this host does not lead. */
  readonly why: string
}
