import t from 'tap'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { httpRig, problemOf } from './http-rig.ts'
import { ringOfHosts } from './small-store.ts'

t.test('cluster, ring, actors, explain: the documented shapes', async t => {
  const { ask, store } = await httpRig(t)
  await ask('PUT', '/api/v1/store/k', { value: 1 })
  const cluster = (await ask('GET', '/api/v1/cluster')).json()
  t.match(cluster, { cluster: 'carillon', epoch: '0000abcd', datacenters: ['dc1'], plan: null })
  t.match(cluster.hosts[0], {
    name: 'a',
    uid: 1,
    incarnation: 1,
    state: 'up',
    dc: 'dc1',
    zone: 'zone-a',
    weight: 1,
    pid: 100,
    http: '127.0.0.1:7071',
    nats: String,
    partitions: 16,
    version: '0.1.0'
  })
  const ring = (await ask('GET', '/api/v1/ring')).json()
  t.match(ring, { epoch: '0000abcd', partitions: 16, replicas: 3 })
  t.same(ring.owners[1], ['b', 'c', 'a'])
  t.match((await ask('GET', '/api/v1/actors?host=b')).json(), { host: 'b', tree: { name: 'b', children: [] } })
  const unknown = await ask('GET', '/api/v1/actors?host=zz')
  t.equal(unknown.statusCode, 404)
  t.match(problemOf(unknown)['detail'], /a, b, c/)

  const explained = (await ask('GET', '/api/v1/explain/default/k')).json()
  t.match(explained, { bucket: 'default', key: 'k', partition: Number, hints: [], agree: true })
  t.same(
    explained.preference.map((replica: { host: string }) => replica.host),
    ring.owners[explained.partition]
  )
  t.match(explained.preference[0], {
    role: 'primary',
    state: 'up',
    found: true,
    dots: [[String, 1]],
    siblings: 1,
    tombstone: false,
    digest: String,
    bytes: Number
  })
  // Host a is the door's own.
  const second = explained.preference.find((replica: { host: string }) => replica.host !== 'a')
  store.records.get(second.host)!.clear()
  t.equal((await ask('GET', '/api/v1/explain/default/k')).json().agree, false)
  store.kill(second.host)
  const withOneGone = (await ask('GET', '/api/v1/explain/default/k')).json()
  t.match(
    withOneGone.preference.find((replica: { host: string }) => replica.host === second.host),
    { reached: false, found: false }
  )
})

t.test('work: the items of each host; one that does not answer is shown as such', async t => {
  const { ask, store } = await httpRig(t)
  store.kill('c')
  const { hosts } = (await ask('GET', '/api/v1/work')).json()
  t.match(hosts, [
    { host: 'a', reached: true },
    { host: 'b', reached: true },
    { host: 'c', reached: false, items: [] }
  ])
  t.same(hosts[0].items, [
    {
      job: 'handoff/z',
      kind: 'handoff',
      subject: 'z',
      state: 'running',
      ready: true,
      fence: 8,
      lost: 1,
      runs: 2,
      figures: { keys: 3 },
      totals: { keys: 3 }
    }
  ])
})

t.test('buckets: properties are read, changed one by one, and refused by name', async t => {
  const { ask } = await httpRig(t)
  t.same((await ask('GET', '/api/v1/buckets/b')).json(), {
    bucket: 'b',
    n: 3,
    r: 0,
    w: 0,
    resolver: 'siblings',
    ttl: 0,
    durability: 'flushed',
    rate: 0
  })
  t.equal((await ask('PUT', '/api/v1/buckets/b', { w: 3 })).json().w, 3)
  const after = await ask('PUT', '/api/v1/buckets/b', { ttl: 60, resolver: 'last-write-wins' })
  t.match(after.json(), { n: 3, w: 3, ttl: 60, resolver: 'last-write-wins' })
  t.same((await ask('PUT', '/api/v1/buckets/b', after.json())).statusCode, 200, 'what GET gives can be sent back')
  for (const [body, named] of [
    [{ n: 99 }, /property n/],
    [{ colour: 'red' }, /"colour"/],
    [{ resolver: 'coin' }, /property resolver/],
    [{ n: 1 }, /property w/],
    [[], /JSON object/]
  ] as const) {
    const answer = await ask('PUT', '/api/v1/buckets/b', body)
    t.equal(answer.statusCode, 400)
    t.match(problemOf(answer)['detail'], named)
  }
  t.equal((await ask('GET', '/api/v1/buckets/no%20name')).statusCode, 400)
  t.same((await ask('GET', '/api/v1/buckets')).json(), { buckets: ['b'] })
})

