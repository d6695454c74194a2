// test: seconds 120
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { startCluster, until } from './cluster-rig.ts'

const token = 'a-token-of-the-test'
const writers = 4

/** A counter over all series of it that a host shows. */
async function counterOf(port: number, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  let sum = 0
  for (const line of (await response.text()).split('\n')) {
    if (line.startsWith(name)) sum += Number(line.slice(line.lastIndexOf(' ')))
  }
  return sum
}

t.test(
  '3 hosts with credentials: a client counts the acknowledgements of its puts, one host is killed under it → puts go on, and what it calls stored is there',
  async t => {
    const cluster = await startCluster(t, { token })
    const store = await connect({ servers: cluster.servers, token, acksFrom: 'owners' })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('counted')
    const acknowledged = new Map<string, number>()
    const events: unknown[] = []
    const told = bucket.watch()
    const watching = (async () => {
      for await (const event of told) events.push(event.key)
    })()
    watching.catch(() => {})
    let writes = 0
    const stop = new AbortController()
    const load = Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        let context: string | undefined
        for (let value = 1; !stop.signal.aborted; value++) {
          const key = `k${writer}`
          try {
            context = (await bucket.put(key, value, { w: 2, timeoutMs: 2_000, ...(context === undefined ? {} : { context }) }))
              .context
            acknowledged.set(key, value)
            writes++
          } catch {
            // Its fate is unknown: a greater number comes beside it.
          }
        }
      })
    )
    await until('puts are counted', () => store.figures().counted > 200)
    const [first] = cluster.hosts
    const direct = await Promise.all(cluster.hosts.map(({ httpPort }) => counterOf(httpPort, 'carillon_puts_direct_total')))
    t.ok(direct.reduce((sum, each) => sum + each, 0) > 150, `coordinators have counted ${direct}`)
    t.ok(events.length > 0, 'and told of them')
    cluster.processOf(first!.name)?.kill('SIGKILL')
    const before = writes
    await until('puts go on', () => writes > before + 50, 10_000)
    stop.abort()
    await load
    for (const [key, value] of acknowledged) {
      const found = await bucket.get(key, { r: 2 })
      const values = [found!.value, ...found!.siblings.map(sibling => sibling.value)]
      t.ok(
        values.some(each => each >= value),
        `${key} is ${values}, ${value} was acknowledged`
      )
    }
    t.equal(store.figures().waiting, 0)
    t.comment(store.figures())
  }
)
