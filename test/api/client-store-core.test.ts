import t from 'tap'
import type { StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import * as errors from '../../api/client/errors.ts'
import { fault } from '../../model/fault.ts'
import { keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { actorNameOf, answering, Coordinators, got, putOf, rejection, ringOf, written } from './client-coordinators.ts'

const hosts = ['a', 'b', 'c']
const view = ringOf(hosts)
const key = keyOfText('default', 'alice')
const partition = partitionOf(positionOf(key), view.partitions)
/** Preference list of `key`, by host name. */
const owners = view.owners[partition]!.map(index => hosts[index]!)

t.test('store core: a put goes to the coordinator of an owner with its deadline, and resolves with what that wrote', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core = cluster.core({ view })
  const reply = await cluster.settle(
    core.put(putOf(key, { ttlSeconds: 9, ifMatch: 'ab', context: written.context }), { replicas: 2 }, 500)
  )
  t.same(reply, written)
  const [seen] = cluster.seen
  t.ok(owners.includes(seen!.at))
  t.equal(actorNameOf(seen!.envelope), 'coordinator')
  t.ok(seen!.envelope.budgetMs > 0 && seen!.envelope.budgetMs <= 500)
  t.match(seen!.request, {
    kind: 'put',
    key,
    hops: 0,
    ttlSeconds: 9,
    ifMatch: 'ab',
    context: written.context,
    options: { replicas: 2 }
  })
  await core.close()
})

t.test('store core: what is asked in one turn leaves as one batch for each coordinator, and each gets its own reply', async t => {
  const cluster = new Coordinators(hosts, request =>
    request.kind === 'get' ? got({ siblings: Buffer.from(request.key) }) : written
  )
  const core = cluster.core({ view })
  const keys = Array.from({ length: 300 }, (_, index) => keyOfText('default', `key-${index}`))
  const replies = await cluster.settle(Promise.all(keys.map(each => core.get(each, {}, 1_000))))
  t.same(
    replies.map(reply => Buffer.from(reply.siblings).toString()),
    keys
  )
  t.equal(cluster.batches.length, 3)
  t.equal(core.figures().waiting, 0)
  await core.close()
})

t.test('store core: a put that nobody answers ends at its deadline as Timeout, indeterminate, and is sent once', async t => {
  const cluster = new Coordinators(hosts, () => undefined)
  const core = cluster.core({ view })
  const before = cluster.clock.now()
  const error = await cluster.settle(rejection(core.put(putOf(key), {}, 300)))
  const tookMs = cluster.clock.now() - before
  t.ok(error instanceof errors.Timeout)
  t.match(error, { code: 'timeout', outcome: 'indeterminate' })
  t.ok(tookMs >= 300 && tookMs < 330, `it took ${tookMs} ms`)
  t.equal(cluster.seen.length, 1)
  t.match(core.figures(), { waiting: 0, timeouts: 1, retries: 0 })
  await core.close()
})

t.test('store core: a get whose coordinator is silent is asked of another one within its time', async t => {
  let silent: string | undefined
  const cluster = new Coordinators(hosts, (_, at) => {
    silent ??= at
    return at === silent ? undefined : got()
  })
  const core = cluster.core({ view })
  await cluster.settle(core.get(key, {}, 400))
  t.ok(cluster.clock.now() >= 100 && cluster.clock.now() < 200)
  t.equal(core.figures().hedges, 1)
  await core.close()
})

t.test('store core: a put refused for overload is tried twice more with a pause, then refused with the figures', async t => {
  const cluster = new Coordinators(hosts, () => ({
    kind: 'refused',
    fault: fault('overloaded', 'too much', { limit: 5, size: 6, outcome: 'refused' }),
    epoch: view.epoch
  }))
  const core = cluster.core({ view })
  const error = await cluster.settle(rejection(core.put(putOf(key), {}, 1_000)))
  t.ok(error instanceof errors.Overloaded)
  t.match(error, { limit: 5, size: 6, outcome: 'refused' })
  t.equal(cluster.seen.length, 3)
  t.ok(cluster.seen[1]!.nowMs - cluster.seen[0]!.nowMs >= 8)
  await core.close()
})

t.test('store core: a get that no coordinator answers is asked of three others, then ends at its deadline', async t => {
  const cluster = new Coordinators(hosts, () => undefined)
  const core = cluster.core({ view })
  const error = await cluster.settle(rejection(core.get(key, {}, 400)))
  t.ok(error instanceof errors.Timeout)
  t.equal(error.outcome, undefined)
  t.equal(cluster.seen.length, 4)
  t.equal(new Set(cluster.seen.map(each => each.at)).size, 3)
  t.ok(cluster.clock.now() >= 400 && cluster.clock.now() < 420)
  await core.close()
})

t.test('store core: a put that came back undelivered is sent again, one refused with an unknown outcome is not', async t => {
  for (const reason of ['no-such-actor', 'overloaded'] as const) {
    let calls = 0
    const cluster = new Coordinators(hosts, () => (++calls === 1 ? cluster.undelivered(reason) : written))
    const core = cluster.core({ view })
    await cluster.settle(core.put(putOf(key), {}, 1_000))
    t.equal(calls, 2, reason)
    await core.close()
  }
  const cluster = new Coordinators(hosts, () => ({
    kind: 'refused',
    fault: fault('overloaded', 'too much', { outcome: 'indeterminate' }),
    epoch: view.epoch
  }))
  const core = cluster.core({ view })
  t.match(await cluster.settle(rejection(core.put(putOf(key), {}, 1_000))), { code: 'overloaded', outcome: 'indeterminate' })
  t.equal(cluster.seen.length, 1)
  await core.close()
})

t.test(
  'store core: a put that an owner’s own disk refuses goes to another owner; where all refuse, the client hears why',
  async t => {
    const full = { kind: 'refused', fault: fault('storage_full', 'no room', { outcome: 'refused' }), epoch: view.epoch } as const
    let calls = 0
    const one = new Coordinators(hosts, () => (++calls === 1 ? full : written))
    const core = one.core({ view })
    await one.settle(core.put(putOf(key), {}, 1_000))
    t.equal(new Set(one.seen.map(each => each.at)).size, 2)
    await core.close()

    const all = new Coordinators(hosts, () => full)
    const other = all.core({ view })
    t.match(await all.settle(rejection(other.put(putOf(key), {}, 1_000))), { code: 'storage_full', outcome: 'refused' })
    t.equal(new Set(all.seen.map(each => each.at)).size, 3)
    await other.close()
  }
)

t.test('store core: a put that arrived after its deadline was surely not stored', async t => {
  const cluster = new Coordinators(hosts, () => cluster.undelivered('expired'))
  const core = cluster.core({ view })
  t.match(await cluster.settle(rejection(core.put(putOf(key), {}, 1_000))), { code: 'timeout', outcome: 'refused' })
  await core.close()
})

t.test('store core: retries end with the deadline and their number', async t => {
  const cluster = new Coordinators(hosts, () => cluster.undelivered('no-such-actor'))
  const core = cluster.core({ view })
  const error = await cluster.settle(rejection(core.put(putOf(key), {}, 60_000)))
  t.match(error, { code: 'unavailable', outcome: 'refused' })
  t.equal(cluster.seen.length, 5)
  t.ok(cluster.clock.now() < 1_000)
  await core.close()
})

t.test('store core: faults of a coordinator reject with their class, code and figures', async t => {
  for (const [code, of] of [
    ['key_exists', errors.KeyExists],
    ['quorum_unavailable', errors.QuorumUnavailable],
    ['too_large', errors.TooLarge],
    ['precondition_failed', errors.PreconditionFailed],
    ['corrupt_record', errors.CorruptRecord]
  ] as const) {
    const cluster = new Coordinators(hosts, () => ({
      kind: 'refused',
      fault: fault(code, 'why', { needed: 2, answered: 1, outcome: 'indeterminate' }),
      epoch: view.epoch
    }))
    const core = cluster.core({ view })
    const error = await cluster.settle(rejection(core.delete({ key, context: undefined, ifMatch: '' }, {}, 1_000)))
    t.ok(error instanceof of, code)
    t.equal(error.name, of.name)
    t.match(error, { code, needed: 2, answered: 1, outcome: 'indeterminate', message: 'why' })
    await core.close()
  }
})

t.test('store core: requests under way are bounded, one more is refused with the figures', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core = cluster.core({ view, requestsMax: 10 })
  const ten = Array.from({ length: 10 }, () => core.get(key, {}, 1_000))
  const error = await cluster.settle(rejection(core.put(putOf(key), {}, 1_000)))
  t.ok(error instanceof errors.Overloaded)
  t.match(error, { limit: 10, size: 10, outcome: 'refused' })
  await cluster.settle(Promise.all(ten))
  await cluster.settle(core.get(key, {}, 1_000))
  await core.close()
})

