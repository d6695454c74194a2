import fc from 'fast-check'
import t from 'tap'
import { classesHash, keyClassesOf } from '../../../actors/vnode/key-classes.ts'
import type { StoreResources } from '../../../actors/store-resources.ts'
import { VnodeTree } from '../../../actors/vnode/vnode-tree.ts'
import type { TreeMessage, TreeReply } from '../../../actors/vnode/merkle-protocol.ts'
import { writeFaultsOf } from '../../../actors/vnode/write-faults.ts'
import { addressOf, type Envelope, type Ref, threadAddressOf } from '../../../bus/bus.ts'
import { bucketOf, type Key, keyOfText } from '../../../model/key.ts'
import { MerkleTree } from '../../../model/merkle-tree.ts'
import { decodeSiblings, digestOf, encodeSiblings } from '../../../model/siblings-codec.ts'
import { counterOf, vnodeIdOf } from '../../../model/version-vector.ts'
import type { Behaviour } from '../../../runtime/actor.ts'
import { ActorSystem } from '../../../runtime/actor-system.ts'
import { silentLog } from '../../../runtime/log.ts'
import { silentMetrics } from '../../../runtime/metrics.ts'
import { SeededRandom } from '../../../runtime/random.ts'
import { VirtualClock } from '../../../runtime/virtual-clock.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import type { Store } from '../../../storage/store.ts'
import { VirtualDisk } from '../../../storage/virtual-disk.ts'

type RigMessage =
  | TreeMessage
  | { readonly kind: 'set'; readonly key: Key; readonly counter: number }
  | { readonly kind: 'erase'; readonly key: Key }
  | { readonly kind: 'crash' }

const partition = 3
const vnodeId = vnodeIdOf(7, 1)

function recordOf(counter: number): Uint8Array {
  return encodeSiblings({
    context: { vector: [vnodeId, counter], cloud: [] },
    versions: [
      {
        vnode: vnodeId,
        counter,
        value: Buffer.from('v'),
        contentType: '',
        modifiedMs: counter,
        expiresMs: 0,
        tombstone: false
      }
    ]
  })
}

/** What a vnode does to its tree, without the rest of it, and with erasures. */
const keeper: Behaviour<VnodeTree, RigMessage, undefined, StoreResources> = {
  kind: 'keeper',
  start: () => new VnodeTree(partition),
  receive(tree, message, context) {
    const { store } = context.resources
    const completion = {
      settled: (why: unknown) => {
        if (why !== undefined) writeFaultsOf(store).add(partition)
      }
    }
    switch (message.kind) {
      case 'set': {
        const before = store.read(partition, message.key)
        const after = recordOf(message.counter)
        store.write(partition, message.key, after, 'flushed', completion)
        return tree.changed(message.key, before, after)
      }
      case 'erase': {
        const before = store.read(partition, message.key)
        store.erase(partition, message.key, completion)
        return tree.changed(message.key, before, undefined)
      }
      case 'crash':
        throw new Error('crashed on purpose')
      default:
        return tree.receive(message, () => undefined, context as never)
    }
  }
}

const keys = Array.from({ length: 700 }, (_, index) => keyOfText(index % 10 === 0 ? 'few' : 'most', `k${index}`))
const classes = [keyClassesOf({}, 3), keyClassesOf({ few: { properties: { n: 2 } } }, 3)] as const

interface Rig {
  readonly clock: VirtualClock
  readonly disk: VirtualDisk
  readonly store: Store
  readonly replies: TreeReply[]
  /** Answers that do not tell what was stored when they left. */
  readonly wrong: string[]
  tell(message: RigMessage): void
  /** By which of `classes`. */
  ask(table: number): void
}

function rigOf(): Rig {
  const clock = new VirtualClock()
  const host = clock.host('h')
  const disk = new VirtualDisk()
  const store = new MemoryStore({ disk, schedule: (delayMs, work) => void host.after(delayMs, work), commitMs: 0.2, flushMs: 1 })
  const wrong: string[] = []
  const replies: TreeReply[] = []
  const gateway = {
    send({ message }: Envelope): boolean {
      const reply = message as TreeReply
      replies.push(reply)
      if (reply.kind === 'roots') wrong.push(...differences(reply, store))
      return true
    },
    flush() {}
  }
  const system = new ActorSystem<unknown>({
    host: 'h',
    thread: 't',
    clock: host,
    random: new SeededRandom(1),
    gateways: new Map([['asker', gateway]]),
    resources: { store },
    log: silentLog,
    metrics: silentMetrics
  })
  system.start({
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 1_000_000,
    periodMs: 1,
    children: [{ type: 'actor', name: 'keeper', behaviour: keeper, mailboxMax: 65_536 }]
  })
  const self: Ref<RigMessage> = { address: addressOf(threadAddressOf('h', 't'), 'keeper'), correlation: 0, incarnation: 0 }
  return {
    clock,
    disk,
    store,
    replies,
    wrong,
    tell: message => system.send(self, message),
    ask: table =>
      system.send(
        self,
        {
          kind: 'roots',
          classes: classes[table as 0 | 1],
          replyTo: { address: addressOf(threadAddressOf('asker', 't'), 'a'), correlation: 1, incarnation: 0 }
        },
        1_000
      )
  }
}

