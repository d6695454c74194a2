import t from 'tap'
import { fault } from '../../model/fault.ts'
import { httpRig, problemOf } from './http-rig.ts'

t.test('store door: an unknown key → 404 with exactly the documented body', async t => {
  const { ask } = await httpRig(t)
  const answer = await ask('GET', '/api/v1/store/nobody')
  t.equal(answer.statusCode, 404)
  t.same(answer.json(), { message: 'not found', key: 'nobody', value: null })
})

t.test('store door: POST, GET, PUT with context, GET → the documented bodies', async t => {
  const { ask } = await httpRig(t)
  const posted = await ask('POST', '/api/v1/store', { key: 'alice', value: { name: 'Alice' } })
  t.equal(posted.statusCode, 201)
  const { context, ...rest } = posted.json()
  t.same(rest, { message: 'key stored', key: 'alice', value: { name: 'Alice' } })
  t.equal(posted.headers['carillon-context'], context)
  t.equal(posted.headers['location'], '/api/v1/store/alice')

  const got = await ask('GET', '/api/v1/store/alice')
  t.equal(got.statusCode, 200)
  t.same({ ...got.json(), context: '' }, { message: 'found', key: 'alice', value: { name: 'Alice' }, context: '' })
  t.match(got.headers['etag'], /^"[0-9a-f]+"$/)
  t.equal(got.headers['carillon-siblings'], '1')
  t.equal(got.headers['carillon-consistency'], 'strong')

  const put = await ask('PUT', '/api/v1/store/alice', { value: 2, context: got.json().context })
  t.equal(put.statusCode, 201)
  t.same({ ...put.json(), context: '' }, { message: 'key stored', key: 'alice', value: 2, context: '' })
  const again = await ask('PUT', '/api/v1/store', { key: 'alice', value: [3], context: put.json().context })
  t.equal(again.statusCode, 201)
  t.same((await ask('GET', '/api/v1/store/alice')).json().value, [3])
})

t.test('store door: POST where the key exists → 409 key_exists, and the value stays', async t => {
  const { ask } = await httpRig(t)
  await ask('POST', '/api/v1/store', { key: 'k', value: 1 })
  const again = await ask('POST', '/api/v1/store', { key: 'k', value: 2 })
  t.equal(again.statusCode, 409)
  t.equal(problemOf(again)['code'], 'key_exists')
  t.equal((await ask('GET', '/api/v1/store/k')).json().value, 1)
})

t.test('store door: two blind writes → siblings, newest first; a write with their context → one value', async t => {
  const { ask } = await httpRig(t)
  await ask('PUT', '/api/v1/store/k', { value: 'old' })
  await ask('PUT', '/api/v1/store/k', { value: 'new' })
  const got = await ask('GET', '/api/v1/store/k')
  t.equal(got.json().value, 'new')
  t.same(got.json().siblings, [{ value: 'new' }, { value: 'old' }])
  t.equal(got.headers['carillon-siblings'], '2')
  await ask('PUT', '/api/v1/store/k', { value: 'merged', context: got.json().context })
  const merged = (await ask('GET', '/api/v1/store/k')).json()
  t.equal(merged.value, 'merged')
  t.notOk('siblings' in merged)
})

t.test('store door: DELETE by path, by body, and where there is nothing → 204 without a body', async t => {
  const { ask } = await httpRig(t)
  await ask('PUT', '/api/v1/store/a', { value: 1 })
  await ask('PUT', '/api/v1/store/b', { value: 1 })
  for (const answer of [
    await ask('DELETE', '/api/v1/store/a'),
    await ask('DELETE', '/api/v1/store', { key: 'b' }),
    await ask('DELETE', '/api/v1/store/never')
  ]) {
    t.equal(answer.statusCode, 204)
    t.equal(answer.body, '')
  }
  t.equal((await ask('GET', '/api/v1/store/a')).statusCode, 404)
  t.equal((await ask('GET', '/api/v1/store/b')).statusCode, 404)
  t.equal((await ask('POST', '/api/v1/store', { key: 'a', value: 2 })).statusCode, 201)
})

