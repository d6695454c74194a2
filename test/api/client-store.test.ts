import fc from 'fast-check'
import t from 'tap'
import type { Got, StoreRequest } from '../../actors/coordinator-protocol.ts'
import * as errors from '../../api/client/errors.ts'
import { EventQueue } from '../../api/client/event-queue.ts'
import { SessionMemory } from '../../api/client/session-memory.ts'
import { Store, type StorePorts } from '../../api/client/store.ts'
import type { StoreEvent } from '../../api/client/watch.ts'
import { emptyContext, withCounter } from '../../model/causal-context.ts'
import { keyOfText } from '../../model/key.ts'
import { Coordinators, ringOf, type Answering } from './client-coordinators.ts'
import { OneReplica } from './client-one-replica.ts'

const hosts = ['a', 'b', 'c']
const view = ringOf(hosts)

function setting(ports: Partial<StorePorts> = {}, answering?: Answering) {
  const replica = new OneReplica(view.epoch)
  const cluster = new Coordinators(hosts, answering ?? replica.answer)
  const core = cluster.core({ view })
  const store = new Store(
    {
      core,
      clock: cluster.clock,
      random: () => 0.5,
      admin: () => Promise.reject(new Error('nothing is asked of administration here')),
      watch: () => new EventQueue<StoreEvent>(1, () => {}),
      close: () => core.close(),
      ...ports
    },
    { timeoutMs: 2_000, pairBytesMax: 10_240, inFlightMax: 16 }
  )
  const run = <T>(promise: Promise<T>) => cluster.settle(promise)
  const fails = (promise: Promise<unknown>) =>
    run(
      promise.then(
        () => {
          throw new Error('it was not rejected')
        },
        error => error as errors.StoreError
      )
    )
  return { replica, cluster, core, store, run, fails }
}

t.test('store: every kind of value comes back as it went in', async t => {
  const { store, run } = setting()
  const bucket = store.bucket('values')
  const values: unknown[] = [
    'text',
    '',
    'žluťoučký 🐎 \u0000',
    0,
    -1.5,
    1e300,
    true,
    false,
    null,
    [],
    [1, [2, [null]]],
    {},
    { name: 'Alice', list: [1, 2], deep: { a: null } },
    Uint8Array.from({ length: 256 }, (_, index) => index),
    new Uint8Array(0)
  ]
  for (const [index, value] of values.entries()) {
    await run(bucket.put(`key-${index}`, value))
    const found = await run(bucket.get(`key-${index}`))
    t.strictSame(found?.value, value)
    t.equal(found?.siblings.length, 1)
  }
  const bytes = (await run(bucket.get('key-13')))!.value
  t.ok(bytes instanceof Uint8Array)
  const view = new Uint16Array([1, 2])
  await run(bucket.put('view', view))
  t.strictSame((await run(bucket.get('view')))!.value, new Uint8Array(view.buffer))
  await store.close()
})

t.test('store: any JSON value and any bytes under any key come back', async t => {
  const { store, run } = setting()
  const bucket = store.bucket('any')
  const key = fc.oneof(
    fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }),
    fc.uint8Array({ minLength: 1, maxLength: 60 })
  )
  await fc.assert(
    fc.asyncProperty(
      key,
      fc.oneof(
        fc.json().map(text => JSON.parse(text) as unknown),
        fc.uint8Array({ maxLength: 300 })
      ),
      async (key, value) => {
        const before = await run(bucket.get(key))
        await run(bucket.put(key, value, { context: before?.context }))
        const found = await run(bucket.get(key))
        t.strictSame(found?.value, value)
        t.equal(found?.siblings.length, 1)
      }
    ),
    { numRuns: 200 }
  )
  await store.close()
})