function differences(reply: Extract<TreeReply, { kind: 'roots' }>, store: Store): string[] {
  const isSplit = reply.classes === classesHash(classes[1])
  const expected = new Map((isSplit ? [2, 3] : [3]).map(n => [n, new MerkleTree(2)]))
  for (const { key, record } of store.scan(partition, undefined, 10_000).pairs) {
    const tree = expected.get(isSplit && bucketOf(key) === 'few' ? 2 : 3)!
    tree.add(key, digestOf(record))
    tree.see(decodeSiblings(record).context.vector)
  }
  const found: string[] = expected.size === reply.trees.length ? [] : [`${reply.trees.length} classes`]
  for (const { n, keys: count, high, low, seen } of reply.trees) {
    const tree = expected.get(n)
    if (tree === undefined) {
      found.push(`there is no class ${n}`)
      continue
    }
    if (count !== tree.keys) found.push(`class ${n}: ${count} keys, not ${tree.keys}`)
    if (high !== tree.high(0) || low !== tree.low(0)) found.push(`class ${n}: another root`)
    if (counterOf(seen, vnodeId) < counterOf(tree.seen, vnodeId)) found.push(`class ${n}: has seen too little`)
  }
  return found
}

type Step =
  | { readonly do: 'set' | 'erase'; readonly at: number; readonly count: number }
  | { readonly do: 'ask'; readonly table: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'full'; readonly on: boolean }
  | { readonly do: 'crash' }

const stepOf = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('set' as const, 'erase' as const),
      at: fc.nat(699),
      count: fc.integer({ min: 1, max: 60 })
    })
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ask' as const), table: fc.nat(1) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0.1, 0.5, 1, 2, 5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('full' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) }
) as fc.Arbitrary<Step>

t.test(
  'a tree that is built while records are written, erased and refused, and its vnode crashes: each root tells what is stored',
  async t => {
    let answers = 0
    fc.assert(
      fc.property(fc.array(stepOf, { minLength: 5, maxLength: 60 }), steps => {
        const rig = rigOf()
        let counter = 0
        for (const key of keys.slice(0, 600)) rig.tell({ kind: 'set', key, counter: ++counter })
        rig.clock.run(10)
        for (const step of steps) {
          switch (step.do) {
            case 'set':
            case 'erase':
              for (let index = step.at; index < Math.min(700, step.at + step.count); index++) {
                const key = keys[(index * 37) % 700]!
                rig.tell(step.do === 'set' ? { kind: 'set', key, counter: ++counter } : { kind: 'erase', key })
              }
              break
            case 'ask':
              rig.ask(step.table)
              break
            case 'wait':
              rig.clock.run(rig.clock.now() + step.ms)
              break
            case 'full':
              rig.disk.full = step.on
              break
            case 'crash':
              rig.tell({ kind: 'crash' })
          }
        }
        rig.disk.full = false
        rig.clock.run(rig.clock.now() + 100)
        rig.ask(0)
        rig.clock.run(rig.clock.now() + 100)
        answers += rig.replies.length
        return rig.wrong.length === 0 && rig.replies.at(-1)?.kind === 'roots'
      }),
      { numRuns: 200 }
    )
    t.ok(answers > 200, `${answers} answers`)
  }
)

t.test('I15: a record vanishes from the disk without a write: the tree is built anew in time, and tells', async t => {
  const rig = rigOf()
  for (const key of keys.slice(0, 50)) rig.tell({ kind: 'set', key, counter: 1 })
  rig.clock.run(10)
  rig.ask(0)
  rig.clock.run(100)
  const [first] = rig.replies
  rig.disk.write([{ partition, key: keys[7]!, record: undefined }])
  rig.clock.run(6 * 3_600_000 + 1_000)
  rig.ask(0)
  rig.clock.run(rig.clock.now() + 100)
  const last = rig.replies.at(-1)
  t.match(first, { kind: 'roots', trees: [{ keys: 50 }] })
  t.match(last, { kind: 'roots', trees: [{ keys: 49 }] })
  t.same(rig.wrong, [])
})

t.test(
  'more keys than one scan slice, asked for by many: all are answered from one build; beyond the limit they are refused',
  async t => {
    const rig = rigOf()
    for (const key of keys) rig.tell({ kind: 'set', key, counter: 1 })
    rig.clock.run(10)
    for (let asker = 0; asker < 20; asker++) rig.ask(0)
    rig.clock.run(100)
    t.equal(rig.replies.filter(({ kind }) => kind === 'roots').length, 16)
    t.equal(rig.replies.length, 20)
    t.same(rig.wrong, [])
  }
)

t.test('a tree was built of few keys, and many came since → it is as deep as one that is built now', async t => {
  const rig = rigOf()
  const many = Array.from({ length: 3_000 }, (_, index) => keyOfText('most', `k${index}`))
  const set = (from: number, to: number): void => {
    for (const key of many.slice(from, to)) rig.tell({ kind: 'set', key, counter: 1 })
    rig.clock.run(rig.clock.now() + 100)
    rig.ask(0)
    rig.clock.run(rig.clock.now() + 200)
  }
  set(0, 1_000)
  set(1_000, 3_000)
  t.match(
    rig.replies.map(reply => (reply.kind === 'roots' ? reply.trees[0] : reply)),
    [
      { keys: 1_000, depth: 2 },
      { keys: 3_000, depth: 3 }
    ]
  )
  t.same(rig.wrong, [])
})