t.test('store core: replies that are late, doubled, or meant for another incarnation are dropped', async t => {
  const cluster = new Coordinators(hosts, () => undefined)
  const core = cluster.core({ view })
  const late = rejection(core.get(key, {}, 50))
  await cluster.settle(late)
  const { at, request } = cluster.seen[0]!
  cluster.reply(at, request.replyTo, got())
  cluster.answer = (next, host, envelope) => {
    const name = host.slice(0, host.indexOf('.'))
    const right = (envelope.message as StoreRequest).replyTo
    cluster.reply(name, { ...right, incarnation: right.incarnation + 1 }, got({ answered: 9 }))
    cluster.reply(name, right, got({ answered: 3 }))
    cluster.reply(name, right, got({ answered: 4 }))
    return undefined
  }
  t.equal((await cluster.settle(core.get(key, {}, 1_000))).answered, 3)
  cluster.clock.advance(100)
  t.equal(core.figures().waiting, 0)
  await core.close()
})

t.test('store core: ask gets one reply of any actor, listen all that is sent to it until unlisten', async t => {
  const cluster = new Coordinators(hosts, () => ({ kind: 'described', name: 'a' }) as never)
  const core = cluster.core({ view })
  const to = { address: 'a.data-0.host', correlation: 0, incarnation: 0 } as never
  t.match(await cluster.settle(core.ask(to, { kind: 'describe' }, 1_000)), { kind: 'described', name: 'a' })
  const heard: string[] = []
  const ref = core.listen(message => void heard.push(message.kind))
  const news = () => {
    cluster.reply('a', ref, { kind: 'ring' })
    cluster.reply('a', ref, { kind: 'buckets' })
    cluster.flush()
    cluster.clock.advance(10)
  }
  news()
  t.same(heard, ['ring', 'buckets'])
  core.unlisten(ref)
  news()
  t.equal(heard.length, 2)
  cluster.kill('a')
  t.match(await cluster.settle(rejection(core.ask(to, { kind: 'describe' }, 1_000))), { code: 'unavailable' })
  cluster.answer = () => ({ kind: 'refused', fault: fault('forbidden', 'no'), epoch: '' })
  cluster.start('a')
  t.match(await cluster.settle(rejection(core.ask(to, { kind: 'describe' }, 1_000))), { code: 'forbidden' })
  await core.close()
})

