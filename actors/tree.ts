import type { ActorSpec, SupervisorSpec } from '../runtime/actor.ts'
import { coordinator, type CoordinatorArguments } from './coordinator.ts'
import { gossipAgent } from './gossip-agent.ts'
import { ringKeeper } from './ring-keeper.ts'
import { transferAgent } from './transfer-agent.ts'
import { vnode } from './vnode.ts'

/**
 * The supervision trees of the threads, as they are.
 *
 *     data-K (rest-for-one)          system (rest-for-one)
 *     ├─ vnodes (one-for-one)        ├─ ring-keeper
 *     │  └─ vnode-P …                ├─ gossip-agent
 *     ├─ coordinator                 └─ transfer-agent
 *     └─ doors …
 *
 * A vnode that fails is its own affair, up to ten times in ten seconds; then the vnodes start anew with the coordinator that
 * starts them. What comes later in a list rests on what comes before it.
 */
export function dataTree(door: ActorSpec | undefined): SupervisorSpec {
  const args: CoordinatorArguments = { vnodeSpec, door: door?.name }
  return {
    type: 'supervisor',
    name: 'data',
    strategy: 'rest-for-one',
    intensity: 5,
    periodMs: 30_000,
    children: [
      {
        type: 'supervisor',
        name: 'vnodes',
        strategy: 'one-for-one',
        intensity: 10,
        periodMs: 10_000,
        backoff: { baseMs: 1, maxMs: 1_000 },
        children: []
      },
      { type: 'actor', name: 'coordinator', behaviour: coordinator, args, mailboxMax: 32_768 },
      ...(door === undefined ? [] : [door])
    ]
  }
}

export function systemTree(): SupervisorSpec {
  return {
    type: 'supervisor',
    name: 'system',
    strategy: 'rest-for-one',
    intensity: 5,
    periodMs: 30_000,
    backoff: { baseMs: 10, maxMs: 2_000 },
    children: [
      { type: 'actor', name: 'ring-keeper', behaviour: ringKeeper },
      { type: 'actor', name: 'gossip-agent', behaviour: gossipAgent },
      { type: 'actor', name: 'transfer-agent', behaviour: transferAgent }
    ]
  }
}

function vnodeSpec(partition: number): ActorSpec {
  return { type: 'actor', name: `vnode-${partition}`, behaviour: vnode, args: { partition }, mailboxMax: 16_384 }
}
