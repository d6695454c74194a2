import type { CoordinatorMessage, PutRequest, QuorumOptions, StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import { vnodeNameOf } from '../../actors/ring/ring-view.ts'
import type { VnodeMessage, VnodeReply } from '../../actors/vnode/vnode-protocol.ts'
import type { WorkMessage, WorkReply } from '../../actors/work/work-protocol.ts'
import { type Address, addressOf, type Message, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { live } from '../../model/siblings.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import type { Behaviour, SupervisorSpec } from '../../runtime/actor.ts'
import { SimulatedCluster, type SimulationOptions } from '../../simulation/simulated-cluster.ts'

interface Question {
  readonly to: Address
  readonly message: (replyTo: Ref<any>) => Message
  readonly replies: Message[]
}

interface Box {
  readonly questions: Question[]
}

type AskerMessage = StoreReply | VnodeReply | WorkReply | { readonly kind: 'look' }

const lookMs = 1

const asker: Behaviour<{ asked: Question[] }, AskerMessage, undefined, Box> = {
  kind: 'asker',
  start(_, context) {
    context.after(lookMs, { kind: 'look' })
    return { asked: [] }
  },
  receive(state, message, context) {
    if (message.kind !== 'look') {
      state.asked[context.correlation - 1]?.replies.push(message)
      return
    }
    for (const question of context.resources.questions.splice(0)) {
      state.asked.push(question)
      const to: Ref<Message> = { address: question.to, correlation: 0, incarnation: 0 }
      context.send(to, question.message(context.replyRef(state.asked.length)), 2_000)
    }
    context.after(lookMs, { kind: 'look' })
  }
}

/** A client that asks one thing after another, while the simulation goes on until the answer is there. */
export class AskingClient {
  readonly #cluster: SimulatedCluster
  readonly #partitions: number
  readonly #box: Box = { questions: [] }

  constructor(cluster: SimulatedCluster, partitions: number) {
    this.#cluster = cluster
    this.#partitions = partitions
    const tree: SupervisorSpec = {
      type: 'supervisor',
      name: 'root',
      strategy: 'one-for-one',
      intensity: 0,
      periodMs: 1_000,
      children: [{ type: 'actor', name: 'asker', behaviour: asker }]
    }
    cluster.client('tester', this.#box).start(tree)
  }

  put(
    host: string,
    key: Key,
    value: string,
    seen?: CausalContext,
    options: QuorumOptions = {},
    condition: Partial<Pick<PutRequest, 'mode' | 'ifMatch'>> = {}
  ): StoreReply | undefined {
    return this.#coordinator(host, key, replyTo => ({
      kind: 'put',
      key,
      value: Buffer.from(value),
      contentType: '',
      context: seen,
      mode: 'put',
      ifMatch: '',
      ttlSeconds: 0,
      options,
      hops: 0,
      ...condition,
      replyTo
    }))
  }

  delete(host: string, key: Key, options: QuorumOptions = {}): StoreReply | undefined {
    return this.#coordinator(host, key, replyTo => ({
      kind: 'delete',
      key,
      context: undefined,
      ifMatch: '',
      options,
      hops: 0,
      replyTo
    }))
  }

  get(host: string, key: Key, options: QuorumOptions = {}): StoreReply | undefined {
    return this.#coordinator(host, key, replyTo => ({ kind: 'get', key, options, hops: 0, replyTo }))
  }

  /** The values that a get shows; undefined: it was refused, or not answered. */
  values(host: string, key: Key, options: QuorumOptions = {}): string[] | undefined {
    const reply = this.get(host, key, options)
    if (reply?.kind !== 'got') return undefined
    return reply.siblings.length === 0
      ? []
      : live(decodeSiblings(reply.siblings))
          .map(version => Buffer.from(version.value).toString())
          .sort()
  }

  vnode(host: string, key: Key, message: (replyTo: Ref<VnodeReply>) => VnodeMessage): VnodeReply | undefined {
    const partition = partitionOf(positionOf(key), this.#partitions)
    const to = addressOf(threadAddressOf(host, `data-${partition % this.#cluster.threads}`), vnodeNameOf(partition))
    return this.#ask(to, message as Question['message']) as VnodeReply | undefined
  }

  work(host: string, message: (replyTo: Ref<WorkReply>) => WorkMessage): WorkReply | undefined {
    const to = addressOf(threadAddressOf(host, 'system'), 'work-keeper')
    return this.#ask(to, message as Question['message']) as WorkReply | undefined
  }

  #coordinator(host: string, key: Key, message: (replyTo: Ref<any>) => CoordinatorMessage): StoreReply | undefined {
    const partition = partitionOf(positionOf(key), this.#partitions)
    const to = addressOf(threadAddressOf(host, `data-${partition % this.#cluster.threads}`), 'coordinator')
    return this.#ask(to, message) as StoreReply | undefined
  }

  #ask(to: Address, message: Question['message']): Message | undefined {
    const question: Question = { to, message, replies: [] }
    this.#box.questions.push(question)
    this.#cluster.simulation.runUntil(() => question.replies.length > 0, 4_000, 1)
    return question.replies[0]
  }
}

/**
 * A cluster of three that serves with all its hosts, and whoever asks it. Without exchanges unless it is told otherwise, so that what is
 * repaired is repaired by what is tested.
 */
export function servingCluster(options: SimulationOptions & { readonly partitions: number; readonly isRepairing?: boolean }): {
  readonly cluster: SimulatedCluster
  readonly client: AskingClient
} {
  const weather = { delayMinMs: 0.1, delayMaxMs: 2 }
  const cluster = new SimulatedCluster({ weather, ...(options.isRepairing === true ? {} : { workBehaviours: {} }), ...options })
  for (const { name } of cluster.machines) cluster.start(name)
  const client = new AskingClient(cluster, options.partitions)
  const count = cluster.machines.length
  const serves = () =>
    cluster.machines.every(({ name, saved }) => {
      if (saved?.members.length !== count || !saved.members.every(({ standing }) => standing === 'up')) return false
      const reply = client.get(name, probeKey, { level: 'all' })
      return reply?.kind === 'got' && reply.answered === Math.min(3, count)
    })
  if (!cluster.simulation.runUntil(serves, 120_000, 500)) throw new Error('the cluster does not serve')
  return { cluster, client }
}

const probeKey = keyOfText('b', 'probe')