t.test('keys: pages of any size → every live key of the bucket once, and no other', async t => {
  const { ask } = await httpRig(t)
  const keys = Array.from({ length: 57 }, (_, index) => `user:${index}`)
  for (const key of keys) await ask('PUT', '/api/v1/store?bucket=people', { key, value: 1 })
  for (const key of ['user:3', 'user:44']) await ask('DELETE', `/api/v1/store/${key}?bucket=people`)
  await ask('PUT', '/api/v1/store?bucket=peopl', { key: 'user:1', value: 1 })
  await ask('PUT', '/api/v1/store?bucket=people', { key: 'other', value: 1 })
  const live = keys.filter(key => key !== 'user:3' && key !== 'user:44')
  for (const limit of [1, 7, 50, 1000]) {
    const seen: string[] = []
    let cursor = ''
    do {
      const page = (
        await ask('GET', `/api/v1/buckets/people/keys?prefix=user%3A&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`)
      ).json()
      t.ok(page.keys.length <= limit)
      t.equal(page.coverage, 1)
      seen.push(...page.keys)
      cursor = page.cursor ?? ''
    } while (cursor !== '')
    t.same(seen.sort(), [...live].sort(), `limit ${limit}`)
  }
  t.same((await ask('GET', '/api/v1/buckets/people/keys?prefix=user%3A5&limit=1000')).json().keys.length, 8)
  t.same((await ask('GET', '/api/v1/buckets/people/keys?prefix=zzz')).json().keys, [])
  t.equal((await ask('GET', '/api/v1/buckets/people/keys?limit=1000')).json().keys.length, live.length + 1)
})

t.test('keys: bytes that are no text → as objects, or as base64url; with values', async t => {
  const { ask } = await httpRig(t)
  await ask('PUT', '/api/v1/buckets/b/keys/_wA?encoding=base64url', '{"x":1}', { 'content-type': 'application/json' })
  t.same((await ask('GET', '/api/v1/buckets/b/keys')).json().keys, [{ key_base64: '/wA=' }])
  t.same((await ask('GET', '/api/v1/buckets/b/keys?encoding=base64url')).json().keys, ['_wA'])
  t.same((await ask('GET', '/api/v1/buckets/b/keys?encoding=base64url&prefix=_w')).json().keys, ['_wA'])
  t.same((await ask('GET', '/api/v1/buckets/b/keys?values=true')).json().pairs, [
    { key: { key_base64: '/wA=' }, value: { x: 1 } }
  ])
})

t.test('keys: hosts that are away → the coverage says so, strict=true refuses; a wrong cursor → 400', async t => {
  const { ask, store } = await httpRig(t)
  await ask('PUT', '/api/v1/store?bucket=b', { key: 'k', value: 1 })
  store.kill('b')
  t.match((await ask('GET', '/api/v1/buckets/b/keys')).json(), { keys: ['k'], coverage: 1 }, 'another replica answers')
  for (const host of ['a', 'c']) store.kill(host)
  const partial = (await ask('GET', '/api/v1/buckets/b/keys')).json()
  t.match(partial, { keys: [], cursor: null, coverage: 0 })
  const strict = await ask('GET', '/api/v1/buckets/b/keys?strict=true')
  t.equal(strict.statusCode, 503)
  t.match(problemOf(strict), { code: 'quorum_unavailable', needed: 1, answered: 0 })
  for (const query of ['cursor=nonsense', 'cursor=W10', 'limit=0', 'limit=1001', 'strict=yes', 'nonsense=1']) {
    t.equal((await ask('GET', `/api/v1/buckets/b/keys?${query}`)).statusCode, 400, query)
  }
})

t.test('batch: many operations → one result each, in order; faults stay with their own', async t => {
  const { ask } = await httpRig(t)
  const operations = [
    { op: 'put', key: 'a', value: { deep: [1, ']}', '"'] } },
    { op: 'create', key: 'b', value: null },
    { op: 'get', key: 'nobody' },
    { op: 'put', key: 'big', value: 'x'.repeat(11_000) },
    { op: 'put', key: '\ud800', value: 1 },
    { op: 'fly', key: 'a' },
    { op: 'put', key: 'c' },
    { op: 'delete', key: 'nobody', context: 'nonsense' }
  ]
  const answer = await ask('POST', '/api/v1/buckets/default/batch', { operations })
  t.equal(answer.statusCode, 200)
  const { results } = answer.json()
  t.same(
    results.map((result: { status: number }) => result.status),
    [201, 201, 404, 413, 400, 400, 400, 400]
  )
  t.match(results[0], { op: 'put', message: 'key stored', key: 'a', value: { deep: [1, ']}', '"'] }, context: String })
  t.match(results[3], { code: 'too_large', limit: 10_240, size: 11_005 })
  const second = (
    await ask('POST', '/api/v1/buckets/default/batch', {
      operations: [
        { op: 'get', key: 'a' },
        { op: 'create', key: 'b', value: 1 },
        { op: 'delete', key: 'a' }
      ]
    })
  ).json()
  t.same(
    second.results.map((result: { status: number }) => result.status),
    [200, 409, 204]
  )
})

