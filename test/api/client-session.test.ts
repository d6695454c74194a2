import t from 'tap'
import type { Got, StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import * as errors from '../../api/client/errors.ts'
import { EventQueue } from '../../api/client/event-queue.ts'
import { SessionMemory } from '../../api/client/session-memory.ts'
import { emptyContext, withCounter } from '../../model/causal-context.ts'
import { keyOfText } from '../../model/key.ts'
import { OneReplica } from './client-one-replica.ts'
import { setting, view } from './client-setting.ts'

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
