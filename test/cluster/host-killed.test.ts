// test: alone, seconds 180
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { ask, startCluster, until } from './cluster-rig.ts'

interface Explanation {
  readonly agree: boolean
  readonly preference: readonly { readonly host: string; readonly found: boolean; readonly reached: boolean }[]
}

const keys = 500
const writers = 16

t.test(
  '3 hosts, N=3: one is killed under load: puts at W=2 and gets at R=2 go on within 5 s, nothing acknowledged is lost, reads mend the host',
  async t => {
    const cluster = await startCluster(t)
    const [first, , third] = cluster.hosts
    const store = await connect({ servers: cluster.servers })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('load')
    /** Key → the last value that was acknowledged, and the values that may be there as well, since nobody knows. */
    const acknowledged = new Map<string, number>()
    const doubtful = new Map<string, Set<number>>()
    const contexts = new Map<string, string>()
    let lastSuccessMs = performance.now()
    let longestGapMs = 0
    let writes = 0
    const stop = new AbortController()

    const write = async (key: string): Promise<void> => {
      const value = (acknowledged.get(key) ?? 0) + 1 + (doubtful.get(key)?.size ?? 0)
      try {
        const context = contexts.get(key)
        const written = await bucket.put(key, value, { w: 2, ...(context === undefined ? {} : { context }), timeoutMs: 1_000 })
        contexts.set(key, written.context)
        acknowledged.set(key, value)
        writes++
        longestGapMs = Math.max(longestGapMs, performance.now() - lastSuccessMs)
        lastSuccessMs = performance.now()
      } catch {
        doubtful.set(key, (doubtful.get(key) ?? new Set()).add(value))
      }
    }
    const load = Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let turn = 0; !stop.signal.aborted; turn++) await write(`k${(turn * writers + writer) % keys}`)
      })
    )
    await until('the load is under way', () => writes > 2 * keys)
    const before = writes
    // Not the one that the client is connected to alone: it must find another by itself, too.
    const killed = cluster.processOf(first!.name)
    killed?.kill('SIGKILL')
    await until('writes go on after the kill', () => writes > before + keys, 5_000)
    const value = await bucket.get('k1', { r: 2 })
    t.ok(value, 'a read at R=2 is answered')
    await until('the host runs again and is seen by all', async () => {
      const { hosts } = await ask<{ hosts: { state: string; pid: number }[] }>(third!.httpPort, '/api/v1/cluster').catch(() => ({
        hosts: []
      }))
      return hosts.length === 3 && hosts.every(host => host.state === 'up' && host.pid !== killed?.pid)
    })
    stop.abort()
    await load
    t.ok(longestGapMs < 5_000, `the longest time without a write was ${Math.round(longestGapMs)} ms`)

    let lost = 0
    for (const [key, value] of acknowledged) {
      const found = await bucket.get(key, { r: 2 })
      const values = found === undefined ? [] : [found.value, ...found.siblings.map(version => version.value)]
      const mayBe = doubtful.get(key)
      if (!values.includes(value) && !values.some(other => other > value && mayBe?.has(other) === true)) lost++
    }
    t.equal(lost, 0, `none of ${acknowledged.size} keys lost an acknowledged write`)

    for (const key of acknowledged.keys()) {
      await until(`the replicas of ${key} agree after it was read`, async () => {
        await bucket.get(key, { r: 2 })
        const { agree, preference } = await ask<Explanation>(third!.httpPort, `/api/v1/explain/load/${key}`)
        return agree && preference.every(replica => replica.found)
      })
    }
  }
)