t.test('batch: what is no batch → 400; too many operations → 413', async t => {
  const { ask, store } = await httpRig(t)
  for (const body of [{}, { operations: {} }, { operations: [], more: 1 }, [], '{"operations":[}']) {
    t.equal((await ask('POST', '/api/v1/buckets/b/batch', body)).statusCode, 400)
  }
  const many = { operations: Array.from({ length: 1001 }, () => ({ op: 'get', key: 'k' })) }
  const answer = await ask('POST', '/api/v1/buckets/b/batch', many)
  t.equal(answer.statusCode, 413)
  t.match(problemOf(answer), { limit: 1000, size: 1001 })
  t.equal((await ask('POST', '/api/v1/buckets/b/batch?context=x', { operations: [] })).statusCode, 400)
  t.equal(store.seen.length, 0)
  t.same((await ask('POST', '/api/v1/buckets/b/batch', { operations: [] })).json(), { results: [] })
})

t.test('health: alive always; ready once a quorum of every partition can be reached', async t => {
  const { ask, store } = await httpRig(t)
  t.same((await ask('GET', '/healthz')).json(), { status: 'alive' })
  t.equal((await ask('GET', '/readyz')).statusCode, 200)
  const { hosts } = store.view
  store.core.setView({
    ...store.view,
    hosts: hosts.map(host => (host.name === 'a' ? host : { ...host, state: 'down' as const }))
  })
  const notReady = await ask('GET', '/readyz')
  t.equal(notReady.statusCode, 503)
  t.match(notReady.json(), { status: 'not ready', missing: [/partition 0 has 1 of 3 owners, 2 are needed/] })
  const metrics = await ask('GET', '/metrics')
  t.match(metrics.headers['content-type'], /^text\/plain/)
  t.match(metrics.body, /^carillon_up 1$/m)
})

t.test('openapi: the document names every route, and its page needs nothing from elsewhere', async t => {
  const { ask } = await httpRig(t)
  const { openapi, paths } = (await ask('GET', '/openapi.json')).json()
  t.equal(openapi, '3.1.0')
  for (const path of [
    '/api/v1/store',
    '/api/v1/store/{key}',
    '/api/v1/buckets/{bucket}',
    '/api/v1/buckets/{bucket}/keys',
    '/api/v1/buckets/{bucket}/keys/{key}',
    '/api/v1/buckets/{bucket}/batch',
    '/healthz',
    '/readyz',
    '/metrics',
    '/api/v1/cluster',
    '/api/v1/ring',
    '/api/v1/actors',
    '/api/v1/work',
    '/api/v1/explain/{bucket}/{key}',
    '/api/v1/events'
  ]) {
    t.ok(path in paths, path)
  }
  const page = await ask('GET', '/docs/')
  t.equal(page.statusCode, 200)
  t.notMatch(page.body, /(?:src|href)="https?:/)
  t.match(page.headers, {
    'content-type': /^text\/html/,
    'content-security-policy': /default-src 'self'/,
    'x-content-type-options': 'nosniff'
  })
  t.match((await ask('GET', '/docs/static/swagger-ui.css')).headers, { 'content-type': /^text\/css/ })
  t.match((await ask('GET', '/docs/nothing')).headers, { 'content-type': /^application\/problem\+json/ })
})

t.test('events: changes of the ring → server-sent events; Last-Event-ID → what came since', async t => {
  const { app, feed } = await httpRig(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  feed.viewChanged(ringOfHosts(['a', 'b']))
  const first = await frames(port, 3, '0')
  t.match(first, [
    { id: 1, event: 'host', data: { type: 'host', host: 'a', state: 'up', before: null } },
    { id: 2, event: 'host', data: { host: 'b' } },
    { id: 3, event: 'ring', data: { epoch: '0000abcd', hosts: 2 } }
  ])
  const later = frames(port, 1, '3')
  const view = ringOfHosts(['a', 'b'])
  feed.viewChanged({ ...view, hosts: view.hosts.map(host => (host.name === 'b' ? { ...host, state: 'down' as const } : host)) })
  t.match(await later, [{ id: 4, event: 'host', data: { host: 'b', state: 'down', before: 'up' } }])
})

interface Frame {
  readonly id: number
  readonly event: string
  readonly data: unknown
}

/** The first frames of the stream. */
function frames(port: number, count: number, lastSeen: string): Promise<Frame[]> {
  return new Promise((resolve, reject) => {
    const request = get({ port, host: '127.0.0.1', path: '/api/v1/events', headers: { 'last-event-id': lastSeen } }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
        const found = [...text.matchAll(/id: (\d+)\nevent: (\S+)\ndata: (.*)\n\n/g)].map(([, id, event = '', data = '']) => ({
          id: Number(id),
          event,
          data: JSON.parse(data)
        }))
        if (found.length < count) return
        request.destroy()
        resolve(found)
      })
    })
    request.on('error', reject)
  })
}
