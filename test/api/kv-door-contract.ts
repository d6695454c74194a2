import type { Test } from 'tap'
import { header, type RawMessage, type RawNatsClient } from './raw-nats-client.ts'

const base64url = (text: string | Uint8Array): string => Buffer.from(text as string).toString('base64url')
const code = (message: RawMessage): string => header(message, 'Nats-Service-Error-Code')

/**
 * What docs/nats.md promises to any NATS client, asked through a bare socket. Runs against any cluster of that name.
 * @param bucket one that nothing else uses
 */
export async function kvDoorContract(t: Test, client: RawNatsClient, bucket: string, cluster = 'carillon'): Promise<void> {
  const ask = (what: string, request: Parameters<RawNatsClient['request']>[1] = {}) =>
    client.request(`${cluster}.kv.${what}`, request)

  await t.test('kv door: a put, then a get → the same bytes, type and a context', async t => {
    const value = Buffer.from([0, 13, 10, 255, 1])
    const put = await ask(`put.${bucket}.raw`, { payload: value, headers: { 'Content-Type': 'image/png' } })
    t.equal(code(put), '')
    t.equal(put.payload.length, 0)
    t.match(header(put, 'Carillon-Context'), /^[A-Za-z0-9_-]+$/)
    const got = await ask(`get.${bucket}.raw`)
    t.same(got.payload, value)
    t.equal(header(got, 'Content-Type'), 'image/png')
    t.equal(header(got, 'Carillon-Siblings'), '1')
    t.match(header(got, 'Carillon-Context'), /^[A-Za-z0-9_-]+$/)
  })

  await t.test('kv door: a key with dots → it is the rest of the subject', async t => {
    await ask(`put.${bucket}.a.b.c`, { payload: 'dots' })
    t.equal((await ask(`get.${bucket}.a.b.c`)).payload.toString(), 'dots')
    t.equal((await ask(`get.${bucket}`, { headers: { 'Carillon-Key': base64url('a.b.c') } })).payload.toString(), 'dots')
    t.equal(code(await ask(`get.${bucket}.a.b`)), '404')
  })

  await t.test('kv door: keys that are no subject → through Carillon-Key, byte for byte', async t => {
    const keys = [
      'with space',
      '*',
      '>',
      '.',
      '..',
      'a..b',
      '../../etc/passwd',
      '\r\nPUB x 1',
      '\0',
      'ключ 🔑',
      'x'.repeat(512),
      Buffer.from([0xff, 0xfe, 0])
    ]
    for (const [index, key] of keys.entries()) {
      const headers = { 'Carillon-Key': base64url(key) }
      t.equal(code(await ask(`put.${bucket}`, { payload: `value ${index}`, headers })), '')
      t.equal((await ask(`get.${bucket}`, { headers })).payload.toString(), `value ${index}`)
    }
  })

  await t.test('kv door: create where the key exists → 409; where it was deleted → stored', async t => {
    t.equal(code(await ask(`create.${bucket}.once`, { payload: '1' })), '')
    const again = await ask(`create.${bucket}.once`, { payload: '2' })
    t.equal(code(again), '409')
    t.not(header(again, 'Nats-Service-Error'), '')
    t.equal(JSON.parse(again.payload.toString()).code, 'key_exists')
    t.equal((await ask(`get.${bucket}.once`)).payload.toString(), '1')
    t.equal(code(await ask(`delete.${bucket}.once`)), '')
    t.equal(code(await ask(`get.${bucket}.once`)), '404')
    t.equal(code(await ask(`create.${bucket}.once`, { payload: '3' })), '')
  })

  await t.test('kv door: delete where there is nothing → no error', async t => {
    t.equal(code(await ask(`delete.${bucket}.never`)), '')
  })

  await t.test('kv door: two writes without context → siblings; a write with the context of a read → one value', async t => {
    await ask(`put.${bucket}.sib`, { payload: '1', headers: { 'Content-Type': 'application/json' } })
    await ask(`put.${bucket}.sib`, { payload: '2', headers: { 'Content-Type': 'application/json' } })
    const newest = await ask(`get.${bucket}.sib`)
    t.equal(header(newest, 'Carillon-Siblings'), '2')
    t.equal(newest.payload.toString(), '2')
    const all = await ask(`get.${bucket}.sib`, { headers: { 'Carillon-Accept': 'siblings' } })
    t.same(JSON.parse(all.payload.toString()), [{ value: 2 }, { value: 1 }])
    await ask(`put.${bucket}.sib`, { payload: '3', headers: { 'Carillon-Context': header(all, 'Carillon-Context') } })
    const merged = await ask(`get.${bucket}.sib`)
    t.equal(header(merged, 'Carillon-Siblings'), '1')
    t.equal(merged.payload.toString(), '3')
  })

  await t.test('kv door: Carillon-If-Match with another ETag → 412', async t => {
    await ask(`put.${bucket}.cond`, { payload: '1' })
    const etag = header(await ask(`get.${bucket}.cond`), 'Carillon-ETag')
    t.equal(code(await ask(`put.${bucket}.cond`, { payload: '2', headers: { 'Carillon-If-Match': '"1"' } })), '412')
    t.equal(code(await ask(`put.${bucket}.cond`, { payload: '2', headers: { 'Carillon-If-Match': etag } })), '')
  })

  await t.test('kv door: a receipt where it is asked for', async t => {
    const put = await ask(`put.${bucket}.receipt`, { payload: '1', headers: { 'Carillon-Receipt': 'true' } })
    const receipt = JSON.parse(header(put, 'Carillon-Receipt'))
    t.match(receipt, { consistency: String, needed: Number, acks: Array, coordinator: String, epoch: String })
  })

  await t.test('kv door: wrong requests → 400 that names what is wrong', async t => {
    const wrong: [what: string, headers: Record<string, string>, named: RegExp][] = [
      [`put.${bucket}.k`, { 'Carillon-Context': 'nonsense' }, /context/],
      [`put.${bucket}.k`, { 'Carillon-W': '0' }, /Carillon-W is "0"/],
      [`put.${bucket}.k`, { 'Carillon-W': 'many' }, /Carillon-W is "many"/],
      [`get.${bucket}.k`, { 'Carillon-R': '16' }, /16|r/],
      [`get.${bucket}.k`, { 'Carillon-Consistency': 'most' }, /one, quorum, all/],
      [`get.${bucket}.k`, { 'Carillon-Timeout': '-1' }, /Carillon-Timeout/],
      [`put.${bucket}.k`, { 'Carillon-TTL': '1.5' }, /Carillon-TTL/],
      [`get.${bucket}.k`, { 'Carillon-Misspelt': '1' }, /Carillon-Misspelt/],
      [`get.${bucket}`, {}, /no key/],
      [`get.${bucket}`, { 'Carillon-Key': 'a+b' }, /base64url/],
      [`get.${bucket}.k`, { 'Carillon-Key': 'YQ' }, /in the subject and/],
      ['get.no$bucket.k', {}, /bucket/],
      [`move.${bucket}.k`, {}, /get\|put\|create\|delete/]
    ]
    for (const [what, headers, named] of wrong) {
      const answer = await ask(what, { headers })
      t.equal(code(answer), '400', what)
      t.match(header(answer, 'Nats-Service-Error'), named)
    }
  })

  await t.test('kv door: a value over the limit → 413 with limit and size', async t => {
    const answer = await ask(`put.${bucket}.big`, { payload: Buffer.alloc(600_000) })
    t.equal(code(answer), '413')
    t.match(JSON.parse(answer.payload.toString()), { code: 'too_large', size: 600_003, limit: Number })
    t.equal(code(await ask(`put.${bucket}`, { headers: { 'Carillon-Key': base64url('k'.repeat(513)) } })), '413')
  })

  await t.test('kv door: a put that names no reply → it is carried out', async t => {
    client.publish(`${cluster}.kv.put.${bucket}.forget`, { payload: 'fire' })
    let got = await ask(`get.${bucket}.forget`)
    for (let tries = 0; tries < 100 && code(got) === '404'; tries++) got = await ask(`get.${bucket}.forget`)
    t.equal(got.payload.toString(), 'fire')
  })

  await t.test('kv door: an accepted write → one event; a refused one → none', async t => {
    const events: RawMessage[] = []
    await client.subscribe(`${cluster}.event.${bucket}.>`, message => events.push(message))
    await client.subscribe(`${cluster}.event.${bucket}`, message => events.push(message))
    await ask(`put.${bucket}.told`, { payload: '1', headers: { 'Content-Type': 'text/plain' } })
    await ask(`create.${bucket}.told`, { payload: '2' })
    await ask(`put.${bucket}`, { payload: '3', headers: { 'Carillon-Key': base64url('two words') } })
    await ask(`delete.${bucket}.told`)
    for (let tries = 0; tries < 100 && events.length < 3; tries++) await client.ping()
    const shown = events.map(event => [event.subject, JSON.parse(event.payload.toString())] as const)
    t.match(shown, [
      [`${cluster}.event.${bucket}.told`, { bucket, key: 'told', op: 'put', content_type: 'text/plain', context: String }],
      [`${cluster}.event.${bucket}`, { bucket, key: 'two words', op: 'put' }],
      [`${cluster}.event.${bucket}.told`, { bucket, key: 'told', op: 'delete' }]
    ])
    t.equal(header(events[1]!, 'Carillon-Key'), base64url('two words'))
  })

  await t.test('services convention: PING, INFO and STATS → by all, by name, by id', async t => {
    const ping = JSON.parse((await client.request('$SRV.PING.carillon')).payload.toString())
    t.match(ping, { type: 'io.nats.micro.v1.ping_response', name: 'carillon', id: String, version: /^\d+\.\d+\.\d+/ })
    t.equal(JSON.parse((await client.request('$SRV.PING')).payload.toString()).name, 'carillon')
    const info = JSON.parse((await client.request(`$SRV.INFO.carillon.${ping.id}`)).payload.toString())
    t.match(info, { type: 'io.nats.micro.v1.info_response', id: ping.id, description: String })
    t.same(
      info.endpoints.map((endpoint: { name: string }) => endpoint.name),
      ['get', 'put', 'create', 'delete']
    )
    const stats = JSON.parse((await client.request(`$SRV.STATS.carillon.${ping.id}`)).payload.toString())
    t.match(stats, { type: 'io.nats.micro.v1.stats_response', started: /^\d{4}-/, endpoints: Array })
    t.match(stats.endpoints[0], {
      name: 'get',
      num_requests: Number,
      num_errors: Number,
      processing_time: Number,
      average_processing_time: Number
    })
  })

  await t.test('ring: whoever asks learns it', async t => {
    const ring = JSON.parse((await client.request(`${cluster}.ring`)).payload.toString())
    t.match(ring, { cluster, epoch: /^[0-9a-f]{8}$/, partitions: Number, hosts: Array, owners: Array })
    t.equal(ring.owners.length, ring.partitions)
  })
}
