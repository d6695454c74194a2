import type { HostMessage } from '../actors/host-protocol.ts'
import type { ActorDescription, Behaviour, SupervisorSpec } from '../runtime/actor.ts'

/** What the main thread lends to its inspector. Answers come in a later turn. */
export interface HostInspection {
  describe(told: (tree: ActorDescription) => void): void
  metrics(told: (text: string) => void): void
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
    }
  }
}

export const mainTree: SupervisorSpec = {
  type: 'supervisor',
  name: 'main',
  strategy: 'one-for-one',
  intensity: 5,
  periodMs: 30_000,
  children: [{ type: 'actor', name: 'host', behaviour: hostInspector }]
}