t.test('store: what has no JSON, no key or no bucket is refused before it is sent', async t => {
  const { store, cluster, fails } = setting()
  const bucket = store.bucket('b')
  const circular: { self?: unknown } = {}
  circular.self = circular
  for (const value of [
    undefined,
    () => 1,
    Symbol('s'),
    1n,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    circular,
    new Map(),
    new Set()
  ]) {
    t.ok((await fails(bucket.put('key', value))) instanceof errors.BadRequest, typeof value)
  }
  for (const key of ['', new Uint8Array(0), '\ud800', 7 as never, undefined as never]) {
    t.ok((await fails(bucket.get(key))) instanceof errors.BadRequest)
  }
  t.match(await fails(bucket.get('x'.repeat(513))), { code: 'too_large', limit: 512, size: 513 })
  for (const name of ['', 'a b', 'a.b', '../x', 'x'.repeat(65), 7 as never])
    t.throws(() => store.bucket(name), { code: 'bad_request' })
  t.equal(cluster.seen.length, 0)
  await store.close()
})

t.test('store: a pair over the limit is refused before it is sent, with the figures', async t => {
  const { store, cluster, run, fails } = setting()
  const bucket = store.bucket('b')
  const error = await fails(bucket.put('key', new Uint8Array(10_238)))
  t.ok(error instanceof errors.TooLarge)
  t.match(error, { limit: 10_240, size: 10_241, outcome: 'refused' })
  t.equal(cluster.seen.length, 0)
  await run(bucket.put('key', new Uint8Array(10_237)))
  await store.close()
})

t.test('store: options become what the coordinator is asked; bad ones name themselves and what is allowed', async t => {
  const { store, cluster, run, fails } = setting()
  const bucket = store.bucket('b')
  await run(
    bucket.put('k', 1, {
      w: 2,
      pw: 1,
      dw: 1,
      consistency: 'all',
      durability: 'committed',
      sloppy: false,
      receipt: true,
      ttl: 60,
      timeoutMs: 700
    })
  )
  const put = cluster.seen.at(-1)!
  t.match(put.request, {
    ttlSeconds: 60,
    options: { replicas: 2, primaries: 1, durable: 1, level: 'all', durability: 'committed', sloppy: false, receipt: true }
  })
  t.ok(put.envelope.budgetMs <= 700 && put.envelope.budgetMs > 600)
  await run(bucket.get('k', { r: 3, pr: 2, consistency: 'one' }))
  t.match(cluster.seen.at(-1)!.request, { options: { replicas: 3, primaries: 2, level: 'one' } })
  const { length } = cluster.seen
  for (const [name, options] of Object.entries({
    w: { w: 0 },
    pw: { pw: -1 },
    dw: { dw: 1.5 },
    consistency: { consistency: 'most' },
    durability: { durability: 'paper' },
    sloppy: { sloppy: 'no' },
    receipt: { receipt: 1 },
    ttl: { ttl: -1 },
    timeoutMs: { timeoutMs: 60_001 },
    context: { context: 'AAAA' },
    ifMatch: { ifMatch: 'zz' },
    create: { create: 'yes' },
    r: { r: 2 }
  })) {
    const error = await fails(bucket.put('k', 1, options as never))
    t.equal(error.code, 'bad_request', name)
    t.match(error.message, name)
  }
  t.match((await fails(bucket.get('k', { w: 2 } as never))).message, 'consistency, sloppy, receipt, timeoutMs, r, pr')
  t.equal(cluster.seen.length, length)
  await store.close()
})

t.test('store: blind writes become siblings, newest first; a write with the context replaces them', async t => {
  const { store, run } = setting()
  const bucket = store.bucket('b')
  await run(bucket.put('k', 'one'))
  await run(bucket.put('k', 'two'))
  const found = await run(bucket.get('k'))
  t.equal(found?.value, 'two')
  t.same(
    found?.siblings.map(each => each.value),
    ['two', 'one']
  )
  const stored = await run(bucket.put('k', 'both', { context: found?.context, receipt: true }))
  t.match(stored, { consistency: 'strong', answered: 1, receipt: { coordinator: 'a' } })
  t.same(
    (await run(bucket.get('k')))?.siblings.map(each => each.value),
    ['both']
  )
  await run(bucket.put('k', 'next', { context: stored.context }))
  t.equal((await run(bucket.get('k')))?.siblings.length, 1)
  await store.close()
})

