import { atMost, judged } from './judgement.ts'
import { type Answer, answerOf } from './answer.ts'
import { askTargets } from './setting.ts'

/*
 * `node build/bench/targets/runtime.js [--quick] [--seconds 3] [--json]`: two rows of what `runtime/tell.js` and `runtime/tell-threads.js`
 * say, each in a process of its own.
 */
const nsPerUs = 1_000

await askTargets('What does a message cost in the runtime alone?', async (bench, { seconds }) => {
  const words = ['--seconds', String(seconds), '--ms', String(seconds * 20)]
  const tell = await answerOf('runtime/tell.js', words)
  const sameThread = '2 actors, 100 each, on the event loop'
  bench.row(
    judged('a message to an actor of the same thread', costUs(tell, sameThread), atMost(0.3, 'µs of CPU'), { row: sameThread })
  )
  const threads = await answerOf('runtime/tell-threads.js', words)
  for (const by of ['ports', 'NATS']) {
    const row = `${by}, 1024 under way`
    const what = `a message to an actor of another thread, batched, by ${by}`
    bench.row(judged(what, costUs(threads, row), atMost(2, 'µs of CPU'), { row }))
  }
})

function costUs({ rows }: Answer, what: string): number | undefined {
  const ns = rows.find(row => row.what === what)?.cpu_ns
  return ns === undefined ? undefined : ns / nsPerUs
}
