import t from 'tap'
import type { CoordinatorMessage, StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { live } from '../../model/siblings.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import type { LinkWeather } from '../../bus/memory-bus.ts'
import { servingCluster } from './asking-client.ts'
import { crashesOf, sumOf } from './exchange-cluster.ts'

const key: Key = keyOfText('b', 'hot')
const partitions = 16
const hosts = ['h1', 'h2', 'h3']
const threads = 2
const requestMs = 400

/** What the readers and the writer of one cluster know of each other. */
interface Ledger {
  /** The last value that is acknowledged. */
  acknowledged: number
  writes: number
  reads: number
  /** Reads that showed less than what was acknowledged when they began. */
  readonly stale: string[]
  /** Nothing begins after this time. */
  untilMs: number
}

type Message = StoreReply | { readonly kind: 'next' } | { readonly kind: 'give-up'; readonly request: number }

interface State {
  readonly ledger: Ledger
  request: number
  isAsking: boolean
  /** What had been acknowledged when the request began. */
  floor: number
  seen: CausalContext | undefined
}

type ClientContext = Context<Message, undefined>

/** Anyone of the three hosts, by chance. */
function ask(state: State, message: (replyTo: Ref<StoreReply>) => CoordinatorMessage, context: ClientContext): void {
  state.request++
  state.isAsking = true
  const host = hosts[Math.floor(context.random() * hosts.length)]!
  const thread = threadAddressOf(host, `data-${partitionOf(positionOf(key), partitions) % threads}`)
  const to: Ref<CoordinatorMessage> = { address: addressOf(thread, 'coordinator'), correlation: 0, incarnation: 0 }
  context.send(to, message(context.replyRef(state.request)), requestMs)
  context.after(requestMs + 100, { kind: 'give-up', request: state.request })
}

function rest(state: State, context: ClientContext): void {
  state.isAsking = false
  context.after(context.random() * 2, { kind: 'next' })
}

function clientOf(next: (state: State, context: ClientContext) => void, heard: (state: State, reply: StoreReply) => void) {
  const behaviour: Behaviour<State, Message, Ledger, undefined> = {
    kind: 'client',
    start(ledger, context) {
      context.after(context.random() * 5, { kind: 'next' })
      return { ledger, request: 0, isAsking: false, floor: 0, seen: undefined }
    },
    receive(state, message, context) {
      if (message.kind === 'next') {
        if (context.now() < state.ledger.untilMs) next(state, context)
      } else if (message.kind === 'give-up') {
        if (message.request === state.request && state.isAsking) rest(state, context)
      } else if (context.correlation === state.request && state.isAsking) {
        heard(state, message)
        rest(state, context)
      }
    }
  }
  return behaviour
}

const reader = clientOf(
  (state, context) => {
    state.floor = state.ledger.acknowledged
    ask(state, replyTo => ({ kind: 'get', key, options: { sloppy: false }, hops: 0, replyTo }), context)
  },
  ({ ledger, floor }, reply) => {
    if (reply.kind !== 'got') return
    ledger.reads++
    const versions = reply.siblings.length === 0 ? [] : live(decodeSiblings(reply.siblings))
    const newest = Math.max(0, ...versions.map(({ value }) => Number(Buffer.from(value).toString())))
    if (newest < floor) ledger.stale.push(`${newest} after ${floor} was acknowledged`)
  }
)

/** One number after the other, each with the context of the last that was acknowledged. */
const writer = clientOf(
  (state, context) => {
    state.floor = ++state.ledger.writes
    const value = Buffer.from(`${state.floor}`)
    ask(
      state,
      replyTo => ({
        kind: 'put',
        key,
        value,
        contentType: '',
        context: state.seen,
        mode: 'put',
        ifMatch: '',
        ttlSeconds: 0,
        options: { sloppy: false },
        hops: 0,
        replyTo
      }),
      context
    )
  },
  (state, reply) => {
    if (reply.kind !== 'written') return
    state.ledger.acknowledged = state.floor
    state.seen = reply.context
  }
)

interface Outcome extends Ledger {
  readonly coalesced: number
  readonly crashes: readonly string[]
  readonly traceHash: string
}

/** Between the hosts. */
const storm: Partial<LinkWeather> = { loss: 0.02, duplication: 0.05, reordering: 0.3, delayMaxMs: 8 }

/** Twenty-four readers and a writer of one key for 0.8 seconds; in bad weather a link is cut for a while, and a thread ends. */
function run(seed: number, isStormy: boolean): Outcome {
  const { cluster } = servingCluster({ seed, hosts: 3, partitions, threads, encode: false })
  const { clock, network } = cluster
  const ledger: Ledger = { acknowledged: 0, writes: 0, reads: 0, stale: [], untilMs: clock.now() + 800 }
  const children = Array.from({ length: 25 }, (_, index) => ({
    type: 'actor' as const,
    name: `client-${index}`,
    behaviour: index === 0 ? writer : reader,
    args: ledger
  }))
  const tree = { type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity: 0, periodMs: 1_000, children } as const
  cluster.simulation.host('clients').thread<undefined>('client', { tree })
  if (isStormy) for (const from of hosts) for (const to of hosts) if (from !== to) network.setLinkWeather(from, to, storm)
  clock.run(clock.now() + 200)
  if (isStormy) network.cut('h1', hosts[1 + (seed % 2)]!)
  clock.run(clock.now() + 200)
  network.heal()
  if (isStormy) cluster.restartThread(hosts[seed % 3]!, `data-${partitionOf(positionOf(key), partitions) % threads}`)
  clock.run(ledger.untilMs + 1_000)
  return {
    ...ledger,
    coalesced: sumOf(cluster, 'reads_coalesced_total'),
    crashes: crashesOf(cluster),
    traceHash: cluster.traceHash
  }
}

for (const isStormy of [false, true]) {
  t.test(
    `I10: a hot key that is written${isStormy ? ', messages lost, doubled and late, a link cut, a thread restarted' : ''} → a get that begins after a put was acknowledged never shows less`,
    async t => {
      for (let seed = 1; seed <= 3; seed++) {
        const outcome = run(seed, isStormy)
        const { reads, writes, acknowledged, coalesced } = outcome
        t.comment(`seed ${seed}: ${reads} reads, ${coalesced} of them shared, ${writes} writes, the last is ${acknowledged}`)
        t.same(outcome.stale, [], `seed ${seed}`)
        t.same(outcome.crashes, [], `seed ${seed}`)
        t.ok(acknowledged > 10 && coalesced > reads / 10, `seed ${seed}: it is put to the test`)
      }
    }
  )
}

t.test('I29: the same seed → the same history, shared reads and all', async t => {
  t.equal(run(7, true).traceHash, run(7, true).traceHash)
})
