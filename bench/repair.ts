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
import { ask, cpuNs } from './question.ts'

/*
 * `node --expose-gc build/bench/repair.js [--keys 4000] [--ms 100] [--json]`: one partition, storage in memory. Records as of 3 replicas
 * that take turns: their context has 3 entries. `bench/merkle.ts` has the trees alone.
 */
const partition = 3
const builds = 5

function recordOf(counter: number): Uint8Array {
  const ids = [1, 2, 3].map(uid => vnodeIdOf(uid, 7))
  const value = Buffer.alloc(100)
  const [vnode] = ids as [number]
  return encodeSiblings({
    context: { vector: ids.flatMap(id => [id, counter]), cloud: [] },
    versions: [{ vnode, counter, value, contentType: '', modifiedMs: counter, expiresMs: 0, tombstone: false }]
  })
}

interface BenchState {
  readonly tree: VnodeTree
  /** Which of its two records a key has. */
  readonly turns: Uint8Array
}
type BenchMessage = TreeMessage | { readonly kind: 'measure'; readonly title: string }

await ask('What does a Merkle tree cost a vnode: a write beside it, and building it?', async bench => {
  const keys = bench.option('keys', 4_000)
  const names: readonly Key[] = Array.from({ length: keys }, (_, index) => keyOfText('bucket', `user:${index}:profile`))
  const records = [names.map((_, index) => recordOf(index + 1)), names.map((_, index) => recordOf(index + 2))] as const

  const bencher: Behaviour<BenchState, BenchMessage, undefined, StoreResources> = {
    kind: 'bencher',
    start: () => ({ tree: new VnodeTree(partition), turns: new Uint8Array(keys) }),
    receive({ tree, turns }, message, context) {
      if (message.kind !== 'measure') return tree.receive(message, () => undefined, context as never)
      bench.measure(message.title, operations => {
        for (let at = 0; at < operations; at++) {
          const index = at % keys
          const turn = turns[index] as 0 | 1
          tree.changed(names[index]!, records[turn][index], records[turn === 0 ? 1 : 0][index])
          turns[index] = 1 - turn
        }
      })
    }
  }

  const disk = new VirtualDisk()
  disk.write(names.map((key, index) => ({ partition, key, record: records[0][index]! })))
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

  /** Other classes than the time before, so that the trees are built anew. */
  const roots = async (replicas: number): Promise<void> => {
    const answered = new Promise<void>(resolve => (told = resolve))
    system.send(self, { kind: 'roots', classes: keyClassesOf({}, replicas), replyTo }, 60_000)
    await answered
  }
  const measure = async (title: string): Promise<void> => {
    system.send(self, { kind: 'measure', title })
    await new Promise(resolve => setTimeout(resolve, 0))
  }

  await measure('a write, tree not built')
  for (let build = 0; build < builds; build++) {
    const [used, startMs] = [cpuNs(), performance.now()]
    await roots(3 + build)
    const cpu = (cpuNs() - used) / keys
    bench.row({ what: `a key of a build of ${keys}`, cpu_ns: cpu, operations: keys, whole_ms: performance.now() - startMs })
  }
  await measure('a write, tree built')
  await system.stop()
})
