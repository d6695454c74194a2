import type { Test } from 'tap'
import { header } from '../api/raw-nats-client.ts'
import type { DoorRig } from './door-rig.ts'

const problemType = 'application/problem+json'

/** Each row of the HTTP door's table, asked at one host and read at another. */
export async function httpContract(t: Test, rig: DoorRig): Promise<void> {
  const { http, kv, stores } = rig

  await t.test(
    'HTTP: POST, GET, PUT by path and by body, DELETE by path and by body → the documented statuses and bodies',
    async t => {
      t.same((await http(0, 'GET', '/api/v1/store/nobody')).json, { message: 'not found', key: 'nobody', value: null })
      t.equal((await http(0, 'GET', '/api/v1/store/nobody')).status, 404)

      const posted = await http(0, 'POST', '/api/v1/store', { key: 'alice', value: { name: 'Alice' } })
      t.equal(posted.status, 201)
      t.same(Object.keys(posted.json), ['message', 'key', 'value', 'context'])
      t.match(posted.json, { message: 'key stored', key: 'alice', value: { name: 'Alice' }, context: /^[A-Za-z0-9_-]+$/ })

      const again = await http(1, 'POST', '/api/v1/store', { key: 'alice', value: 2 })
      t.equal(again.status, 409)
      t.match(again.headers.get('content-type'), problemType)
      t.match(again.json, { status: 409, code: 'key_exists', detail: String })

      const got = await http(2, 'GET', '/api/v1/store/alice')
      t.equal(got.status, 200)
      t.same(Object.keys(got.json), ['message', 'key', 'value', 'context'])
      t.match(got.json, { message: 'found', key: 'alice', value: { name: 'Alice' } })

      const byPath = await http(1, 'PUT', '/api/v1/store/alice', { value: 2, context: got.json.context })
      t.equal(byPath.status, 201)
      t.match(byPath.json, { message: 'key stored', key: 'alice', value: 2, context: String })
      const byBody = await http(2, 'PUT', '/api/v1/store', { key: 'alice', value: 3, context: byPath.json.context })
      t.equal(byBody.status, 201)
      const third = await http(0, 'GET', '/api/v1/store/alice')
      t.equal(third.json.value, 3)
      t.notOk('siblings' in third.json, 'a write with the context of what was there replaces it')

      t.equal((await http(1, 'DELETE', '/api/v1/store/alice')).status, 204)
      t.equal((await http(2, 'GET', '/api/v1/store/alice')).status, 404)
      await http(0, 'PUT', '/api/v1/store', { key: 'bob', value: 1 })
      t.equal((await http(0, 'DELETE', '/api/v1/store', { key: 'bob' })).status, 204)
      t.equal((await http(1, 'GET', '/api/v1/store/bob')).status, 404)
      const nothing = await http(1, 'DELETE', '/api/v1/store/never')
      t.equal(nothing.status, 204)
      t.equal(nothing.text, '')
      t.equal(
        (await http(1, 'POST', '/api/v1/store', { key: 'alice', value: 'again' })).status,
        201,
        'what was deleted can be created'
      )
    }
  )

  await t.test('HTTP: buckets by ?bucket=, the raw door, HEAD, batch and the listing', async t => {
    t.equal((await http(0, 'PUT', '/api/v1/store/k?bucket=one', { value: 1 })).status, 201)
    t.equal((await http(1, 'GET', '/api/v1/store/k')).status, 404)
    t.equal((await http(1, 'GET', '/api/v1/store/k?bucket=one')).json.value, 1)

    const raw = '/api/v1/buckets/files/keys/photo'
    const put = await http(0, 'PUT', raw, Buffer.from([0, 255, 13, 10]), { 'content-type': 'image/png' })
    t.equal(put.status, 201)
    t.match(put.headers.get('carillon-context'), /^[A-Za-z0-9_-]+$/)
    const got = await http(1, 'GET', raw)
    t.same(got.bytes, Buffer.from([0, 255, 13, 10]))
    t.equal(got.headers.get('content-type'), 'image/png')
    const head = await http(2, 'HEAD', raw)
    t.equal(head.status, 200)
    t.equal(head.bytes.length, 0)
    t.equal(head.headers.get('etag'), got.headers.get('etag'))

    await http(1, 'PUT', raw, 'second', { 'content-type': 'text/plain' })
    const both = await http(2, 'GET', raw)
    t.equal(both.status, 300)
    t.match(both.headers.get('content-type'), /^multipart\/mixed; boundary=/)
    t.ok(both.bytes.includes(Buffer.from([0, 255, 13, 10])) && both.bytes.includes('second'))
    const asJson = await http(2, 'GET', raw, undefined, { accept: 'application/json' })
    t.equal(asJson.status, 300)
    t.same(asJson.json.siblings.length, 2)
    const context = asJson.headers.get('carillon-context')!
    t.equal((await http(0, 'PUT', raw, 'merged', { 'content-type': 'text/plain', 'carillon-context': context })).status, 201)
    t.equal((await http(1, 'GET', raw)).text, 'merged')
    t.equal((await http(1, 'DELETE', raw)).status, 204)
    t.equal((await http(2, 'GET', raw)).status, 404)

    const batch = await http(0, 'POST', '/api/v1/buckets/listed/batch', {
      operations: [
        ...Array.from({ length: 30 }, (_, index) => ({ op: 'put', key: `user:${index}`, value: index })),
        { op: 'create', key: 'other', value: 1 },
        { op: 'get', key: 'absent' },
        { op: 'delete', key: 'absent' },
        { op: 'put', key: 'k'.repeat(513), value: 1 }
      ]
    })
    t.equal(batch.status, 200)
    t.same(
      batch.json.results.map((result: { status: number }) => result.status),
      [...new Array(31).fill(201), 404, 204, 413]
    )
    const seen: string[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < 100; pages++) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const page = await http(1, 'GET', `/api/v1/buckets/listed/keys?prefix=user:&limit=7${query}`)
      t.ok(page.json.keys.length <= 7 && page.json.coverage === 1)
      seen.push(...page.json.keys)
      cursor = page.json.cursor
    }
    t.same(seen.sort(), Array.from({ length: 30 }, (_, index) => `user:${index}`).sort())
  })

  await t.test(
    'two blind writes through two doors → siblings in all doors; a write with that context → one value in all',
    async t => {
      await http(0, 'PUT', '/api/v1/store/cart?bucket=carts', { value: ['milk'] })
      await kv(1, 'put.carts.cart', { payload: '["bread"]', headers: { 'Content-Type': 'application/json' } })
      const found = await stores[2]!.bucket<string[]>('carts').get('cart')
      t.same(
        found?.siblings.map(each => each.value),
        [['bread'], ['milk']]
      )
      const overHttp = await http(2, 'GET', '/api/v1/store/cart?bucket=carts')
      t.same(overHttp.json.siblings, [{ value: ['bread'] }, { value: ['milk'] }])
      t.same(overHttp.json.value, ['bread'])
      const overNats = await kv(0, 'get.carts.cart', { headers: { 'Carillon-Accept': 'siblings' } })
      t.equal(header(overNats, 'Carillon-Siblings'), '2')
      t.same(JSON.parse(overNats.payload.toString()), [{ value: ['bread'] }, { value: ['milk'] }])

      const context = header(overNats, 'Carillon-Context')
      t.equal((await http(1, 'PUT', '/api/v1/store/cart?bucket=carts', { value: ['milk', 'bread'], context })).status, 201)
      for (const store of stores) t.equal((await store.bucket('carts').get('cart'))?.siblings.length, 1)
      t.notOk('siblings' in (await http(0, 'GET', '/api/v1/store/cart?bucket=carts')).json)
      t.equal((await kv(2, 'get.carts.cart')).payload.toString(), '["milk","bread"]')
    }
  )

  await t.test(
    'conditional requests: ETag, If-Match, If-None-Match → 412 and 304 where they do not hold, at any host',
    async t => {
      const raw = '/api/v1/buckets/cond/keys/k'
      const put = (host: number, value: string, headers: Record<string, string>) =>
        http(host, 'PUT', raw, value, { 'content-type': 'text/plain', ...headers })
      t.equal((await put(0, '1', { 'if-match': '*' })).status, 412)
      t.equal((await put(0, '1', { 'if-none-match': '*' })).status, 201)
      const refused = await put(1, '2', { 'if-none-match': '*' })
      t.equal(refused.status, 412)
      t.match(refused.json, { code: 'precondition_failed', status: 412 })
      const etag = (await http(2, 'GET', raw)).headers.get('etag')!
      t.match(etag, /^"[0-9a-f]+"$/)
      t.equal((await http(1, 'GET', raw, undefined, { 'if-none-match': etag })).status, 304)
      t.equal((await http(1, 'GET', raw, undefined, { 'if-match': '"0"' })).status, 412)
      t.equal((await put(2, '2', { 'if-match': etag })).status, 201)
      t.equal((await put(0, '3', { 'if-match': etag })).status, 412)
      t.equal((await http(0, 'DELETE', raw, undefined, { 'if-match': etag })).status, 412)
      t.equal((await http(0, 'GET', raw)).text, '2')
      t.equal(
        (await kv(1, 'put.cond.k', { payload: '3', headers: { 'Carillon-If-Match': etag } })).payload
          .toString()
          .includes('precondition_failed'),
        true
      )
      await t.rejects(stores[0]!.bucket('cond').put('k', '3', { ifMatch: etag }), { code: 'precondition_failed' })
    }
  )

  await t.test('consistency levels, r, w, pr, pw, dw, receipts → each reply says what it got', async t => {
    for (const level of ['one', 'quorum', 'all', 'local_quorum', 'each_quorum']) {
      const needed = level === 'one' ? 1 : level === 'all' ? 3 : 2
      const put = await http(0, 'PUT', `/api/v1/store/level-${level}?consistency=${level}&receipt=true`, { value: level })
      t.equal(put.status, 201, level)
      t.equal(put.json.receipt.needed, needed)
      t.ok(put.json.receipt.acks.length >= needed)
      const got = await http(1, 'GET', `/api/v1/store/level-${level}?consistency=${level === 'one' ? 'all' : level}&receipt=true`)
      t.equal(got.json.value, level)
    }
    for (const [query, needed] of [
      ['w=1', 1],
      ['w=2', 2],
      ['w=3', 3],
      ['w=3&pw=3&dw=3', 3]
    ] as const) {
      const put = await http(2, 'PUT', `/api/v1/store/numbers?receipt=true&${query}`, { value: 1 })
      t.equal(put.json.receipt.needed, needed, query)
    }
    for (const query of ['r=1', 'r=2', 'r=3', 'r=3&pr=3']) {
      t.equal((await http(1, 'GET', `/api/v1/store/numbers?${query}`)).status, 200, query)
    }
    const { receipt } = (await http(0, 'GET', '/api/v1/store/numbers?r=3&receipt=true')).json
    t.same(Object.keys(receipt).sort(), ['acks', 'consistency', 'coordinator', 'epoch', 'needed'])
    t.match(receipt, { consistency: 'strong', needed: 3, coordinator: /^host-[123]$/, epoch: /^[0-9a-f]{8}$/ })
    t.same(receipt.acks.map((ack: { host: string }) => ack.host).sort(), ['host-1', 'host-2', 'host-3'])
    for (const ack of receipt.acks)
      t.match(ack, { zone: 'zone1', dc: 'dc1', role: 'primary', durability: /^(flushed|committed)$/ })
    t.equal((await http(0, 'PUT', '/api/v1/store/numbers?w=1', { value: 1 })).headers.get('carillon-consistency'), 'weak')
    t.equal((await http(0, 'PUT', '/api/v1/store/numbers', { value: 1 })).headers.get('carillon-consistency'), 'strong')
    const overNats = await kv(1, 'put.default.numbers', {
      payload: '1',
      headers: { 'Carillon-W': '3', 'Carillon-Receipt': 'true' }
    })
    t.match(JSON.parse(header(overNats, 'Carillon-Receipt')), { needed: 3 })
    t.match((await stores[2]!.bucket('default').put('numbers', 1, { w: 3, receipt: true })).receipt, { needed: 3 })
  })
}