t.test('store: create, ifMatch and delete', async t => {
  const { store, run, fails } = setting()
  const bucket = store.bucket('b')
  t.equal(await run(bucket.get('k')), undefined)
  await run(bucket.create('k', 1))
  t.ok((await fails(bucket.create('k', 2))) instanceof errors.KeyExists)
  t.ok((await fails(bucket.put('k', 2, { create: true }))) instanceof errors.KeyExists)
  const { etag, context } = (await run(bucket.get('k')))!
  await run(bucket.put('k', 3, { ifMatch: etag, context }))
  t.ok((await fails(bucket.put('k', 4, { ifMatch: etag, context }))) instanceof errors.PreconditionFailed)
  t.ok((await fails(bucket.delete('k', { ifMatch: etag }))) instanceof errors.PreconditionFailed)
  t.match(await fails(bucket.create('k', 4, { ifMatch: etag })), { code: 'bad_request' })
  await run(bucket.delete('k'))
  t.equal(await run(bucket.get('k')), undefined)
  await run(bucket.create('k', 5))
  t.match(await run(bucket.get('k')), { value: 5, siblings: { length: 1 } })
  await store.close()
})

t.test('store: bytes under a content type; text is read as text, other types as bytes', async t => {
  const { store, run, fails } = setting()
  const bucket = store.bucket('b')
  const text = Buffer.from('čau')
  await run(bucket.putBytes('text', text, { contentType: 'text/plain; charset=utf-8' }))
  t.equal((await run(bucket.get('text')))?.value, 'čau')
  await run(bucket.putBytes('image', text, { contentType: 'image/png' }))
  t.strictSame((await run(bucket.get('image')))?.value, Uint8Array.from(text))
  t.equal((await run(bucket.getBytes('image')))?.siblings[0]?.contentType, 'image/png')
  await run(bucket.putBytes('json', Buffer.from('{"a":1}'), { contentType: 'application/json; charset=utf-8' }))
  t.same((await run(bucket.get('json')))?.value, { a: 1 })
  await run(bucket.putBytes('broken', Buffer.from('{"a"'), { contentType: 'application/json' }))
  t.strictSame((await run(bucket.get('broken')))?.value, Uint8Array.from(Buffer.from('{"a"')))
  await run(bucket.put('value', [1]))
  t.strictSame(Buffer.from((await run(bucket.getBytes('value')))!.value).toString(), '[1]')
  t.match(await fails(bucket.putBytes('x', text, { contentType: 'a\r\nb' })), { code: 'bad_request' })
  t.match(await fails(bucket.putBytes('x', 'text' as never)), { code: 'bad_request' })
  await store.close()
})

t.test('store: a codec of its own', async t => {
  const { store, run } = setting()
  const dates = store.bucket<Date>('dates', {
    codec: {
      encode: date => ({ bytes: Buffer.from(date.toISOString()), contentType: 'text/plain' }),
      decode: bytes => new Date(Buffer.from(bytes).toString())
    }
  })
  const date = new Date(1e12)
  await run(dates.put('d', date))
  t.same((await run(dates.get('d')))?.value, date)
  await store.close()
})

t.test('update: reads, changes, writes; nothing there is undefined; undefined from it writes nothing', async t => {
  const { store, cluster, run } = setting()
  const bucket = store.bucket<{ count: number }>('b')
  t.match(await run(bucket.update('k', value => ({ count: (value?.count ?? 0) + 1 }))), { value: { count: 1 }, attempts: 1 })
  await run(bucket.update('k', async value => ({ count: value!.count + 1 })))
  t.equal((await run(bucket.get('k')))?.value.count, 2)
  const { length } = cluster.seen
  t.equal(await run(bucket.update('k', () => undefined)), undefined)
  t.equal(cluster.seen.length, length + 1)
  await run(bucket.delete('k'))
  t.match(await run(bucket.update('k', value => ({ count: (value?.count ?? 0) + 10 }))), { value: { count: 10 } })
  t.equal((await run(bucket.get('k')))?.siblings.length, 1)
  await store.close()
})