t.test('store door: any JSON value → comes back as it was sent, to the letter', async t => {
  const { ask } = await httpRig(t)
  const values = [
    'null',
    'true',
    '0',
    '-0',
    '1e400',
    '12345678901234567890',
    '0.1000',
    '""',
    '"\\ud800"',
    '"\\u0000"',
    '"é🔑"',
    '[]',
    '{}',
    '{"__proto__":{"polluted":true},"constructor":{"prototype":1}}',
    '{"a":1,"a":2}',
    '{ "spaced" : [ 1 , 2 ] }',
    '[[[[[1]]]]]',
    '"]}\\""'
  ]
  for (const value of values) {
    const put = await ask('PUT', '/api/v1/store', `{"key":${JSON.stringify(value)},"value":${value}}`)
    t.equal(put.statusCode, 201, value)
    t.ok(put.body.includes(`"value":${value},"context"`), put.body)
    const got = await ask('GET', `/api/v1/store/${encodeURIComponent(value)}`)
    t.ok(got.body.includes(`"value":${value},"context"`), got.body)
  }
  t.notOk('polluted' in {})
})

t.test('store door: a value stored as bytes → text as a string, others as base64, and both can be sent back', async t => {
  const { ask } = await httpRig(t)
  await ask('PUT', '/api/v1/buckets/default/keys/text', 'grüezi', { 'content-type': 'text/plain; charset=utf-8' })
  await ask('PUT', '/api/v1/buckets/default/keys/bytes', Buffer.from([0, 255]), { 'content-type': 'image/png' })
  await ask('PUT', '/api/v1/buckets/default/keys/broken', '{"not json', { 'content-type': 'application/json' })
  t.match((await ask('GET', '/api/v1/store/text')).json(), { value: 'grüezi', content_type: 'text/plain; charset=utf-8' })
  t.match((await ask('GET', '/api/v1/store/bytes')).json(), { value: 'AP8=', encoding: 'base64', content_type: 'image/png' })
  t.match((await ask('GET', '/api/v1/store/broken')).json(), { encoding: 'base64' })

  const { value, encoding, content_type, context } = (await ask('GET', '/api/v1/store/bytes')).json()
  t.equal((await ask('PUT', '/api/v1/store/bytes', { value, encoding, content_type, context })).statusCode, 201)
  const raw = await ask('GET', '/api/v1/buckets/default/keys/bytes')
  t.same(raw.rawPayload, Buffer.from([0, 255]))
  t.equal(raw.headers['content-type'], 'image/png')
})

t.test('store door: buckets do not see each other', async t => {
  const { ask } = await httpRig(t)
  await ask('PUT', '/api/v1/store/k?bucket=one', { value: 1 })
  t.equal((await ask('GET', '/api/v1/store/k?bucket=two')).statusCode, 404)
  t.equal((await ask('GET', '/api/v1/store/k')).statusCode, 404)
  t.equal((await ask('GET', '/api/v1/store/k?bucket=one')).json().value, 1)
})

t.test('store door: options of a request → reach the coordinator', async t => {
  const { ask, store } = await httpRig(t)
  await ask(
    'PUT',
    '/api/v1/store/k?w=3&pw=2&dw=1&timeout=500&sloppy=false&receipt=true&ttl=60&consistency=all&durability=committed',
    { value: 1 }
  )
  await ask('GET', '/api/v1/store/k?r=1&pr=0&consistency=one')
  const [put, get] = store.seen
  t.match(put, {
    kind: 'put',
    ttlSeconds: 60,
    options: { level: 'all', replicas: 3, primaries: 2, durable: 1, sloppy: false, receipt: true, durability: 'committed' }
  })
  t.match(get, { kind: 'get', options: { level: 'one', replicas: 1 } })
  const receipt = (await ask('GET', '/api/v1/store/k?receipt=true')).json().receipt
  t.match(receipt, {
    consistency: 'strong',
    needed: 2,
    acks: [{ host: String, durability: 'flushed' }],
    coordinator: String,
    epoch: String
  })
})

