import fc from 'fast-check'
import t from 'tap'
import * as errors from '../../api/client/errors.ts'
import { setting } from './client-setting.ts'

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