t.test('update: fifty at once by one client, each counts', async t => {
  const { store, run } = setting()
  const bucket = store.bucket<number>('b')
  await run(Promise.all(Array.from({ length: 50 }, () => bucket.update('k', count => (count ?? 0) + 1))))
  t.equal((await run(bucket.get('k')))?.value, 50)
  await store.close()
})

t.test('update: someone else writes in between, it begins anew; always, it gives up after the attempts', async t => {
  const { store, run, fails } = setting()
  const bucket = store.bucket<number>('b')
  const other = store.bucket<number>('b')
  await run(bucket.put('k', 1))
  let calls = 0
  const result = await run(
    bucket.update('k', async value => {
      calls += 1
      if (calls < 3) await other.put('k', value! + 100, { context: (await other.get('k'))?.context })
      return value! + 1
    })
  )
  t.match(result, { value: 202, attempts: 3 })
  const error = await fails(
    bucket.update(
      'k',
      async value => {
        await other.put('k', value!, { context: (await other.get('k'))?.context })
        return value
      },
      { attempts: 4 }
    )
  )
  t.ok(error instanceof errors.PreconditionFailed)
  t.match(await fails(bucket.update('k', value => value, { attempts: 0 })), { code: 'bad_request' })
  await store.close()
})

t.test('update: concurrent values are merged by the function given, else the newest is taken', async t => {
  const { store, run } = setting()
  const bucket = store.bucket<number[]>('b')
  await run(bucket.put('k', [1]))
  await run(bucket.put('k', [2]))
  await run(bucket.update('k', value => [...value!, 3], { merge: values => values.flat() }))
  const found = await run(bucket.get('k'))
  t.same(found?.value, [2, 1, 3])
  t.equal(found?.siblings.length, 1)
  await run(bucket.put('k', [9]))
  await run(bucket.update('k', value => value))
  t.same((await run(bucket.get('k')))?.value, [9])
  await store.close()
})

t.test('session: one writer makes no siblings with itself, one after the other nor at once', async t => {
  const { store, run } = setting()
  const bucket = store.session().bucket<number>('b')
  for (let value = 1; value <= 5; value += 1) await run(bucket.put('k', value))
  await run(Promise.all(Array.from({ length: 20 }, (_, index) => bucket.put('k', 100 + index))))
  await run(bucket.putBytes('k', new Uint8Array(1)))
  await run(bucket.put('k', 7))
  const found = await run(bucket.get('k'))
  t.equal(found?.siblings.length, 1)
  t.equal(found?.value, 7)
  await run(store.session().bucket('b').put('k', 8))
  t.equal((await run(bucket.get('k')))?.siblings.length, 2, 'another session is another writer')
  await run(bucket.put('k', 9))
  t.equal((await run(bucket.get('k')))?.siblings.length, 2, 'what the session has not read it does not replace')
  await store.close()
})

t.test('session: a read that lacks the own write is repeated with more replicas, then fails', async t => {
  let stale = 0
  const replica = new OneReplica(view.epoch)
  const empty: Got = {
    kind: 'got',
    siblings: new Uint8Array(0),
    strength: 'weak',
    answered: 1,
    epoch: view.epoch,
    receipt: undefined
  }
  const { store, cluster, run, fails } = setting({}, (request: StoreRequest, at, envelope) =>
    request.kind === 'get' && stale-- > 0 ? empty : replica.answer(request, at, envelope)
  )
  const bucket = store.session().bucket<number>('b')
  await run(bucket.put('k', 1))
  stale = 2
  cluster.seen.length = 0
  t.equal((await run(bucket.get('k', { r: 1 })))?.value, 1)
  t.match(
    cluster.seen.map(each => each.request.options),
    [{ replicas: 1 }, { level: 'quorum' }, { level: 'all' }]
  )
  stale = 3
  t.ok((await fails(bucket.get('k'))) instanceof errors.QuorumUnavailable)
  stale = 1
  t.equal(await run(store.bucket('b').get('k')), undefined, 'without a session what comes is what there is')
  await store.close()
})

