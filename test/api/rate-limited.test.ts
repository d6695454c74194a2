import t from 'tap'
import * as errors from '../../api/client/errors.ts'
import { emptyContext } from '../../model/causal-context.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { keyOfText } from '../../model/key.ts'
import { Coordinators, putOf, rejection, ringOf, written } from './client-coordinators.ts'
import { httpRig } from './http-rig.ts'
import { natsRig } from './nats-rig.ts'
import { header } from './raw-nats-client.ts'

const hosts = ['a', 'b', 'c']
const view = ringOf(hosts)
const key = keyOfText('b', 'k')

const limited = (retryAfterMs: number): Fault =>
  fault('rate_limited', 'bucket b takes 10 requests a second', { limit: 10, retryAfterMs, outcome: 'refused' })
const overloaded = fault('overloaded', 'too much to do', { retryAfterMs: 100, outcome: 'refused' })

for (const why of [limited(100), overloaded]) {
  t.test(
    `client: refused as ${why.code} with when to try again → it waits that long, longer each time, and at most twice`,
    async t => {
      const cluster = new Coordinators(hosts, () => ({ kind: 'refused', fault: why, epoch: view.epoch }))
      const core = cluster.core({ view })
      const error = await cluster.settle(rejection(core.put(putOf(key), {}, 2_000)))
      t.match(error, { code: why.code, retryAfterMs: 100, outcome: 'refused' })
      const times = cluster.seen.map(each => each.nowMs)
      t.equal(times.length, 3)
      t.ok(times[1]! - times[0]! >= 100)
      t.ok(times[2]! - times[1]! >= 200)
      await core.close()
    }
  )
}

t.test('client: told to wait for longer than it has time → the error at once, with its figures', async t => {
  const cluster = new Coordinators(hosts, () => ({ kind: 'refused', fault: limited(900), epoch: view.epoch }))
  const core = cluster.core({ view })
  const error = await cluster.settle(rejection(core.get(key, {}, 500)))
  t.ok(error instanceof errors.RateLimited)
  t.match(error, { limit: 10, retryAfterMs: 900 })
  t.equal(cluster.seen.length, 1)
  t.ok(cluster.clock.now() < 100)
  await core.close()
})

t.test('client: limited once → the request is carried out after the pause', async t => {
  let calls = 0
  const cluster = new Coordinators(hosts, () =>
    ++calls === 1 ? { kind: 'refused', fault: limited(50), epoch: view.epoch } : { ...written, context: emptyContext }
  )
  const core = cluster.core({ view })
  t.match(await cluster.settle(core.put(putOf(key), {}, 2_000)), { kind: 'written' })
  t.equal(core.figures().retries, 1)
  await core.close()
})

t.test('HTTP door: one address asks more than it may → 429 with the limit, when to ask again, and Retry-After', async t => {
  const { ask } = await httpRig(t, { settings: { rateLimitPerSecond: 3 } })
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask('GET', '/api/v1/store/k')))
  const refused = answers.filter(answer => answer.statusCode === 429)
  t.equal(refused.length, 5)
  const problem = refused[0]!.json()
  t.match(problem, { code: 'rate_limited', status: 429, limit: 3, outcome: 'refused' })
  t.ok(problem.retry_after_ms > 0 && problem.retry_after_ms <= 1_000)
  t.equal(refused[0]!.headers['retry-after'], '1')
})

t.test('HTTP door: a coordinator refuses for its bucket’s rate → 429 with the figures, Retry-After in whole seconds', async t => {
  const { ask, store } = await httpRig(t)
  store.refusal = limited(2_500)
  const answer = await ask('PUT', '/api/v1/store/k', { value: 1 })
  t.equal(answer.statusCode, 429)
  t.match(answer.json(), { code: 'rate_limited', limit: 10, retry_after_ms: 2_500, outcome: 'refused' })
  t.equal(answer.headers['retry-after'], '3')
})

t.test('NATS door: one connection asks more than it may → 429 rate_limited with the figures; another connection may', async t => {
  const { client, newClient } = await natsRig(t, { requestsPerSecond: 2 })
  const replies = await Promise.all(Array.from({ length: 6 }, () => client.request('carillon.kv.get.b.k')))
  const refused = replies.filter(reply => header(reply, 'Nats-Service-Error-Code') === '429')
  t.equal(refused.length, 4)
  t.equal(header(refused[0]!, 'Carillon-Code'), 'rate_limited')
  const problem = JSON.parse(refused[0]!.payload.toString())
  t.match(problem, { code: 'rate_limited', limit: 2, outcome: 'refused' })
  t.equal(header(refused[0]!, 'Carillon-Retry-After-Ms'), String(problem.retry_after_ms))
  t.equal(header(await (await newClient()).request('carillon.kv.get.b.k'), 'Nats-Service-Error-Code'), '404')
})
