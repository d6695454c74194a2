import type { Test } from 'tap'
import { limits } from '../../model/limits.ts'
import { header, type RawMessage } from '../api/raw-nats-client.ts'
import { type DoorRig, keysOf } from './door-rig.ts'
import { mishaps } from './door-shapes.ts'

const bucket = 'bad'
const base64url = (text: string | Uint8Array): string => Buffer.from(text as string).toString('base64url')
const code = (message: RawMessage): string => header(message, 'Nats-Service-Error-Code')

const hostileKeys: readonly string[] = [
  '../../etc/passwd',
  '..',
  '.',
  '%00',
  '\0',
  '*',
  '>',
  'a.*.>',
  '\r\nSet-Cookie: x',
  '\r\nPUB carillon.admin.metrics 0\r\n\r\n',
  '🔔🔑',
  '__proto__',
  'constructor',
  ' ',
  '?#&=%25',
  '{"key":"x"}',
  'k'.repeat(512)
]

/** Wrong requests get the documented refusals with their figures, store nothing, crash nothing. */
export async function badInput(t: Test, rig: DoorRig): Promise<void> {
  const { http, kv, raw, stores, cluster } = rig
  const store = `/api/v1/store?bucket=${bucket}`

  await t.test('bad input over HTTP → 4xx problem documents that say what is wrong, with the figures', async t => {
    const wrong: [
      what: string,
      method: string,
      path: string,
      body: unknown,
      headers: Record<string, string>,
      status: number,
      detail: RegExp
    ][] = [
      ['JSON that ends early', 'PUT', store, '{"key":"k","value":', {}, 400, /JSON/],
      ['no JSON at all', 'PUT', store, 'hello', {}, 400, /JSON/],
      ['bytes that are no UTF-8', 'PUT', store, Buffer.from([0x22, 0xff, 0xfe]), {}, 400, /UTF-8|JSON/],
      ['an array', 'PUT', store, [], {}, 400, /object/],
      ['no key', 'PUT', store, { value: 1 }, {}, 400, /key/],
      ['no key for POST', 'POST', store, { value: 1 }, {}, 400, /key/],
      ['no value', 'PUT', store, { key: 'k' }, {}, 400, /value/],
      ['a key that is no text', 'PUT', store, { key: 1, value: 1 }, {}, 400, /key/],
      ['an empty key', 'PUT', store, { key: '', value: 1 }, {}, 400, /key/],
      ['an unknown member', 'PUT', store, { key: 'k', value: 1, ttl: 5 }, {}, 400, /ttl/],
      ['a context that does not decode', 'PUT', store, { key: 'k', value: 1, context: 'nonsense' }, {}, 400, /context/],
      ['a context that is no text', 'PUT', store, { key: 'k', value: 1, context: 7 }, {}, 400, /context/],
      ['w over n', 'PUT', `${store}&w=4`, { key: 'k', value: 1 }, {}, 400, /\b4\b.*\b3\b/],
      ['dw over n', 'PUT', `${store}&dw=4`, { key: 'k', value: 1 }, {}, 400, /\b4\b.*\b3\b/],
      ['w that is no number', 'PUT', `${store}&w=two`, { key: 'k', value: 1 }, {}, 400, /"two"/],
      [
        'an unknown level',
        'PUT',
        `${store}&consistency=most`,
        { key: 'k', value: 1 },
        {},
        400,
        /one, quorum, all, local_quorum, each_quorum/
      ],
      ['an unknown parameter', 'PUT', `${store}&writes=2`, { key: 'k', value: 1 }, {}, 400, /writes/],
      ['a bucket that is none', 'PUT', '/api/v1/store?bucket=a%2Fb', { key: 'k', value: 1 }, {}, 400, /bucket/],
      [
        'another content type',
        'PUT',
        store,
        'key=k',
        { 'content-type': 'application/x-www-form-urlencoded' },
        415,
        /application\/json/
      ],
      ['a lone surrogate as a key', 'PUT', store, '{"key":"\\ud800","value":1}', {}, 400, /key|surrogate|Unicode/],
      ['a broken percent code', 'PUT', `/api/v1/store/%zz?bucket=${bucket}`, { value: 1 }, {}, 400, /./],
      ['a percent code that is no UTF-8', 'PUT', `/api/v1/store/%ff?bucket=${bucket}`, { value: 1 }, {}, 400, /./],
      [
        'base64url that is none',
        'PUT',
        `/api/v1/store/a+b?encoding=base64url&bucket=${bucket}`,
        { value: 1 },
        {},
        400,
        /base64url/
      ]
    ]
    for (const [index, [what, method, path, body, headers, status, detail]] of wrong.entries()) {
      const answer = await http(index % 3, method, path, body, headers)
      t.equal(answer.status, status, `${what}: ${answer.text}`)
      t.match(answer.headers.get('content-type'), /^application\/problem\+json/)
      t.match(answer.json, { status, code: String, detail }, what)
    }
  })

  await t.test(
    'keys of 512 bytes and pairs of 10,240 → stored through every door; one byte more → 413 with limit and size',
    async t => {
      const key = 'k'.repeat(limits.keyBytesMax)
      const long = `${key}k`
      const size = limits.pairBytesDefault
      const type = { 'content-type': 'application/octet-stream' }
      const tooLarge = (measured: number, limit: number) => ({
        status: 413,
        code: 'too_large',
        size: measured,
        limit,
        outcome: 'refused'
      })
      const pairFor = (name: string, extra: number) => Buffer.alloc(size - name.length + extra, 7)

      for (const [index, name] of ['exact', key].entries()) {
        t.equal((await http(index, 'PUT', `/api/v1/buckets/limit/keys/${name}`, pairFor(name, 0), type)).status, 201)
        t.match(
          (await http(index, 'PUT', `/api/v1/buckets/${bucket}/keys/${name}`, pairFor(name, 1), type)).json,
          tooLarge(size + 1, size)
        )
        const over = { 'Carillon-Key': base64url(name) }
        t.equal(code(await kv(index, 'put.limit', { payload: pairFor(name, 0), headers: over })), '')
        t.match(
          JSON.parse((await kv(index, `put.${bucket}`, { payload: pairFor(name, 1), headers: over })).payload.toString()),
          tooLarge(size + 1, size)
        )
        await stores[index]!.bucket('limit').put(name, pairFor(name, 0))
        await t.rejects(stores[index]!.bucket(bucket).put(name, pairFor(name, 1)), {
          code: 'too_large',
          limit: size,
          size: size + 1
        })
        t.equal((await stores[2]!.bucket('limit').getBytes(name))!.value.length, size - name.length)
      }
      // As JSON the value is its text: here two quotes and the letters.
      const text = 'x'.repeat(size - 'json'.length - 2)
      t.equal((await http(2, 'PUT', '/api/v1/store?bucket=limit', { key: 'json', value: text })).status, 201)
      t.match((await http(2, 'PUT', store, { key: 'json', value: `${text}x` })).json, tooLarge(size + 1, size))
      t.match((await http(0, 'PUT', store, { key: long, value: 1 })).json, { ...tooLarge(513, 512), outcome: undefined })
      t.match((await http(1, 'GET', `/api/v1/store/${long}`)).json, { status: 413, size: 513, limit: 512 })
      t.match(
        JSON.parse(
          (await kv(2, `put.${bucket}`, { payload: 'x', headers: { 'Carillon-Key': base64url(long) } })).payload.toString()
        ),
        {
          status: 413,
          size: 513,
          limit: 512
        }
      )
      await t.rejects(stores[0]!.bucket(bucket).put(long, 1), { code: 'too_large', limit: 512, size: 513 })
      t.match((await http(0, 'PUT', store, { key: 'k', value: 'x'.repeat(900_000) })).json, { status: 413, code: 'too_large' })
    }
  )

  await t.test('bad input over NATS → the same codes, in the headers of the reply', async t => {
    const json = { 'Content-Type': 'application/json' }
    const wrong: [what: string, headers: Record<string, string>, expected: string, named: RegExp][] = [
      [`put.${bucket}.k`, { 'Carillon-W': '4' }, '400', /\b4\b.*\b3\b/],
      [`put.${bucket}.k`, { 'Carillon-Context': 'nonsense' }, '400', /context/],
      [`put.${bucket}.k`, { 'Carillon-Consistency': 'most' }, '400', /one, quorum, all/],
      [`put.${bucket}`, json, '400', /no key/],
      [`put.${bucket}`, { 'Carillon-Key': '' }, '400', /key/],
      [`put.${bucket}.k`, { 'Content-Type': `text/${'x'.repeat(200)}` }, '400', /Content-Type/],
      ['put.no$bucket.k', {}, '400', /bucket/],
      ['put', {}, '400', /./]
    ]
    for (const [index, [what, headers, expected, named]] of wrong.entries()) {
      const answer = await kv(index % 3, what, { payload: '1', headers })
      t.equal(code(answer), expected, `${what} ${JSON.stringify(headers)}: ${header(answer, 'Nats-Service-Error')}`)
      t.match(header(answer, 'Nats-Service-Error'), named)
      t.match(JSON.parse(answer.payload.toString()), { status: Number(expected), code: 'bad_request' })
    }
    for (const payload of ['', '{', '[]', 'null', '{"bucket":1}', '{"__proto__":{"bucket":"x"}}']) {
      const answer = await raw[0]!.request('carillon.admin.bucket-set', { payload })
      t.equal(code(answer), '400', `${payload}: ${answer.payload}`)
    }
  })

  await t.test('bad input from TypeScript → typed errors before anything is sent', async t => {
    const own = stores[1]!.bucket(bucket)
    for (const value of [undefined, () => 1, 1n, Number.NaN, new Map()])
      await t.rejects(own.put('k', value as never), { code: 'bad_request' })
    await t.rejects(own.put('', 1), { code: 'bad_request' })
    await t.rejects(own.put('\ud800', 1), { code: 'bad_request' })
    await t.rejects(own.put('k', 1, { w: 4 }), { code: 'bad_request' })
    await t.rejects(own.put('k', 1, { context: 'nonsense' }), { code: 'bad_request' })
    await t.rejects(own.put('k', 1, { wrong: 1 } as never), { code: 'bad_request' })
  })

  await t.test('I27: hostile keys → each names one value and only that, in all doors', async t => {
    for (const [index, key] of hostileKeys.entries()) {
      const value = `value ${index}`
      t.equal((await http(index % 3, 'PUT', '/api/v1/store?bucket=hostile', { key, value })).status, 201, JSON.stringify(key))
      const found = await http((index + 1) % 3, 'GET', `/api/v1/store/${base64url(key)}?encoding=base64url&bucket=hostile`)
      t.equal(found.json.value, value)
      t.notOk(found.headers.has('set-cookie'))
      if (key !== '.' && key !== '..') {
        t.equal(
          (await http(index % 3, 'GET', `/api/v1/buckets/hostile/keys/${encodeURIComponent(key)}`)).text,
          JSON.stringify(value)
        )
      }
      const overNats = await kv((index + 2) % 3, 'get.hostile', { headers: { 'Carillon-Key': base64url(key) } })
      t.equal(overNats.payload.toString(), JSON.stringify(value))
      t.equal((await stores[index % 3]!.bucket('hostile').get(key))?.value, value)
    }
    t.same((await keysOf(rig, 1, 'hostile')).sort(), [...hostileKeys].sort())
  })

  await t.test('I28: after all of it nothing of it is stored, no actor of any host has crashed, and all serve', async t => {
    for (const host of [0, 1, 2]) {
      t.same(await keysOf(rig, host, bucket), [])
      t.equal((await http(host, 'GET', '/readyz')).status, 200)
      t.equal((await http(host, 'PUT', `/api/v1/store/after-${host}`, { value: host })).status, 201)
      t.equal((await http((host + 1) % 3, 'GET', `/api/v1/store/after-${host}`)).json.value, host)
      t.same(raw[host]!.errors, [])
    }
    t.same(await mishaps(cluster.hosts.map(host => host.httpPort)), [])
    t.same(Object.keys(Object.prototype), [])
  })
}
