import type { ChangeReply, DatacenterReply, GossipMessage, PlanReply } from '../../actors/gossip/gossip-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'

export type OperatorRef = Ref<PlanReply> & Ref<ChangeReply> & Ref<DatacenterReply>

export const operator = {
  address: addressOf(threadAddressOf('operator', 'main'), 'nobody'),
  correlation: 0,
  incarnation: 0
} as OperatorRef

/** Who gives orders to gossip agents, as the doors do for people. One in a cluster. */
export class Operator {
  readonly #cluster: SimulatedCluster
  readonly #replies: { readonly kind: string }[] = []

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster
    cluster.simulation.host('operator').thread('main')
    cluster.simulation.watch(({ to, message, isArrival }) => {
      if (isArrival && to.address === operator.address) this.#replies.push(message)
    })
  }

  /** @returns '' where it was done, else why it was refused */
  say(host: string, message: (replyTo: OperatorRef) => GossipMessage): string {
    const to = { address: addressOf(threadAddressOf(host, 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
    const { simulation, clock } = this.#cluster
    const { system } = simulation.host('operator').threads.get('main')!
    const before = this.#replies.length
    system.signal<GossipMessage>(to, message(operator))
    simulation.runUntil(() => this.#replies.length > before, 2_000, 1)
    // The others hear of it.
    clock.run(clock.now() + 100)
    const reply = this.#replies[before] as PlanReply | undefined
    return reply === undefined ? 'no answer' : reply.kind === 'refused' ? reply.fault.detail : ''
  }
}
