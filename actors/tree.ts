import { limits } from '../model/limits.ts'
import type { ActorSpec, SupervisorSpec } from '../runtime/actor.ts'
import { coordinator, type CoordinatorArguments } from './coordinator/coordinator.ts'
import { exchangeAgent } from './exchange/exchange-agent.ts'
import { exchangeResponderName } from './exchange/exchange-protocol.ts'
import { exchangeResponder } from './exchange/exchange-responder.ts'
import { floorAgent } from './floor/floor-agent.ts'
import { floorAgentName } from './floor/floor-agent-protocol.ts'
import { gossipAgent } from './gossip/gossip-agent.ts'
import { handoffAgent } from './handoff/handoff-agent.ts'
import { strayAgent } from './handoff/stray-agent.ts'
import { recordRepairer } from './scrub/record-repairer.ts'
import { ringKeeper } from './ring/ring-keeper.ts'
import { replicationAgent } from './replication/replication-agent.ts'
import { scrubAgent } from './scrub/scrub-agent.ts'
import { transferAgent } from './ring/transfer-agent.ts'
import { vnode } from './vnode/vnode.ts'
import { type WorkBehaviours, workKeeper, type WorkKeeperArguments } from './work/work-keeper.ts'

/**
 * The supervision trees of the threads, as they are.
 *
 *     data-K (rest-for-one)          system (rest-for-one)
 *     ├─ vnodes (one-for-one)        ├─ ring-keeper
 *     │  └─ vnode-P …                ├─ gossip-agent
 *     ├─ coordinator                 ├─ transfer-agent
 *     ├─ doors …                     ├─ exchange-responder
 *     └─ record-repairer             ├─ floor-agent
 *                                    ├─ work-keeper
 *                                    └─ work (one-for-one)
 *                                       └─ handoff-HOST, exchange-HOST, scrub-THREAD, clear-HOST, replicate-DC, bridge-HOST …
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
      {
        type: 'actor',
        name: 'coordinator',
        behaviour: coordinator,
        args,
        mailboxMax: limits.coordinatorMailboxMax,
        repliesMax: limits.coordinatorRepliesMax
      },
      ...(door === undefined ? [] : [door]),
      { type: 'actor', name: 'record-repairer', behaviour: recordRepairer }
    ]
  }
}

/** Who does which kind of repair work. */
export const workBehaviours: WorkBehaviours = {
  handoff: handoffAgent,
  exchange: exchangeAgent,
  scrub: scrubAgent,
  clear: strayAgent,
  replicate: replicationAgent,
  bridge: exchangeAgent
}

/**
 * A worker that crashes is started again under `work`, whose intensity is more than the keeper lets any worker use up; and the keeper,
 * which stands before it, is untouched by its workers' ends.
 */
export function systemTree(behaviours: WorkBehaviours = workBehaviours): SupervisorSpec {
  const work: WorkKeeperArguments = { behaviours, supervisor: 'work' }
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
      { type: 'actor', name: 'transfer-agent', behaviour: transferAgent },
      { type: 'actor', name: exchangeResponderName, behaviour: exchangeResponder },
      { type: 'actor', name: floorAgentName, behaviour: floorAgent },
      { type: 'actor', name: 'work-keeper', behaviour: workKeeper, args: work },
      {
        type: 'supervisor',
        name: 'work',
        strategy: 'one-for-one',
        intensity: 100,
        periodMs: 10_000,
        backoff: { baseMs: 100, maxMs: 1_000 },
        children: []
      }
    ]
  }
}

function vnodeSpec(partition: number): ActorSpec {
  return { type: 'actor', name: `vnode-${partition}`, behaviour: vnode, args: { partition }, mailboxMax: 16_384 }
}
