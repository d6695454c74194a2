import { wireCodecs } from '../../actors/wire.ts'
import { hostOf, type Ref, type ThreadAddress } from '../../bus/bus.ts'
import { writeEnvelope } from '../../bus/envelope.ts'
import { codecRegistry, Writer } from '../../bus/codec.ts'
import type { SeenMessage } from '../../simulation/watched-system.ts'
import type { Simulation } from '../../simulation/simulation.ts'

/** What messages are about. */
export type Topic = 'requests' | 'gossip' | 'ring' | 'repair'

export interface TopicCount {
  /** From one thread to another, on one host or on two. */
  messages: number
  /** Those of them from host to host, or to and from the client. */
  between: number
  /** Of these, as the bus encodes them, with the frame of a batch of one; without what NATS adds. */
  bytesBetween: number
}

export interface Counts {
  readonly topics: Readonly<Record<Topic, TopicCount>>
  readonly kinds: ReadonlyMap<string, number>
  readonly seconds: number
}

const requestKinds: ReadonlySet<string> = new Set([
  'get',
  'put',
  'delete',
  'got',
  'written',
  'refused',
  'write',
  'minted',
  'replicate',
  'hint',
  'stored',
  'failed',
  'read',
  'compare',
  'record',
  'same'
])
const ringKinds: ReadonlySet<string> = new Set([
  'subscribe',
  'ring',
  'buckets',
  'settled',
  'members',
  'describe-cluster',
  'cluster'
])
/** Magic, version, flags, and the length of the sender's name: see `bus/batch.ts`. */
const frameBytes = 4

/** Counts what passes between threads of a simulation. */
export class MessageCounter {
  readonly #simulation: Simulation
  readonly #codec = codecRegistry(wireCodecs)
  readonly #writer = new Writer()

  constructor(simulation: Simulation) {
    this.#simulation = simulation
  }

  during(run: () => void): Counts {
    const topics = { requests: none(), gossip: none(), ring: none(), repair: none() }
    const kinds = new Map<string, number>()
    const startMs = this.#simulation.clock.now()
    this.#simulation.watch(seen => this.#note(seen, topics, kinds))
    try {
      run()
    } finally {
      this.#simulation.watch(undefined)
    }
    return { topics, kinds, seconds: (this.#simulation.clock.now() - startMs) / 1_000 }
  }

  #note(seen: SeenMessage, topics: Record<Topic, TopicCount>, kinds: Map<string, number>): void {
    const { from, to, message, isArrival } = seen
    // Each is seen twice: where it is sent, and where it comes in.
    if (isArrival || from === undefined) return
    const sender = threadOf(from)
    if (sender === threadOf(to.address)) return
    const topic = topics[topicOf(message.kind)]
    kinds.set(message.kind, (kinds.get(message.kind) ?? 0) + 1)
    topic.messages++
    if (hostOf(from) === hostOf(to.address)) return
    topic.between++
    topic.bytesBetween += frameBytes + sender.length + this.#bytesOf(to, seen, sender)
  }

  #bytesOf(to: Ref, { message }: SeenMessage, sender: ThreadAddress): number {
    const writer = this.#writer
    writer.clear()
    const envelope = { to, lane: 'data', budgetMs: 0, traceparent: undefined, message } as const
    writeEnvelope(envelope, threadOf(to.address).length, sender, this.#codec, writer)
    return writer.position
  }
}

function none(): TopicCount {
  return { messages: 0, between: 0, bytesBetween: 0 }
}

function threadOf(address: string): ThreadAddress {
  return address.slice(0, address.lastIndexOf('.')) as ThreadAddress
}

function topicOf(kind: string): Topic {
  if (requestKinds.has(kind)) return 'requests'
  if (kind.startsWith('gossip-')) return 'gossip'
  return ringKinds.has(kind) ? 'ring' : 'repair'
}
