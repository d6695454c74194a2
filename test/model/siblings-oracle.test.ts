import fc from 'fast-check'
import t from 'tap'
import {
  contextOfWrite,
  covers,
  decodeContext,
  emptyContext,
  encodeContext,
  join,
  type CausalContext
} from '../../model/causal-context.ts'
import { isFault } from '../../model/fault.ts'
import { contextAfterWrite, emptySiblings, merge, relation, write, type Sibling, type Siblings } from '../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import { vnodeIdOf } from '../../model/version-vector.ts'

/**
 * The oracle keeps, for every event, the explicit set of events in its causal history, and for every replica the set of events it
 * has heard of. What a replica should hold is what no other event it has heard of has in its history.
 */
type Events = ReadonlySet<string>

interface Replica {
  readonly uid: number
  epoch: number
  counter: number
  state: Siblings
  seen: Events
  flushed: { readonly state: Siblings; readonly seen: Events }
}
interface Client {
  context: CausalContext
  seen: Events
}
interface Message {
  readonly state: Siblings
  readonly seen: Events
}
interface World {
  readonly replicas: readonly Replica[]
  readonly clients: readonly Client[]
  readonly history: Map<string, Events>
  flight: Message[]
}

const stepKinds = [
  'read',
  'quorum-read',
  'write',
  'write-and-keep',
  'write-reply-lost',
  'blind',
  'merge-contexts',
  'send',
  'deliver',
  'deliver-again',
  'drop',
  'other-key',
  'flush',
  'crash'
] as const
const weights = [4, 2, 6, 3, 2, 2, 1, 6, 6, 2, 1, 1, 2, 1] as const
type Step = readonly [kind: (typeof stepKinds)[number], a: number, b: number]

const kind = fc.oneof(...stepKinds.map((each, at) => ({ weight: weights[at]!, arbitrary: fc.constant(each) })))
const schedule = fc.array(fc.tuple(kind, fc.nat(1000), fc.nat(1000)), { minLength: 10, maxLength: 80, size: 'max' })

const nameOf = (dot: { readonly vnode: number; readonly counter: number }) => `${dot.vnode}:${dot.counter}`
const union = (a: Events, b: Events): Events => new Set([...a, ...b])

function maximal(world: World, seen: Events): string[] {
  const replaced = new Set<string>()
  for (const event of seen) {
    for (const earlier of world.history.get(event)!) if (earlier !== event) replaced.add(earlier)
  }
  return [...seen].filter(event => !replaced.has(event)).sort()
}

function checked(world: World, state: Siblings, seen: Events, where: string): void {
  const held = state.versions.map(nameOf).sort()
  const expected = maximal(world, seen)
  if (held.join() !== expected.join()) throw new Error(`${where} holds [${held}] and should hold [${expected}]`)
  for (const event of world.history.keys()) {
    const [vnode, counter] = event.split(':').map(Number)
    if (covers(state.context, vnode!, counter!) !== seen.has(event))
      throw new Error(`${where}: the context is wrong about ${event}`)
  }
}

function throughToken(context: CausalContext): CausalContext {
  const decoded = decodeContext(encodeContext(context))
  if (isFault(decoded)) throw new Error(decoded.detail)
  return decoded
}

function put(world: World, replica: Replica, context: CausalContext, seen: Events): Sibling {
  const sibling: Sibling = {
    vnode: vnodeIdOf(replica.uid, replica.epoch),
    counter: ++replica.counter,
    value: new Uint8Array([replica.counter]),
    contentType: '',
    modifiedMs: replica.counter,
    expiresMs: 0,
    tombstone: replica.counter % 5 === 0
  }
  const event = nameOf(sibling)
  if (world.history.has(event)) throw new Error(`${event} was minted twice`)
  const history = union(seen, new Set([event]))
  world.history.set(event, history)
  replica.state = write(replica.state, context, sibling)
  replica.seen = union(replica.seen, history)
  return sibling
}

