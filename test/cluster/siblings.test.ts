// test: seconds 120
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { startCluster } from './cluster-rig.ts'

const clients = 8
const keys = 10
const operations = 10_000

interface Attempt {
  /** What the writer had read of the key before. */
  readonly seen: readonly string[]
  acknowledged: boolean
}

t.test(
  `I5, I7: ${operations} interleaved blind and contextual writes by ${clients} clients to ${keys} keys: every acknowledged value present or dominated, no more siblings than writers`,
  async t => {
    const cluster = await startCluster(t)
    const attempts = Array.from({ length: keys }, () => new Map<string, Attempt>())
    let left = operations

    await Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        const store = await connect({ servers: cluster.servers })
        t.teardown(() => store.close())
        // A session: what one writer writes follows on what it wrote before, even blindly.
        const bucket = store.session().bucket<string>('siblings')
        for (let turn = 0; left > 0; turn++) {
          left--
          const index = Math.floor(Math.random() * keys)
          const value = `${client}-${turn}`
          const found = turn % 2 === 0 ? undefined : await bucket.get(`k${index}`)
          const seen = found === undefined ? [] : [found.value, ...found.siblings.map(version => version.value)]
          const attempt: Attempt = { seen: [...seen, ...lastOf(attempts[index]!, client)], acknowledged: false }
          attempts[index]!.set(value, attempt)
          await bucket.put(`k${index}`, value, found === undefined ? {} : { context: found.context })
          attempt.acknowledged = true
        }
      })
    )

    const store = await connect({ servers: cluster.servers })
    t.teardown(() => store.close())
    const bucket = store.bucket<string>('siblings')
    let lost = 0
    let most = 0
    for (const [index, tried] of attempts.entries()) {
      const found = await bucket.get(`k${index}`, { r: 3 })
      const values = found === undefined ? [] : [found.value, ...found.siblings.map(version => version.value)]
      most = Math.max(most, values.length)
      const replaced = historyOf(values, tried)
      for (const [value, { acknowledged }] of tried) if (acknowledged && !values.includes(value) && !replaced.has(value)) lost++
      t.notOk(
        values.some(value => replaced.has(value)),
        `nothing of k${index} stands beside what replaced it`
      )
    }
    t.equal(lost, 0, 'no acknowledged value is lost')
    t.ok(most <= clients, `at most ${most} siblings for ${clients} writers`)
  }
)

/** In a session a writer has seen its own last write. */
function lastOf(tried: ReadonlyMap<string, Attempt>, client: number): string[] {
  let last: string | undefined
  for (const value of tried.keys()) if (value.startsWith(`${client}-`)) last = value
  return last === undefined ? [] : [last]
}

function historyOf(values: readonly string[], tried: ReadonlyMap<string, Attempt>): Set<string> {
  const history = new Set<string>()
  const open = values.flatMap(value => tried.get(value)?.seen ?? [])
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (history.has(value)) continue
    history.add(value)
    open.push(...(tried.get(value)?.seen ?? []))
  }
  return history
}
