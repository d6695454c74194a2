import { keyClassesOf } from '../actors/vnode/key-classes.ts'
import type { StoreResources } from '../actors/store-resources.ts'
import { VnodeTree } from '../actors/vnode/vnode-tree.ts'
import type { TreeMessage } from '../actors/vnode/merkle-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import { type Key, keyOfText } from '../model/key.ts'
import { encodeSiblings } from '../model/siblings-codec.ts'
import { vnodeIdOf } from '../model/version-vector.ts'
import type { Behaviour } from '../runtime/actor.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import { silentLog } from '../runtime/log.ts'
import { silentMetrics } from '../runtime/metrics.ts'
import { SeededRandom } from '../runtime/random.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { MemoryStore } from '../storage/memory-store.ts'
import { VirtualDisk } from '../storage/virtual-disk.ts'

/**
 * What does a Merkle tree cost a write, and how long does it take to build one?
 * `node bench/repair.js [keys of a partition]`; CPU of this thread, storage in memory. Records as of 3 replicas that take turns: their
 * context has 3 entries.
 */
const partition = 3
const rounds = 5
const keys = Number(process.argv[2] ?? 4_000)

function recordOf(counter: number): Uint8Array {
  const ids = [1, 2, 3].map(uid => vnodeIdOf(uid, 7))
  const value = Buffer.alloc(100)
  const [vnode] = ids as [number]
  return encodeSiblings({
    context: { vector: ids.flatMap(id => [id, counter]), cloud: [] },
    versions: [{ vnode, counter, value, contentType: '', modifiedMs: counter, expiresMs: 0, tombstone: false }]
  })
}

type BenchMessage = TreeMessage | { readonly kind: 'measure'; readonly title: string }

const names: readonly Key[] = Array.from({ length: keys }, (_, index) => keyOfText('bucket', `user:${index}:profile`))
const before = names.map((_, index) => recordOf(index + 1))
const after = names.map((_, index) => recordOf(index + 2))

const bencher: Behaviour<VnodeTree, BenchMessage, undefined, StoreResources> = {
  kind: 'bencher',
  start: () => new VnodeTree(partition),
  receive(tree, message, context) {
    if (message.kind !== 'measure') return tree.receive(message, () => undefined, context as never)
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < rounds * 20; round++) {
      const [from, to] = round % 2 === 0 ? [before, after] : [after, before]
      const start = process.cpuUsage()
      for (let index = 0; index < keys; index++) tree.changed(names[index]!, from[index], to[index])
      const { user, system } = process.cpuUsage(start)
      best = Math.min(best, ((user + system) * 1_000) / keys)
    }
    process.stdout.write(`${message.title}: ${best.toFixed(0)} ns a write\n`)
  }
}

const disk = new VirtualDisk()
disk.write(names.map((key, index) => ({ partition, key, record: before[index]! })))
const store = new MemoryStore({ disk, schedule: (delayMs, work) => void setTimeout(work, delayMs), commitMs: 1, flushMs: 1 })
let told = (): void => {}
const asker = {
  send(): boolean {
    told()
    return true
  },
  flush() {}
}
const system = new ActorSystem<unknown>({
  host: 'h',
  thread: 't',
  clock: systemClock,
  random: new SeededRandom(1),
  gateways: new Map([['asker', asker]]),
  resources: { store },
  log: silentLog,
  metrics: silentMetrics
})
system.start({
  type: 'supervisor',
  name: 'root',
  strategy: 'one-for-one',
  intensity: 0,
  periodMs: 1_000,
  children: [{ type: 'actor', name: 'bencher', behaviour: bencher }]
})
const self: Ref<BenchMessage> = { address: addressOf(threadAddressOf('h', 't'), 'bencher'), correlation: 0, incarnation: 0 }
const replyTo = { address: addressOf(threadAddressOf('asker', 't'), 'a'), correlation: 1, incarnation: 0 }

async function roots(replicas: number): Promise<void> {
  const answered = new Promise<void>(resolve => (told = resolve))
  system.send(self, { kind: 'roots', classes: keyClassesOf({}, replicas), replyTo }, 60_000)
  await answered
}

async function measure(title: string): Promise<void> {
  system.send(self, { kind: 'measure', title })
  await new Promise(resolve => setTimeout(resolve, 0))
}

await measure('tree not built')
for (let round = 0; round < rounds; round++) {
  const start = process.cpuUsage()
  const startMs = performance.now()
  await roots(3 + round)
  const { user, system: kernel } = process.cpuUsage(start)
  const cpuMs = (user + kernel) / 1_000
  process.stdout.write(
    `build of ${keys} keys: ${((cpuMs * 1_000) / keys).toFixed(2)} µs of CPU a key, ${(performance.now() - startMs).toFixed(0)} ms\n`
  )
}
await measure('tree built')
await system.stop()