t.test('session: it remembers a bounded number of keys, the last used ones', async t => {
  const memory = new SessionMemory(3)
  const keys = ['a', 'b', 'c', 'd'].map(key => keyOfText('b', key))
  const context = withCounter(emptyContext, 1, 1)
  for (const key of keys.slice(0, 3)) memory.remember(key, context)
  memory.recall(keys[0]!)
  memory.remember(keys[3]!, context)
  t.equal(memory.size, 3)
  t.equal(memory.recall(keys[1]!), undefined)
  t.equal(memory.recall(keys[0]!), context)
})

t.test('batch: one outcome for each operation in order, one that fails stops none', async t => {
  const { store, run } = setting()
  const bucket = store.bucket<number>('b')
  const outcomes = await run(
    bucket.batch([
      { op: 'put', key: 'a', value: 1 },
      { op: 'create', key: 'b', value: 2 },
      { op: 'put', key: '', value: 3 },
      { op: 'delete', key: 'c' },
      { op: 'get', key: 'nothing' },
      { op: 'steal', key: 'a' } as never
    ])
  )
  t.match(outcomes, [
    { op: 'put', ok: true, stored: { context: String } },
    { op: 'create', ok: true },
    { op: 'put', ok: false, error: { code: 'bad_request' } },
    { op: 'delete', ok: true },
    { op: 'get', ok: true, found: undefined },
    { ok: false, error: { code: 'bad_request' } }
  ])
  const many = await run(
    bucket.batch(Array.from({ length: 500 }, (_, index) => ({ op: 'put' as const, key: `k${index}`, value: index })))
  )
  t.ok(many.every(each => each.ok))
  t.same(await run(bucket.batch([])), [])
  await store.close()
})

t.test('keys: page after page, bytes where a key is no text', async t => {
  const asked: unknown[] = []
  const pages = [
    { keys: ['a', { key: 'b' }], cursor: 'next', coverage: 1 },
    { keys: [{ key_base64: '/w==' }], coverage: 1 }
  ]
  const { store } = setting({
    admin: async (name, request) => {
      asked.push({ name, ...request })
      return pages[asked.length - 1]
    }
  })
  const keys: unknown[] = []
  for await (const key of store.bucket('b').keys({ prefix: 'p', pageSize: 2 })) keys.push(key)
  t.strictSame(keys, ['a', 'b', Uint8Array.of(255)])
  t.match(asked, [
    { name: 'keys', bucket: 'b', prefix: 'p', limit: 2, strict: true },
    { name: 'keys', bucket: 'b', cursor: 'next' }
  ])
  t.throws(() => store.bucket('b').keys({ pageSize: 0 }), { code: 'bad_request' })
  await store.close()
})

t.test('event queue: in order, ended by leaving the loop, by its maker, or by a reader that lags', async t => {
  let ends = 0
  const queue = new EventQueue<number>(3, () => void (ends += 1))
  for (const event of [1, 2, 3]) queue.push(event)
  const seen: number[] = []
  for await (const event of queue) {
    seen.push(event)
    if (event === 3) break
  }
  t.same(seen, [1, 2, 3])
  t.equal(ends, 1)
  const ended = new EventQueue<number>(3, () => {})
  const waiting = ended.next()
  ended.end()
  t.same(await waiting, { value: undefined, done: true })
  const lagging = new EventQueue<number>(2, () => void (ends += 1))
  for (const event of [1, 2, 3]) lagging.push(event)
  const got: number[] = []
  await t.rejects(
    (async () => {
      for await (const event of lagging) got.push(event)
    })(),
    { code: 'overloaded', limit: 2 }
  )
  t.same(got, [1, 2])
  t.equal(ends, 2)
})
