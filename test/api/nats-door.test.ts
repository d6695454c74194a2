import t from 'tap'
import { fault } from '../../model/fault.ts'
import { undeliveredMessage } from '../../runtime/signal.ts'
import { natsRig } from './nats-rig.ts'
import { header, type RawMessage } from './raw-nats-client.ts'

const code = (message: RawMessage): string => header(message, 'Nats-Service-Error-Code')

t.test('NATS door: faults of the coordinator → their code, their text, and their figures as JSON', async t => {
  const { client, store } = await natsRig(t)
  const faults = [
    [fault('quorum_unavailable', 'too few\r\nreplicas', { needed: 2, answered: 1, outcome: 'indeterminate' }), '503'],
    [fault('timeout', 'no answer in time', { outcome: 'indeterminate' }), '504'],
    [fault('storage_full', 'the disk is full'), '507']
  ] as const
  for (const [refusal, expected] of faults) {
    store.refusal = refusal
    const answer = await client.request('carillon.kv.put.b.k', { payload: '1' })
    t.equal(code(answer), expected)
    t.equal(header(answer, 'Nats-Service-Error'), refusal.detail.replace('\r\n', ' '), 'a header stays one line')
    t.equal(header(answer, 'Carillon-Code'), refusal.code)
    t.match(JSON.parse(answer.payload.toString()), { ...refusal, status: Number(expected) })
  }
})

t.test('NATS door: more replicas asked for than there are → 400 by the coordinator', async t => {
  const { client } = await natsRig(t)
  const answer = await client.request('carillon.kv.put.b.k', { payload: '1', headers: { 'carillon-w': '4' } })
  t.equal(code(answer), '400')
  t.match(JSON.parse(answer.payload.toString()), { code: 'bad_request', limit: 3, size: 4 })
})

t.test('NATS door: a coordinator is gone → another owner is asked, or the client is told soon', async t => {
  const { client, store } = await natsRig(t)
  for (let index = 0; index < 8; index++) await client.request(`carillon.kv.put.b.k${index}`, { payload: 'x' })
  store.kill('a')
  for (let index = 0; index < 8; index++) {
    t.equal((await client.request(`carillon.kv.get.b.k${index}`)).payload.toString(), 'x', 'reads go elsewhere')
    const put = await client.request(`carillon.kv.put.b.k${index}`, { payload: 'y' })
    t.ok(['', '503'].includes(code(put)))
    if (code(put) === '503') t.equal(JSON.parse(put.payload.toString()).outcome, 'indeterminate')
  }
  store.kill('b')
  store.kill('c')
  const none = await client.request('carillon.kv.get.b.k1')
  t.equal(code(none), '503')
})

t.test('NATS door: the coordinator that a write was passed on to is gone → each attempt has a number of its own', async t => {
  const { client, store, system } = await natsRig(t)
  const coordinate = store.coordinate.bind(store)
  const numbers: number[] = []
  store.coordinate = (host, request) => {
    // As a coordinator does, which carries out once what comes under one number.
    if (numbers.includes(request.replyTo.correlation)) return undefined as never
    numbers.push(request.replyTo.correlation)
    if (numbers.length === 3) return coordinate(host, request)
    const message = undeliveredMessage('no-such-actor')
    setImmediate(() => {
      system.deliver({ to: request.replyTo, lane: 'control', budgetMs: 0, traceparent: undefined, message })
      system.delivered()
    })
    return undefined as never
  }
  t.equal(code(await client.request('carillon.kv.put.b.k', { payload: '1' })), '')
  t.equal(numbers.length, 3)
})

t.test('NATS door: a coordinator that stays silent → 504, for a write with outcome indeterminate', async t => {
  const { client, store } = await natsRig(t)
  store.coordinate = () => undefined as never
  const [read, write] = await Promise.all([
    client.request('carillon.kv.get.b.k', { headers: { 'Carillon-Timeout': '50' } }),
    client.request('carillon.kv.put.b.k', { payload: '1', headers: { 'Carillon-Timeout': '50' } })
  ])
  t.equal(code(read), '504')
  t.notMatch(JSON.parse(read.payload.toString()), { outcome: 'indeterminate' })
  t.equal(code(write), '504')
  t.match(JSON.parse(write.payload.toString()), { code: 'timeout', outcome: 'indeterminate' })
})

t.test('I24: more requests at once than the door takes → some are refused at once, all are answered, and it goes on', async t => {
  const { client, store } = await natsRig(t, { requestTimeoutMs: 3_000 })
  const answer = store.coordinate
  store.coordinate = () => undefined as never
  const many = 9_000
  const requests = Array.from({ length: many }, () => client.request('carillon.kv.get.b.k', { timeoutMs: 15_000 }))
  const codes = new Map<string, number>()
  for (const reply of await Promise.all(requests)) codes.set(code(reply), (codes.get(code(reply)) ?? 0) + 1)
  t.equal((codes.get('503') ?? 0) + (codes.get('504') ?? 0), many)
  t.ok((codes.get('503') ?? 0) >= many - 8_192)
  store.coordinate = answer
  t.equal(code(await client.request('carillon.kv.get.b.k')), '404')
})

