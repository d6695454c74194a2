import type { HostMessage, HostReply, ProfilePiece, ProfileState } from '../actors/host-protocol.ts'
import type { ScaleOrder } from '../actors/scale/autoscaler-protocol.ts'
import type { LoadSample } from '../model/autoscale/load.ts'
import { type Fault, fault, isFault } from '../model/fault.ts'
import type { ActorDescription, Behaviour, SupervisorSpec } from '../runtime/actor.ts'

/** What the main thread lends to its inspector. Answers come in a later turn. */
export interface HostInspection {
  describe(told: (tree: ActorDescription) => void): void
  metrics(told: (text: string) => void): void
  /** How busy the host was so far. */
  load(told: (sample: LoadSample) => void): void
  /** Have hosts started or taken away. @param told why it was not done; undefined: it was asked for */
  scale(order: ScaleOrder, told: (why: string | undefined) => void): void
  /** The host has left its cluster, or was removed: it stops, in order. */
  left(): void
  readonly profiles: HostProfiles
}

/** CPU profiles of the host's threads: `HostProfiler`. */
export interface HostProfiles {
  begin(thread: string, seconds: number): ProfileState | Fault
  state(rowsMax: number): ProfileState | Fault
  piece(id: string, offset: number): ProfilePiece | Fault
}

/** Answers for the host as a whole: its threads, their trees and figures. */
const hostInspector: Behaviour<undefined, HostMessage, undefined, HostInspection> = {
  kind: 'host-inspector',
  start: () => undefined,
  receive(_, message, context) {
    const { host } = context
    switch (message.kind) {
      case 'describe-host':
        return context.resources.describe(tree => context.send(message.replyTo, { kind: 'host-description', host, tree }))
      case 'collect-metrics':
        return context.resources.metrics(text => context.send(message.replyTo, { kind: 'host-metrics', host, text }))
      case 'measure-load':
        return context.resources.load(sample => context.send(message.replyTo, { kind: 'host-load', sample }))
      case 'scale':
        return context.resources.scale(message.order, why =>
          context.send(message.replyTo, why === undefined ? { kind: 'scaled' } : refused(fault('unavailable', why)))
        )
      case 'left':
        return context.resources.left()
      case 'begin-profile':
        return context.send(message.replyTo, stateReply(host, context.resources.profiles.begin(message.thread, message.seconds)))
      case 'describe-profile':
        return context.send(message.replyTo, stateReply(host, context.resources.profiles.state(message.rowsMax)))
      case 'read-profile': {
        const piece = context.resources.profiles.piece(message.id, message.offset)
        return context.send(message.replyTo, isFault(piece) ? refused(piece) : { kind: 'profile-piece', ...piece })
      }
    }
  }
}

function stateReply(host: string, state: ProfileState | Fault): HostReply {
  return isFault(state) ? refused(state) : { kind: 'profile-state', host, ...state }
}

/** The epoch is for those who ask about data. */
function refused(why: Fault): HostReply {
  return { kind: 'refused', fault: why, epoch: '' }
}

export const mainTree: SupervisorSpec = {
  type: 'supervisor',
  name: 'main',
  strategy: 'one-for-one',
  intensity: 5,
  periodMs: 30_000,
  children: [{ type: 'actor', name: 'host', behaviour: hostInspector }]
}
