import type { Ref } from '../bus/bus.ts'
import type { LoadSample } from '../model/autoscale/load.ts'
import type { ActorDescription } from '../runtime/actor.ts'
import type { ProfileTable } from '../runtime/cpu-profile.ts'
import type { ScaleOrder } from './scale/autoscaler-protocol.ts'
import type { Refused } from './coordinator/coordinator-protocol.ts'

/** The inspector of a host, on its main thread: `HOST.main.host`. */
export type HostMessage =
  /** The host's whole supervision tree. Answered by `host-description`. */
  | { readonly kind: 'describe-host'; readonly replyTo: Ref<HostReply> }
  /** All threads' metrics as Prometheus text. Answered by `host-metrics`. */
  | { readonly kind: 'collect-metrics'; readonly replyTo: Ref<HostReply> }
  /** Begin a CPU profile of a thread. Answered by `profile-state`, or `refused`: no such thread, another one is under way. */
  | { readonly kind: 'begin-profile'; readonly thread: string; readonly seconds: number; readonly replyTo: Ref<HostReply> }
  /** How the last one stands. Answered by `profile-state`, or `refused`: none is kept. */
  | { readonly kind: 'describe-profile'; readonly rowsMax: number; readonly replyTo: Ref<HostReply> }
  /** A piece of its file. Answered by `profile-piece`, or `refused`: it is not kept, or was too large to keep. */
  | { readonly kind: 'read-profile'; readonly id: string; readonly offset: number; readonly replyTo: Ref<HostReply> }

  /** What has this host done so far? Answered by `host-load`. */
  | { readonly kind: 'measure-load'; readonly replyTo: Ref<HostReply> }
  /** From the autoscaler of this host, to whoever starts hosts. Answered by `scaled`, or `refused`. */
  | { readonly kind: 'scale'; readonly order: ScaleOrder; readonly replyTo: Ref<HostReply> }
  /** From the gossip agent: this host has left the cluster, and its process may end. */
  | { readonly kind: 'left' }

export type HostReply =
  | { readonly kind: 'host-description'; readonly host: string; readonly tree: ActorDescription }
  | { readonly kind: 'host-metrics'; readonly host: string; readonly text: string }
  | ({ readonly kind: 'profile-state'; readonly host: string } & ProfileState)
  | ({ readonly kind: 'profile-piece' } & ProfilePiece)
  | { readonly kind: 'host-load'; readonly sample: LoadSample }
  | { readonly kind: 'scaled' }
  | Refused

/** The last CPU profile of a host: that of one of its threads. */
export interface ProfileState {
  readonly id: string
  readonly thread: string
  readonly seconds: number
  readonly state: 'running' | 'done' | 'failed'
  /** Until it has run for `seconds`; what follows takes a moment more. */
  readonly left_ms: number
  /** Why it failed; '' else. */
  readonly error: string
  /** Of the file for Chrome DevTools; 0 until it is done. */
  readonly file_bytes: number
  /** null until it is done. */
  readonly table: ProfileTable | null
}

export interface ProfilePiece {
  readonly id: string
  readonly offset: number
  /** Of the whole file. */
  readonly size: number
  readonly bytes: Uint8Array
}
