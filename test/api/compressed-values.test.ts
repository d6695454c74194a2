import t from 'tap'
import type { Got, PutRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import { gotReply } from '../../api/nats/kv-reply.ts'
import { emptyContext, withCounter } from '../../model/causal-context.ts'
import { isFault } from '../../model/fault.ts'
import { keyOfText } from '../../model/key.ts'
import { encodeSiblings } from '../../model/siblings-codec.ts'
import { deflated, isDeflatable, type TypedValue } from '../../model/value-coding.ts'
import { setting, view } from './client-setting.ts'
import { OneReplica } from './client-one-replica.ts'
import { httpRig, problemOf } from './http-rig.ts'
import type { SmallStore } from './small-store.ts'

const document = { list: Array.from({ length: 50 }, (_, id) => ({ id, name: `name-${id}`, isOpen: id % 2 === 0 })) }
const json: TypedValue = { value: Buffer.from(JSON.stringify(document)), contentType: 'application/json' }
const plain: TypedValue = { value: Buffer.from('as it came'), contentType: 'text/plain' }
const damaged: TypedValue = { value: deflated(json)!.value.slice(0, 60), contentType: '\x01application/json' }

/** As a coordinator has it stored: past the doors, which take no such type. */
function store(small: SmallStore, key: string, stored: TypedValue): void {
  const request = { kind: 'put', key: keyOfText('b', key), ...stored, context: undefined, mode: 'put', ifMatch: '' }
  const reply = small.coordinate('a', { ...request, ttlSeconds: 0, options: {} } as unknown as PutRequest)
  if (reply.kind !== 'written') throw new Error(JSON.stringify(reply))
}

function gotOf(stored: TypedValue): Got {
  const sibling = { vnode: 1, counter: 1, modifiedMs: 1, expiresMs: 0, tombstone: false, ...stored }
  const siblings = encodeSiblings({ context: withCounter(emptyContext, 1, 1), versions: [sibling] })
  return { kind: 'got', siblings, strength: 'strong', answered: 2, epoch: 'e', receipt: undefined }
}

t.test('HTTP doors, a compressed value → the plain one, its type and length, under an ETag that its writer knows', async t => {
  const { store: small, ask } = await httpRig(t)
  store(small, 'k', deflated(json)!)
  const got = await ask('GET', '/api/v1/store/k?bucket=b')
  t.same(got.json().value, document)
  t.notOk('content_type' in got.json())
  const raw = await ask('GET', '/api/v1/buckets/b/keys/k')
  t.same(raw.rawPayload, json.value)
  t.equal(raw.headers['content-type'], 'application/json')
  t.equal(raw.headers['etag'], got.headers['etag'])
  t.equal((await ask('HEAD', '/api/v1/buckets/b/keys/k')).headers['content-length'], String(json.value.length))
  t.equal(
    (await ask('GET', '/api/v1/store/k?bucket=b', undefined, { 'if-none-match': String(raw.headers['etag']) })).statusCode,
    304
  )
  const batch = await ask('POST', '/api/v1/buckets/b/batch', { operations: [{ op: 'get', key: 'k' }] })
  t.same(batch.json().results[0].value, document)
  const page = await ask('GET', '/api/v1/buckets/b/keys?values=true')
  t.same(page.json().pairs, [{ key: 'k', value: document }])
})

t.test('HTTP doors, compressed and plain siblings → both as they were written', async t => {
  const { store: small, ask } = await httpRig(t)
  store(small, 'k', deflated(json)!)
  store(small, 'k', plain)
  const { siblings } = (await ask('GET', '/api/v1/store/k?bucket=b')).json()
  t.same(siblings, [{ value: 'as it came', content_type: 'text/plain' }, { value: document }])
  const mixed = await ask('GET', '/api/v1/buckets/b/keys/k')
  t.equal(mixed.statusCode, 300)
  t.match(mixed.body, json.value.toString())
  t.notMatch(mixed.body, '\x01')
})

t.test('HTTP doors, a compressed value that is damaged → corrupt_record for its key, the others are served', async t => {
  const { store: small, ask } = await httpRig(t)
  store(small, 'bad', damaged)
  store(small, 'good', deflated(json)!)
  for (const path of ['/api/v1/store/bad?bucket=b', '/api/v1/buckets/b/keys/bad']) {
    const answer = await ask('GET', path)
    t.equal(answer.statusCode, 500)
    t.match(problemOf(answer), { code: 'corrupt_record', detail: /compressed value of version .* cannot be read/ })
  }
  const operations = ['bad', 'good'].map(key => ({ op: 'get', key }))
  const { results } = (await ask('POST', '/api/v1/buckets/b/batch', { operations })).json()
  t.match(results, [
    { status: 500, code: 'corrupt_record' },
    { status: 200, value: document }
  ])
  const { pairs } = (await ask('GET', '/api/v1/buckets/b/keys?values=true')).json()
  t.match(
    pairs.toSorted((one: { key: string }, other: { key: string }) => (one.key < other.key ? -1 : 1)),
    [
      { key: 'bad', value: null, code: 'corrupt_record' },
      { key: 'good', value: document }
    ]
  )
  t.equal((await ask('DELETE', '/api/v1/store/bad?bucket=b')).statusCode, 204, 'and the key can be deleted')
})

t.test(
  'HTTP listing with values of 60 KB in a few hundred bytes → pages by what comes out of them, and all of them in the end',
  async t => {
    const { store: small, ask } = await httpRig(t)
    const stored = deflated({ value: Buffer.from(JSON.stringify('x'.repeat(60_000))), contentType: 'application/json' })!
    t.ok(stored.value.length < 1_000)
    for (let at = 0; at < 100; at++) store(small, `k${at}`, stored)
    const keys: string[] = []
    let pages = 0
    for (let cursor = ''; ; pages++) {
      const page = await ask('GET', `/api/v1/buckets/b/keys?values=true&limit=1000${cursor}`)
      t.ok(page.body.length < 4.1 * 1024 * 1024)
      keys.push(...page.json().pairs.map((pair: { key: string }) => pair.key))
      if (page.json().cursor === null) break
      cursor = `&cursor=${page.json().cursor}`
    }
    t.ok(pages >= 1)
    t.equal(new Set(keys).size, 100)
  }
)

t.test('NATS door, a compressed value → the plain one and its type; a damaged one → a fault', async t => {
  const reply = gotReply(gotOf(deflated(json)!), false, 0)
  if (isFault(reply)) throw new Error(reply.detail)
  t.same(Buffer.from(reply.payload), json.value)
  t.equal(reply.headers.get('Content-Type'), 'application/json')
  const all = gotReply(gotOf(deflated(json)!), true, 0)
  if (isFault(all)) throw new Error(all.detail)
  t.same(JSON.parse(Buffer.from(all.payload).toString()), [{ value: document }])
  t.match(gotReply(gotOf(damaged), false, 0), { code: 'corrupt_record' })
})

t.test('TypeScript client of a bucket that compresses → values, bytes, updates and ETags as without', async t => {
  const replica = new OneReplica(view.epoch)
  const stored: string[] = []
  const { store, run, fails } = setting({}, (request, ...rest) => {
    if (request.kind !== 'put') return replica.answer(request, ...rest)
    const smaller = isDeflatable(request.value) ? deflated(request) : undefined
    const written = { ...request, ...smaller, ...(request.key.endsWith('bad') ? damaged : {}) }
    stored.push(written.contentType)
    return replica.answer(written, ...rest)
  })
  const bucket = store.bucket('b')
  await run(bucket.put('k', document))
  const found = await run(bucket.get('k'))
  t.same(found?.value, document)
  t.equal(found?.siblings[0]?.contentType, 'application/json')
  t.same(Buffer.from((await run(bucket.getBytes('k')))!.value), json.value)
  const changed = await run(bucket.update('k', value => ({ ...(value as typeof document), more: 1 })))
  t.equal(changed?.attempts, 1)
  t.same((await run(bucket.get('k')))?.value, { ...document, more: 1 })
  await run(bucket.put('k', 'short', { ifMatch: (await run(bucket.get('k')))!.etag, context: changed!.context }))
  t.same((await run(bucket.get('k')))?.value, 'short')
  t.same(stored, ['\x01application/json', '\x01application/json', 'application/json'])
  await run(bucket.put('bad', document))
  t.match(await fails(bucket.get('bad')), { name: 'CorruptRecord', code: 'corrupt_record' })
  t.match(await fails(bucket.update('bad', () => 1)), { code: 'corrupt_record' })
  await store.close()
})
