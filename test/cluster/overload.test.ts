// test: alone, seconds 60
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { connect } from '../../index.ts'
import { startCluster } from './cluster-rig.ts'

/** An open loop: so many requests every so often, answered or not. Several times what one host of a small machine serves. */
const burst = 1_000
const everyMs = 20
const bursts = 30
/** The host's own memory; requests that pile up without a bound would pass it. */
const memoryMbMax = 900

t.test(
  'I24: an open loop of far more than a host can do → each request is answered, memory stays bounded, and then all is well',
  async t => {
    const cluster = await startCluster(t, { hosts: 1 })
    const { name, httpPort } = cluster.hosts[0]!
    const store = await connect({ servers: cluster.servers, requestsMax: burst * bursts, timeoutMs: 2_000 })
    t.teardown(() => store.close())
    const bucket = store.bucket('load')
    const value = Buffer.alloc(1_000, 1)
    const answers = new Map<string, number>()
    const count = (answer: string): void => void answers.set(answer, (answers.get(answer) ?? 0) + 1)
    const requests: Promise<void>[] = []
    let memoryMb = 0
    let answered = 0
    const unanswered: number[] = []
    for (let round = 0; round < bursts; round++) {
      for (let number = 0; number < burst; number++) {
        const request = number % 4 === 0 ? bucket.put(`${round}.${number}`, value) : bucket.get(`${round >> 1}.${number & ~3}`)
        requests.push(
          request.then(
            () => count('done'),
            (error: Error & { code?: string }) => count(error.code ?? error.message)
          )
        )
      }
      await new Promise(resolve => setTimeout(resolve, everyMs))
      memoryMb = Math.max(memoryMb, residentMb(cluster.processOf(name)!.pid!))
      const now = [...answers.values()].reduce((sum, each) => sum + each, 0)
      if (now === answered) unanswered.push(round)
      answered = now
    }
    await Promise.all(requests)
    t.comment(
      `${JSON.stringify(Object.fromEntries(answers))}, ${memoryMb} MB, no answer in ${unanswered.length} of ${bursts} rounds`
    )
    t.ok((answers.get('done') ?? 0) > 0, 'some are served all the while')
    t.strictSame(
      [...answers.keys()].filter(answer => !['done', 'overloaded', 'timeout', 'not_found'].includes(answer)),
      [],
      'the others are refused, or late'
    )
    t.ok(memoryMb < memoryMbMax, `${memoryMb} MB`)

    await bucket.put('after', 'all is well', { timeoutMs: 10_000 })
    t.equal((await bucket.get('after'))?.value, 'all is well')
    t.equal((await fetch(`http://127.0.0.1:${httpPort}/api/v1/store/after?bucket=load`)).status, 200)
    const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text()
    t.match(metrics, /^carillon_request_wait_seconds/m)
    t.comment(
      [...metrics.matchAll(/^carillon_(?:requests_refused|actor_messages_(?:expired|refused))_total.* [1-9].*$/gm)].join(', ')
    )
  }
)

/** 0 where the system does not tell. */
function residentMb(pid: number): number {
  const path = `/proc/${pid}/status`
  if (!existsSync(path)) return 0
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(path, 'utf8'))?.[1] ?? 0) / 1024)
}
