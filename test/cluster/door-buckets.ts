import type { Test } from 'tap'
import { until } from './cluster-rig.ts'
import type { DoorRig } from './door-rig.ts'

/** What a bucket is told at one host, the others keep to. */
export async function bucketProperties(t: Test, { http, kv, stores, raw }: DoorRig): Promise<void> {
  const set = (host: number, bucket: string, properties: unknown) => http(host, 'PUT', `/api/v1/buckets/${bucket}`, properties)
  const everywhere = async (bucket: string, properties: Record<string, unknown>): Promise<void> => {
    for (const host of [0, 1, 2]) {
      await until(`host ${host + 1} knows the properties of ${bucket}`, async () => {
        const { json } = await http(host, 'GET', `/api/v1/buckets/${bucket}`)
        return Object.entries(properties).every(([name, value]) => json[name] === value)
      })
    }
  }
  const receiptOf = async (host: number, method: string, path: string, body?: unknown) =>
    (await http(host, method, `${path}&receipt=true`, body)).json.receipt

  await t.test('bucket properties: n, r, w set at one host → hold at the others', async t => {
    t.match((await http(2, 'GET', '/api/v1/buckets/plain')).json, { n: 3, resolver: 'siblings', ttl: 0, durability: 'flushed' })
    t.match(await set(0, 'tuned', { r: 3, w: 1 }), { status: 200, json: { n: 3, r: 3, w: 1 } })
    await everywhere('tuned', { r: 3, w: 1 })
    for (const host of [0, 1, 2]) {
      t.match(await receiptOf(host, 'PUT', `/api/v1/store/k${host}?bucket=tuned`, { value: 1 }), { needed: 1 })
      t.match(await receiptOf(host, 'GET', `/api/v1/store/k${host}?bucket=tuned`), { needed: 3 })
    }
    await set(1, 'tuned', { preset: 'read-fast' })
    await everywhere('tuned', { r: 1, w: 3 })
    t.match(await receiptOf(2, 'PUT', '/api/v1/store/k?bucket=tuned', { value: 1 }), { needed: 3 })
    await set(2, 'tuned', { preset: 'balanced' })
    await everywhere('tuned', { r: 0, w: 0 })

    await set(1, 'single', { n: 1 })
    await everywhere('single', { n: 1 })
    await http(0, 'PUT', '/api/v1/store/k?bucket=single', { value: 'one copy' })
    for (const host of [0, 1, 2]) {
      const { preference } = (await http(host, 'GET', '/api/v1/explain/single/k')).json
      t.equal(preference.length, 1)
      t.ok(preference[0].found)
      t.equal((await http(host, 'GET', '/api/v1/store/k?bucket=single')).json.value, 'one copy')
    }
    t.match(await http(1, 'PUT', '/api/v1/store/k?bucket=single&w=2', { value: 1 }), {
      status: 400,
      json: { code: 'bad_request' }
    })
    t.same((await http(2, 'GET', '/api/v1/buckets')).json, { buckets: ['single', 'tuned'] })
  })

  await t.test('bucket properties: last-write-wins → blind writes through any door leave one value', async t => {
    await set(0, 'latest', { resolver: 'last-write-wins' })
    await everywhere('latest', { resolver: 'last-write-wins' })
    await http(0, 'PUT', '/api/v1/store/k?bucket=latest&w=3', { value: 1 })
    await kv(1, 'put.latest.k', { payload: '2', headers: { 'Content-Type': 'application/json', 'Carillon-W': '3' } })
    await stores[2]!.bucket('latest').put('k', 3, { w: 3 })
    for (const host of [0, 1, 2]) {
      const { json } = await http(host, 'GET', '/api/v1/store/k?bucket=latest')
      t.notOk('siblings' in json)
      t.equal(json.value, 3)
      t.same(
        (await stores[host]!.bucket('latest').get('k'))?.siblings.map(each => each.value),
        [3]
      )
    }
  })

  await t.test(
    'bucket properties: ttl, of the bucket or of one write → the value expires for every door; others stay',
    async t => {
      await set(2, 'brief', { ttl: 2 })
      await everywhere('brief', { ttl: 2 })
      await http(0, 'PUT', '/api/v1/store/k?bucket=brief', { value: 1 })
      await http(1, 'PUT', '/api/v1/store/k?bucket=own-ttl&ttl=1', { value: 1 })
      await kv(2, 'put.own-ttl.over-nats', { payload: 'x', headers: { 'Carillon-TTL': '1' } })
      await stores[0]!.bucket('own-ttl').put('typescript', 1, { ttl: 1 })
      await stores[0]!.bucket('own-ttl').put('stays', 1)
      await until('all of them have expired, at each host', async () => {
        const left = await Promise.all(
          [0, 1, 2].flatMap(host => [
            stores[host]!.bucket('brief').get('k'),
            ...['k', 'over-nats', 'typescript'].map(key => stores[host]!.bucket('own-ttl').get(key))
          ])
        )
        return left.every(found => found === undefined)
      })
      t.equal((await http(1, 'GET', '/api/v1/store/k?bucket=brief')).status, 404)
      t.same(JSON.parse((await kv(1, 'get.own-ttl.k')).payload.toString()).code, 'not_found')
      t.equal(
        (await http(2, 'POST', '/api/v1/store?bucket=brief', { key: 'k', value: 2 })).status,
        201,
        'what has expired can be created'
      )
      t.equal((await http(0, 'GET', '/api/v1/store/stays?bucket=own-ttl')).json.value, 1)
    }
  )

  await t.test('bucket properties that are wrong → 400 that names the property, over HTTP and NATS', async t => {
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ n: 0 }, /property n is 0/],
      [{ n: 17 }, /property n is 17/],
      [{ w: 4 }, /property w is 4/],
      [{ r: -1 }, /property r is -1/],
      [{ resolver: 'newest' }, /property resolver is "newest"/],
      [{ ttl: 1.5 }, /property ttl is 1\.5/],
      [{ durability: 'soon' }, /property durability/],
      [{ preset: '__proto__' }, /property preset/],
      [{ replicas: 3 }, /"replicas" is unknown/]
    ]
    for (const [properties, named] of wrong) {
      t.match(
        await set(0, 'wrong', properties),
        { status: 400, json: { code: 'bad_request', detail: named } },
        JSON.stringify(properties)
      )
      const overNats = await raw[1]!.request('carillon.admin.bucket-set', {
        payload: JSON.stringify({ bucket: 'wrong', properties })
      })
      t.match(JSON.parse(overNats.payload.toString()), { code: 'bad_request', detail: named })
    }
    t.notOk((await http(1, 'GET', '/api/v1/buckets')).json.buckets.includes('wrong'))
  })
}
