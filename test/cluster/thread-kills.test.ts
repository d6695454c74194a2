// test: alone, seconds 180
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { StoreError } from '../../api/client/errors.ts'
import type { Store } from '../../api/client/store.ts'
import type { ActorDescription } from '../../runtime/actor.ts'
import { ask, inject, startCluster, until } from './cluster-rig.ts'

/** A minute: CARILLON_SOAK_SECONDS=60. */
const seconds = Number(process.env['CARILLON_SOAK_SECONDS'] ?? 10)
const clients = 8
const sharedKeys = 20
const errorShareMax = 0.01
/** Between two operations of a client: the load leaves the machine some time to start threads. */
const pauseMs = 5

interface Attempt {
  readonly seen: readonly string[]
  acknowledged: boolean
}

class Ledger {
  operations = 0
  slowestMs = 0
  readonly errors = new Map<string, number>()
  /** By code, what the first one said. */
  readonly examples: string[] = []
  /** Key of its own → value that was acknowledged. */
  readonly own = new Map<string, string>()
  readonly shared = Array.from({ length: sharedKeys }, () => new Map<string, Attempt>())
  readonly violations: string[] = []

  get failed(): number {
    return [...this.errors.values()].reduce((sum, count) => sum + count, 0)
  }
}

t.test(
  `I23: 3 hosts under load, a random worker thread ends every second for ${seconds} s: no acknowledged write is lost, at most 1 % of the operations fail`,
  async t => {
    const cluster = await startCluster(t, { threads: 2 })
    const threads = ['system', 'data-0', 'data-1', 'api']
    const ledger = new Ledger()
    const stop = new AbortController()
    const work = Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        const store = await connect({ servers: cluster.servers })
        t.teardown(() => store.close())
        for (let turn = 0; !stop.signal.aborted; turn++) {
          await operate(store, ledger, client, turn)
          await new Promise(resolve => setTimeout(resolve, pauseMs * Math.random() * 2))
        }
      })
    )

    const killed = new Map<string, number>()
    const awayMs: number[] = []
    const endMs = performance.now() + seconds * 1_000
    while (performance.now() < endMs) {
      const sinceMs = performance.now()
      const host = cluster.hosts[Math.floor(Math.random() * cluster.hosts.length)]!
      const thread = threads[Math.floor(Math.random() * threads.length)]!
      let before = -1
      await until(`${thread} of ${host.name} runs`, async () => (before = await restartsOf(host.httpPort, thread)) >= 0)
      inject(cluster, host.name, thread, { kind: 'exit' })
      killed.set(thread, (killed.get(thread) ?? 0) + 1)
      // One at a time: where the machine is too slow to start a thread within a second, the next one lives a little longer.
      await until(`${thread} of ${host.name} was replaced`, async () => (await restartsOf(host.httpPort, thread)) > before)
      awayMs.push(performance.now() - sinceMs)
      await new Promise(resolve => setTimeout(resolve, Math.max(0, sinceMs + 1_000 - performance.now())))
    }
    stop.abort()
    await work

    const share = ledger.failed / ledger.operations
    t.comment(
      `${ledger.operations} operations, ${ledger.failed} failed (${(share * 100).toFixed(3)} %), the slowest took ${Math.round(ledger.slowestMs)} ms; ` +
        `${JSON.stringify(Object.fromEntries(ledger.errors))}; ended: ${JSON.stringify(Object.fromEntries(killed))}, ` +
        `away for ${Math.round(awayMs.toSorted((x, y) => x - y)[awayMs.length >> 1]!)} ms, ${Math.round(Math.max(...awayMs))} ms at most`
    )
    for (const example of ledger.examples) t.comment(example)
    t.ok(awayMs.length >= 2, `${awayMs.length} threads ended and were replaced`)
    t.ok(ledger.operations > seconds * 20, `${ledger.operations} operations`)
    t.ok(share <= errorShareMax, `${(share * 100).toFixed(3)} % of the operations failed`)
    const store = await connect({ servers: cluster.servers })
    t.teardown(() => store.close())
    await check(store, ledger)
    t.same(ledger.violations, [])
  }
)

/** −1: it does not run, or its host does not say. */
async function restartsOf(port: number, thread: string): Promise<number> {
  const { tree } = await ask<{ tree: ActorDescription | undefined }>(port, '/api/v1/actors').catch(() => ({ tree: undefined }))
  const found = tree === undefined ? undefined : everyOne(tree).find(actor => actor.kind === 'thread' && actor.name === thread)
  return found?.state === 'running' ? found.restarts : -1
}

async function operate(store: Store, ledger: Ledger, client: number, turn: number): Promise<void> {
  const bucket = store.bucket<string>('soak')
  const value = `${client}-${turn}`
  switch (turn % 4) {
    case 0: {
      const key = `own-${value}`
      if ((await counted(ledger, () => bucket.put(key, value))) !== undefined) ledger.own.set(key, value)
      return
    }
    case 1:
    case 2: {
      const key = `own-${client}-${turn - (turn % 4)}`
      const expected = ledger.own.get(key)
      const found = await counted(ledger, async () => ({ pair: await bucket.get(key) }))
      if (expected !== undefined && found !== undefined && found.pair?.value !== expected) {
        ledger.violations.push(`${key} was acknowledged, then read as ${String(found.pair?.value)}`)
      }
      return
    }
    default: {
      const index = Math.floor(Math.random() * sharedKeys)
      const read = await counted(ledger, async () => ({ pair: await bucket.get(`shared-${index}`) }))
      if (read === undefined) return
      const { pair } = read
      const seen = pair === undefined ? [] : [pair.value, ...pair.siblings.map(version => version.value)]
      const attempt: Attempt = { seen, acknowledged: false }
      ledger.shared[index]!.set(value, attempt)
      const written = await counted(ledger, () =>
        bucket.put(`shared-${index}`, value, pair === undefined ? {} : { context: pair.context })
      )
      attempt.acknowledged = written !== undefined
    }
  }
}

async function counted<T>(ledger: Ledger, operation: () => Promise<T>): Promise<T | undefined> {
  ledger.operations++
  const since = performance.now()
  try {
    return await operation()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    if (!ledger.errors.has(error.code)) ledger.examples.push(`${error.code}: ${error.message}`)
    ledger.errors.set(error.code, (ledger.errors.get(error.code) ?? 0) + 1)
    return undefined
  } finally {
    ledger.slowestMs = Math.max(ledger.slowestMs, performance.now() - since)
  }
}

async function check(store: Store, { own, shared, violations }: Ledger): Promise<void> {
  const bucket = store.bucket<string>('soak')
  for (const [key, value] of own) {
    const found = await bucket.get(key)
    if (found?.value !== value) violations.push(`I5: ${key} is lost: ${String(found?.value)}`)
  }
  for (const [index, attempts] of shared.entries()) {
    const found = await bucket.get(`shared-${index}`)
    const present = found === undefined ? [] : [found.value, ...found.siblings.map(version => version.value)]
    const dominated = new Set<string>()
    const open = present.flatMap(value => attempts.get(value)?.seen ?? [])
    for (let value = open.pop(); value !== undefined; value = open.pop()) {
      if (dominated.has(value)) continue
      dominated.add(value)
      open.push(...(attempts.get(value)?.seen ?? []))
    }
    for (const [value, { acknowledged }] of attempts) {
      if (acknowledged && !present.includes(value) && !dominated.has(value))
        violations.push(`I5: ${value} of shared-${index} is lost`)
    }
  }
}

function everyOne(tree: ActorDescription): ActorDescription[] {
  return [tree, ...tree.children.flatMap(everyOne)]
}