function take(world: World, [kind, a, b]: Step): void {
  const { replicas, clients } = world
  const replica = replicas[a % replicas.length]!
  const client = clients[b % clients.length]!
  switch (kind) {
    case 'read':
      client.context = throughToken(replica.state.context)
      client.seen = replica.seen
      return
    case 'quorum-read': {
      const other = replicas[(a + 1 + (b % (replicas.length - 1))) % replicas.length]!
      const merged = merge(replica.state, other.state)
      client.context = throughToken(merged.context)
      client.seen = union(replica.seen, other.seen)
      checked(world, merged, client.seen, 'a quorum read')
      return
    }
    case 'write':
    case 'write-and-keep':
    case 'write-reply-lost': {
      const before = client.context
      const sibling = put(world, replica, before, client.seen)
      if (kind === 'write-reply-lost') return
      const after = kind === 'write' ? contextAfterWrite(replica.state, before, sibling) : contextOfWrite(before, sibling)
      client.context = throughToken(after)
      client.seen = world.history.get(nameOf(sibling))!
      return
    }
    case 'blind':
      put(world, replica, emptyContext, new Set())
      return
    case 'merge-contexts': {
      const other = clients[(b + 1) % clients.length]!
      client.context = join(client.context, other.context)
      client.seen = union(client.seen, other.seen)
      return
    }
    case 'send':
      world.flight.push({ state: decodeSiblings(encodeSiblings(replica.state)), seen: replica.seen })
      return
    case 'deliver':
    case 'deliver-again': {
      if (world.flight.length === 0) return
      const at = b % world.flight.length
      const message = world.flight[at]!
      if (kind === 'deliver') world.flight.splice(at, 1)
      replica.state = merge(replica.state, message.state)
      replica.seen = union(replica.seen, message.seen)
      return
    }
    case 'drop':
      world.flight.splice(b % Math.max(1, world.flight.length), 1)
      return
    case 'other-key':
      replica.counter += 1 + (b % 3)
      return
    case 'flush':
      replica.flushed = { state: replica.state, seen: replica.seen }
      return
    case 'crash':
      replica.state = replica.flushed.state
      replica.seen = replica.flushed.seen
      replica.epoch++
      replica.counter = 0
  }
}

function run(replicaCount: number, clientCount: number, steps: readonly Step[]): World {
  const nothing: Events = new Set()
  const world: World = {
    replicas: Array.from({ length: replicaCount }, (_, at) => ({
      uid: 4_000_000_000 + at,
      epoch: 1,
      counter: 0,
      state: emptySiblings,
      seen: nothing,
      flushed: { state: emptySiblings, seen: nothing }
    })),
    clients: Array.from({ length: clientCount }, () => ({ context: emptyContext, seen: nothing })),
    history: new Map(),
    flight: []
  }
  for (const step of steps) {
    take(world, step)
    const replica = world.replicas[step[1] % replicaCount]!
    checked(world, replica.state, replica.seen, `after ${step.join(' ')}, replica ${replica.uid}`)
  }
  return world
}

t.test(
  'I5, I7: 2 to 4 replicas, reordered, duplicated, lost messages, crashes: each replica holds what the oracle says, at every step',
  async () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        schedule,
        (replicaCount, clientCount, steps) => {
          const world = run(replicaCount, clientCount, steps)
          const forward = world.replicas.map(replica => replica.state).reduce(merge)
          const backward = world.replicas.map(replica => replica.state).reduceRight(merge)
          const seen = world.replicas.map(replica => replica.seen).reduce(union)
          checked(world, forward, seen, 'the healed cluster')
          checked(world, backward, seen, 'the healed cluster, merged the other way round')
          if (relation(forward, backward) !== 'equal') throw new Error('the order of merging shows')
        }
      ),
      { numRuns: 6000 }
    )
  }
)

t.test('relation: of any two states that replicas reached, agrees with what their merge is', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4 }), schedule, (replicaCount, steps) => {
      const states = run(replicaCount, 2, steps).replicas.map(replica => replica.state)
      for (const a of states) {
        for (const b of states) {
          const bytes = Buffer.from(encodeSiblings(merge(a, b)))
          const isA = bytes.equals(encodeSiblings(a))
          const isB = bytes.equals(encodeSiblings(b))
          const expected = isA ? (isB ? 'equal' : 'after') : isB ? 'before' : 'concurrent'
          if (relation(a, b) !== expected) throw new Error(`relation says ${relation(a, b)}, the merge ${expected}`)
          if (isA && merge(a, b) !== a) throw new Error('a merge that adds nothing made a new object')
          if (isB && !isA && merge(a, b) !== b) throw new Error('a merge that is the other made a new object')
        }
      }
    }),
    { numRuns: 2000 }
  )
})

t.test('merge: commutative, associative, idempotent over states that replicas reached, byte for byte', async () => {
  fc.assert(
    fc.property(schedule, steps => {
      const [a, b, c] = run(3, 3, steps).replicas.map(replica => replica.state) as [Siblings, Siblings, Siblings]
      const bytes = (state: Siblings) => Buffer.from(encodeSiblings(state)).toString('hex')
      return (
        merge(a, a) === a &&
        bytes(merge(a, b)) === bytes(merge(b, a)) &&
        bytes(merge(merge(a, b), c)) === bytes(merge(a, merge(b, c))) &&
        bytes(merge(merge(a, b), b)) === bytes(merge(a, b))
      )
    }),
    { numRuns: 3000 }
  )
})