t.test('I28: frames that are no request → an error or silence, and the door goes on', async t => {
  const { client, newClient, system } = await natsRig(t)
  const hostile = await newClient()
  hostile.publish('carillon.kv.get', {}, '_INBOX.x')
  hostile.publish('carillon.kv.get..', {}, '_INBOX.x')
  hostile.publish(`carillon.kv.put.b.${'x'.repeat(300)}`, { payload: '1' }, '_INBOX.x')
  hostile.write('HPUB carillon.kv.get.b.k _INBOX.x 20 20\r\nNATS/1.0\r\n: \r\n\xff\r\n\r\n\r\n')
  hostile.write('HPUB carillon.kv.put.b.k _INBOX.x 12 12\r\nNATS/1.0\r\n\r\n\r\n')
  hostile.write(Buffer.concat([Buffer.from('PUB carillon.kv.put.b.'), Buffer.from([0xff, 0xfe]), Buffer.from(' 1\r\nx\r\n')]))
  hostile.publish('$SRV.PING.carillon', {}, '')
  hostile.publish('carillon.ring', { payload: 'x'.repeat(1000) }, 'not.your.inbox')
  await hostile.ping().catch(() => {})
  t.equal(code(await client.request('carillon.kv.get.b.nobody')), '404')
  t.same(system.crashes(), [])
})

t.test('events off → none is published', async t => {
  const { client } = await natsRig(t, { events: false })
  let events = 0
  await client.subscribe('carillon.event.>', () => events++)
  await client.request('carillon.kv.put.b.k', { payload: '1' })
  await client.ping()
  t.equal(events, 0)
})

t.test('services convention: what was asked and refused is counted', async t => {
  const { client } = await natsRig(t)
  await client.request('carillon.kv.put.b.k', { payload: '1' })
  await client.request('carillon.kv.get.b.k')
  await client.request('carillon.kv.get.b.k', { headers: { 'Carillon-R': 'x' } })
  const { endpoints } = JSON.parse((await client.request('$SRV.STATS.carillon')).payload.toString())
  t.match(endpoints[0], {
    name: 'get',
    subject: 'carillon.kv.get.>',
    queue_group: 'carillon-kv',
    num_requests: 2,
    num_errors: 1,
    last_error: /Carillon-R/
  })
  t.match(endpoints[1], { name: 'put', num_requests: 1, num_errors: 0, last_error: '' })
  t.ok(endpoints[1].processing_time > 0)
})

t.test('admin door: what the command line asks → JSON; what is wrong → an error of the services convention', async t => {
  const { client } = await natsRig(t)
  const ask = async (name: string, request: unknown = {}) =>
    client.request(`carillon.admin.${name}`, { payload: JSON.stringify(request) })
  const json = async (name: string, request?: unknown) => JSON.parse((await ask(name, request)).payload.toString())
  await client.request('carillon.kv.put.people.alice', { payload: '{"n":1}', headers: { 'Content-Type': 'application/json' } })
  t.match(await json('cluster'), { cluster: 'carillon', hosts: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] })
  t.equal((await json('ring')).owners.length, 16)
  t.match(await json('actors', { host: 'b' }), { host: 'b' })
  t.match(await json('explain', { bucket: 'people', key: 'alice' }), { key: 'alice', agree: true })
  t.match(await json('explain', { bucket: 'people', key_base64: '/wA=' }), { key_base64: '/wA=', agree: true })
  t.match(await json('bucket-set', { bucket: 'people', properties: { w: 3 } }), { bucket: 'people', w: 3 })
  t.match(await json('bucket-get', { bucket: 'people' }), { w: 3 })
  t.same(await json('keys', { bucket: 'people', limit: 10 }), { bucket: 'people', keys: ['alice'], cursor: null, coverage: 1 })
  t.same((await json('keys', { bucket: 'people', values: true })).pairs, [{ key: 'alice', value: { n: 1 } }])
  t.match((await ask('metrics')).payload.toString(), /carillon_up 1/)
  t.match(await json('cluster', undefined), { cluster: 'carillon' })
  const wrong: [string, unknown, string][] = [
    ['fly', {}, '404'],
    ['__proto__', {}, '404'],
    ['explain', {}, '400'],
    ['explain', { bucket: 'no name', key: 'k' }, '400'],
    ['bucket-set', { bucket: 'b', properties: { colour: 1 } }, '400'],
    ['keys', { limit: 0 }, '400'],
    ['keys', { cursor: 'x' }, '400'],
    ['actors', { host: 'zz' }, '404'],
    ['actors', { host: 7 }, '400'],
    ['cluster', [], '400']
  ]
  for (const [name, request, expected] of wrong) t.equal(code(await ask(name, request)), expected, name)
  t.equal(code(await client.request('carillon.admin.cluster', { payload: '{' })), '400')
})

t.test('NATS door: it drains under requests → those under way are answered, later ones find nobody', async t => {
  const { client, system } = await natsRig(t)
  const answers = Array.from({ length: 200 }, (_, index) => client.request(`carillon.kv.put.b.k${index}`, { payload: 'x' }))
  await client.ping()
  await system.stop()
  for (const answer of await Promise.all(answers))
    t.ok(['', '503'].includes(answer.status), 'answered, or told by the server that nobody is there')
  t.equal((await client.request('carillon.kv.get.b.k1')).status, '503')
})