t.test('store door: wrong parameters → 400 that names the parameter and its value', async t => {
  const { ask, store } = await httpRig(t)
  const wrong: [string, RegExp][] = [
    ['w=0', /parameter w is "0"/],
    ['w=17', /parameter w is "17"/],
    ['r=-1', /parameter r is "-1"/],
    ['r=two', /parameter r is "two"/],
    ['pw=1.5', /parameter pw/],
    ['dw=1e1', /parameter dw/],
    ['consistency=most', /one, quorum, all, local_quorum, each_quorum/],
    ['timeout=0', /milliseconds from 1 to 60000/],
    ['timeout=99999999999', /parameter timeout/],
    ['sloppy=perhaps', /true, false/],
    ['receipt=1', /true, false/],
    ['ttl=-5', /parameter ttl/],
    ['encoding=hex', /utf8, base64url/],
    ['bucket=a%20b', /bucket "a b"/],
    ['bucket=', /bucket ""/],
    ['nonsense=1', /"nonsense" is unknown/],
    ['w=1&w=2', /given 2 times/],
    ['context=nonsense', /context/]
  ]
  for (const [query, named] of wrong) {
    const answer = await ask('PUT', `/api/v1/store/k?${query}`, { value: 1 })
    t.equal(answer.statusCode, 400, query)
    t.match(problemOf(answer)['detail'], named)
  }
  t.equal(store.seen.length, 0)
  const tooMany = await ask('PUT', '/api/v1/store/k?w=4', { value: 1 })
  t.equal(tooMany.statusCode, 400, 'more than n is found by the coordinator')
  t.match(problemOf(tooMany), { code: 'bad_request', limit: 3, size: 4 })
})

t.test('store door: wrong bodies → 400 or 415, never stored', async t => {
  const { ask, store } = await httpRig(t)
  const wrong: [unknown, number, RegExp][] = [
    ['', 400, /body is missing/],
    ['{', 400, /no JSON/],
    ['[]', 400, /no JSON object/],
    ['"text"', 400, /no JSON object/],
    ['{"value":1}', 400, /no "key"/],
    ['{"key":"k"}', 400, /no "value"/],
    ['{"key":1,"value":1}', 400, /"key" is "1"/],
    ['{"key":"","value":1}', 400, /empty/],
    ['{"key":"\\ud800","value":1}', 400, /surrogate/],
    ['{"key":"a","key":"b","value":1}', 400, /"key" twice/],
    ['{"key":"a","value":1,"contxt":"x"}', 400, /unknown member "contxt"/],
    ['{"key":"a","value":1,"context":7}', 400, /"context" is "7"/],
    ['{"key":"a","value":1,"context":"AAAA"}', 400, /context/],
    ['{"key":"a","value":"###","encoding":"base64"}', 400, /base64/],
    ['{"key":"a","value":1,"encoding":"rot13"}', 400, /rot13/],
    [Buffer.from([0x22, 0xff, 0x22]), 400, /UTF-8/],
    [`{"key":"a","value":${'['.repeat(2000)}${']'.repeat(2000)}}`, 400, /nested deeper/]
  ]
  for (const [body, status, named] of wrong) {
    const answer = await ask('PUT', '/api/v1/store', body)
    t.equal(answer.statusCode, status, String(body).slice(0, 40))
    t.match(problemOf(answer)['detail'], named)
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense']) {
    const answer = await ask('PUT', '/api/v1/store', '{"key":"k","value":1}', { 'content-type': type })
    t.equal(answer.statusCode, 415, type)
    t.equal(problemOf(answer)['code'], 'unsupported_media_type')
  }
  t.equal((await ask('PUT', '/api/v1/store/a', { key: 'b', value: 1 })).statusCode, 400)
  t.equal((await ask('DELETE', '/api/v1/store')).statusCode, 400)
  t.equal(store.seen.length, 0)
})