t.test('store core: close ends what is under way and leaves no timer', async t => {
  const cluster = new Coordinators(hosts, () => undefined)
  const core = cluster.core({ view })
  const put = rejection(core.put(putOf(key), {}, 1_000))
  const get = rejection(core.get(key, {}, 1_000))
  await core.close()
  t.match(await put, { code: 'unavailable', outcome: 'indeterminate' })
  t.match(await get, { code: 'unavailable', outcome: undefined })
  t.match(await rejection(core.get(key, {}, 1_000)), { code: 'unavailable' })
  cluster.clock.advance(5_000)
  t.equal(cluster.clock.waiting, 0)
})

t.test('store core: deadlines of many lengths come in time, none before it', async t => {
  const cluster = new Coordinators(hosts, () => undefined)
  const core = cluster.core({ view })
  const timeouts = [1, 5, 8, 9, 100, 4_095, 4_096, 4_200, 9_000, 30_000]
  const ended: number[] = []
  const all = Promise.all(
    timeouts.map(timeoutMs =>
      core.put(putOf(key), {}, timeoutMs).catch(() => {
        ended.push(timeoutMs)
        t.ok(
          cluster.clock.now() >= timeoutMs && cluster.clock.now() <= timeoutMs + 16,
          `${timeoutMs} ms ended at ${cluster.clock.now()}`
        )
      })
    )
  )
  await cluster.settle(all, 40_000)
  t.same(
    ended.toSorted((a, b) => a - b),
    timeouts
  )
  await core.close()
})
