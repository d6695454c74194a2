import type { Test } from 'tap'
import { header } from '../api/raw-nats-client.ts'
import { until } from './cluster-rig.ts'
import type { DoorRig } from './door-rig.ts'

/** A bucket whose values are compressed looks like any other, but for the bytes of its records. */
export async function compressedBucket(t: Test, { http, kv, stores }: DoorRig): Promise<void> {
  const document = { list: Array.from({ length: 80 }, (_, id) => ({ id, name: `name-${id}`, isOpen: id % 2 === 0 })) }
  const text = JSON.stringify(document)
  const path = '/api/v1/store/k?bucket=squeezed'
  const recordBytes = async (): Promise<number[]> =>
    (await http(0, 'GET', '/api/v1/explain/squeezed/k')).json.preference.map((each: { bytes: number }) => each.bytes)

  await t.test('bucket property compression: a wrong one is named; deflate holds at all hosts', async t => {
    t.match(await http(0, 'PUT', '/api/v1/buckets/squeezed', { compression: 'zip' }), {
      status: 400,
      json: { detail: /compression is "zip": allowed is none, deflate/ }
    })
    t.match((await http(0, 'GET', '/api/v1/buckets/squeezed')).json, { compression: 'none' })
    t.equal((await http(0, 'PUT', '/api/v1/buckets/squeezed', { compression: 'deflate' })).status, 200)
    for (const host of [0, 1, 2]) {
      await until(
        `host ${host + 1} knows it`,
        async () => (await http(host, 'GET', '/api/v1/buckets/squeezed')).json.compression === 'deflate'
      )
    }
  })

  await t.test('compressed bucket: written by one door → plain at each, at all hosts; the records are small', async t => {
    t.equal((await http(0, 'PUT', `${path}&w=3`, { value: document })).status, 201)
    for (const host of [0, 1, 2]) {
      t.same((await http(host, 'GET', path)).json.value, document)
      const raw = await http(host, 'GET', '/api/v1/buckets/squeezed/keys/k')
      t.equal(raw.text, text)
      t.equal(raw.headers.get('content-type'), 'application/json')
      const message = await kv(host, 'get.squeezed.k')
      t.equal(message.payload.toString(), text)
      t.equal(header(message, 'Content-Type'), 'application/json')
      t.same((await stores[host]!.bucket('squeezed').get('k'))?.value, document)
    }
    for (const bytes of await recordBytes()) t.ok(bytes > 0 && bytes < text.length / 2, `${bytes} bytes of ${text.length}`)
    const page = await http(1, 'GET', '/api/v1/buckets/squeezed/keys?values=true&strict=true')
    t.same(page.json.pairs, [{ key: 'k', value: document }])
  })

  await t.test('compressed bucket: siblings of before and after it was set to none → both plain', async t => {
    await http(0, 'PUT', '/api/v1/buckets/squeezed', { compression: 'none' })
    for (const host of [0, 1, 2]) {
      await until(
        `host ${host + 1} knows it`,
        async () => (await http(host, 'GET', '/api/v1/buckets/squeezed')).json.compression === 'none'
      )
    }
    const other = { ...document, later: true }
    await stores[1]!.bucket('squeezed').put('k', other, { w: 3 })
    t.same(
      (await http(2, 'GET', path)).json.siblings.map((each: { value: unknown }) => each.value),
      [other, document]
    )
    t.same(
      (await stores[0]!.bucket('squeezed').get('k'))?.siblings.map(each => each.value),
      [other, document]
    )
    const found = await stores[0]!.bucket('squeezed').get('k')
    await stores[0]!.bucket('squeezed').put('k', document, { context: found!.context, w: 3 })
    for (const bytes of await recordBytes()) t.ok(bytes > text.length)
  })
}
