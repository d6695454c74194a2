import t from 'tap'
import { JobPool } from '../../runtime/jobs.ts'

const module = new URL('./fixtures/job.js', import.meta.url)

t.test('jobs: one thread, two waiting at most', async t => {
  const pool = new JobPool({ threadsMax: 1, queueMax: 2, idleMs: 1_000, heapMbMax: 32 })
  t.teardown(() => pool.close())

  t.same(await pool.run(module, 'square', 7, { timeoutMs: 10_000 }), { ok: true, value: 49 })
  t.match(await pool.run(module, 'fail', undefined, { timeoutMs: 10_000 }), {
    ok: false,
    reason: 'failed',
    error: { message: 'the job fails' }
  })
  t.match(
    await pool.run(module, 'spin', undefined, { timeoutMs: 100 }),
    { ok: false, reason: 'time-out' },
    'a job that never ends'
  )
  t.match(
    await pool.run(module, 'hoard', undefined, { timeoutMs: 20_000 }),
    { ok: false, reason: 'failed' },
    'a job that runs out of memory'
  )
  t.same(await pool.run(module, 'square', 8, { timeoutMs: 10_000 }), { ok: true, value: 64 }, 'the pool goes on')

  const abort = new AbortController()
  const aborted = pool.run(module, 'spin', undefined, { timeoutMs: 10_000, abort: abort.signal })
  const waiting = [1, 2].map(value => pool.run(module, 'square', value, { timeoutMs: 10_000 }))
  t.match(await pool.run(module, 'square', 3, { timeoutMs: 10_000 }), {
    ok: false,
    reason: 'refused',
    error: { message: '2 jobs wait already' }
  })
  abort.abort()
  t.match(await aborted, { ok: false, reason: 'aborted' })
  t.same(await Promise.all(waiting), [
    { ok: true, value: 1 },
    { ok: true, value: 4 }
  ])
  t.match(await pool.run(module, 'square', 3, { timeoutMs: 10_000, abort: abort.signal }), { ok: false, reason: 'aborted' })
})

t.test('jobs: a closed pool refuses', async t => {
  const pool = new JobPool({ threadsMax: 1, queueMax: 1 })
  await pool.close()
  t.match(await pool.run(module, 'square', 1, { timeoutMs: 10_000 }), { ok: false, reason: 'refused' })
})
