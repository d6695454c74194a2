import type { Ref } from '../bus/bus.ts'
import type { ActorDescription } from '../runtime/actor.ts'

/** The inspector of a host, on its main thread: `HOST.main.host`. */
export type HostMessage =
  /** The host's whole supervision tree. Answered by `host-description`. */
  | { readonly kind: 'describe-host'; readonly replyTo: Ref<HostReply> }
  /** All threads' metrics as Prometheus text. Answered by `host-metrics`. */
  | { readonly kind: 'collect-metrics'; readonly replyTo: Ref<HostReply> }

export type HostReply =
  | { readonly kind: 'host-description'; readonly host: string; readonly tree: ActorDescription }
  | { readonly kind: 'host-metrics'; readonly host: string; readonly text: string }