t.test('store door: key and value over the limit → 413 with limit and size; at the limit → stored', async t => {
  const { ask } = await httpRig(t)
  const atLimit = { key: 'k', value: 'x'.repeat(10_240 - 1 - 2) }
  t.equal((await ask('PUT', '/api/v1/store', atLimit)).statusCode, 201)
  const over = await ask('PUT', '/api/v1/store', { key: 'k', value: `${atLimit.value}x` })
  t.equal(over.statusCode, 413)
  t.match(problemOf(over), { code: 'too_large', limit: 10_240, size: 10_241 })
  const farOver = await ask('POST', '/api/v1/store', { key: 'k', value: 'x'.repeat(10_000_000) })
  t.equal(farOver.statusCode, 413)
  t.match(problemOf(farOver), { code: 'too_large', limit: 10_240, size: Number })
  const longKey = await ask('PUT', `/api/v1/store/${'k'.repeat(513)}`, { value: 1 })
  t.equal(longKey.statusCode, 413)
  t.match(problemOf(longKey), { code: 'too_large', limit: 512, size: 513 })
})

t.test('store door: conditions → 412 where they do not hold, 304 where nothing changed', async t => {
  const { ask } = await httpRig(t)
  const first = await ask('PUT', '/api/v1/store/k', { value: 1 }, { 'if-none-match': '*' })
  t.equal(first.statusCode, 201)
  const second = await ask('PUT', '/api/v1/store/k', { value: 2 }, { 'if-none-match': '*' })
  t.equal(second.statusCode, 412)
  t.equal(problemOf(second)['code'], 'precondition_failed')
  const { etag } = (await ask('GET', '/api/v1/store/k')).headers
  t.equal((await ask('GET', '/api/v1/store/k', undefined, { 'if-none-match': String(etag) })).statusCode, 304)
  t.equal((await ask('GET', '/api/v1/store/k', undefined, { 'if-match': '"0"' })).statusCode, 412)
  t.equal((await ask('PUT', '/api/v1/store/k', { value: 3 }, { 'if-match': '"0"' })).statusCode, 412)
  t.equal((await ask('DELETE', '/api/v1/store/k', undefined, { 'if-match': '"0"' })).statusCode, 412)
  t.equal((await ask('PUT', '/api/v1/store/k', { value: 3 }, { 'if-match': 'no-etag' })).statusCode, 400)
  t.equal((await ask('PUT', '/api/v1/store/k', { value: 3 }, { 'if-match': String(etag) })).statusCode, 201)
})

t.test('store door: faults of the coordinator → problem documents with their figures', async t => {
  const { ask, store } = await httpRig(t)
  const faults = [
    [fault('quorum_unavailable', 'too few replicas', { needed: 2, answered: 1, outcome: 'indeterminate' }), 503],
    [fault('timeout', 'no answer in time', { needed: 2, answered: 0, outcome: 'indeterminate' }), 504],
    [fault('storage_full', 'the disk is full', { outcome: 'refused' }), 507],
    [fault('corrupt_record', 'a checksum does not hold'), 500]
  ] as const
  for (const [refusal, status] of faults) {
    store.refusal = refusal
    const answer = await ask('PUT', '/api/v1/store/k', { value: 1 })
    t.equal(answer.statusCode, status)
    t.match(problemOf(answer), { ...refusal, type: `urn:carillon:error:${refusal.code}`, title: String })
  }
  store.refusal = fault('overloaded', 'too much to do', { outcome: 'indeterminate' })
  const busy = await ask('PUT', '/api/v1/store/k', { value: 1 })
  t.equal(busy.statusCode, 503)
  t.equal(busy.headers['retry-after'], '1')
})

t.test('every path: methods it does not have → 405 with Allow; paths that are none → 404; both as problems', async t => {
  const { ask } = await httpRig(t)
  const patch = await ask('PATCH', '/api/v1/store/k', {})
  t.equal(patch.statusCode, 405)
  t.equal(patch.headers['allow'], 'DELETE, GET, HEAD, PUT')
  t.equal(problemOf(patch)['code'], 'not_allowed')
  t.equal((await ask('GET', '/api/v1/store')).statusCode, 405)
  t.equal((await ask('POST', '/healthz', {})).statusCode, 405)
  for (const path of ['/', '/api/v1/store/a/b', '/api/v2/store/a', '/api/v1/store/']) {
    const answer = await ask('GET', path)
    t.ok([400, 404].includes(answer.statusCode), path)
    problemOf(answer)
  }
})
