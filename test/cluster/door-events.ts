import type { Test } from 'tap'
import type { StoreEvent } from '../../api/client/watch.ts'
import { until } from './cluster-rig.ts'
import type { DoorRig } from './door-rig.ts'

const writes = 60

/** What is told of accepted writes, at whichever host one listens. */
export async function events(t: Test, { http, kv, raw, stores }: DoorRig): Promise<void> {
  await t.test('carillon.event.> → exactly one event for each accepted write, none for a refused one, at every host', async t => {
    const told = raw.map(
      () => [] as { subject: string; event: { key?: string; bucket: string; op: string; content_type?: string } }[]
    )
    const subscribed = await Promise.all(
      raw.map((client, index) =>
        client.subscribe('carillon.event.>', ({ subject, payload }) =>
          told[index]!.push({ subject, event: JSON.parse(payload.toString()) })
        )
      )
    )
    const expected: string[] = []
    const accepted = (op: string, key: string) => void expected.push(`${op} ${key}`)
    for (let index = 0; index < writes; index++) {
      const host = index % 3
      const key = `k${index}`
      if (index % 2 === 0) await http(host, 'PUT', `/api/v1/store/${key}?bucket=told`, { value: index })
      else if (index % 5 === 0) await stores[host]!.bucket('told').put(key, index)
      else await kv(host, `put.told.${key}`, { payload: String(index) })
      accepted('put', key)
    }
    t.equal((await http(0, 'POST', '/api/v1/store?bucket=told', { key: 'k0', value: 1 })).status, 409)
    t.equal((await http(1, 'PUT', '/api/v1/store/k0?bucket=told&w=4', { value: 1 })).status, 400)
    t.equal((await http(2, 'PUT', '/api/v1/store/k0?bucket=told', { value: 'x'.repeat(11_000) })).status, 413)
    t.equal((await http(0, 'PUT', '/api/v1/store/k0?bucket=told&context=AAAA', { value: 1 })).status, 400)
    t.equal((await http(1, 'PUT', '/api/v1/buckets/told/keys/k0', 'x', { 'if-match': '"0"' })).status, 412)
    await kv(2, 'create.told.k1', { payload: '2' })
    await t.rejects(stores[0]!.bucket('told').create('k2', 2), { code: 'key_exists' })
    await http(1, 'POST', '/api/v1/store?bucket=told', { key: 'created', value: 1 })
    accepted('put', 'created')
    await http(2, 'DELETE', '/api/v1/store/k0?bucket=told')
    accepted('delete', 'k0')
    await stores[1]!.bucket('told').batch([
      { op: 'put', key: 'batched', value: 1 },
      { op: 'delete', key: 'k3' }
    ])
    accepted('put', 'batched')
    accepted('delete', 'k3')
    // One more from each owner: who has these has what came before them over the same connections.
    for (let last = 0; last < 30; last++) {
      await stores[last % 3]!.bucket('told').put(`last-${last}`, last)
      accepted('put', `last-${last}`)
    }
    for (const [index, client] of raw.entries()) {
      await until(`all events at host ${index + 1}`, async () => {
        await client.ping()
        return told[index]!.length >= expected.length
      })
      t.same(told[index]!.map(({ event }) => `${event.op} ${event.key}`).sort(), [...expected].sort(), `host ${index + 1}`)
      t.ok(told[index]!.every(({ subject, event }) => event.bucket === 'told' && subject === `carillon.event.told.${event.key}`))
    }
    t.match(told[0]!.find(({ event }) => event.key === 'k2')?.event, {
      content_type: 'application/json',
      context: /^[A-Za-z0-9_-]+$/
    })
    for (const [index, client] of raw.entries()) client.write(`UNSUB ${subscribed[index]}\r\n`)
  })

  await t.test(
    'watch(): a TypeScript client is told of what others write, in any bucket key, until it leaves the loop',
    async t => {
      const seen: StoreEvent[] = []
      let ready = (): void => {}
      const isReady = new Promise<void>(resolve => {
        ready = resolve
      })
      const watching = (async () => {
        for await (const event of stores[2]!.bucket('watched').watch({ onReady: ready })) {
          seen.push(event)
          if (seen.length === 4) break
        }
      })()
      await isReady
      await http(0, 'PUT', '/api/v1/store/a%20b?bucket=watched', { value: 1 })
      await kv(1, 'put.watched.c', { payload: 'x', headers: { 'Content-Type': 'text/plain' } })
      await stores[0]!.bucket('elsewhere').put('c', 1)
      await stores[0]!.bucket('watched').put(new Uint8Array([255, 0]), 1)
      await http(2, 'DELETE', '/api/v1/store/c?bucket=watched')
      await watching
      const found = (op: string, key: unknown) =>
        seen.find(event => event.op === op && Buffer.from(event.key as string).equals(Buffer.from(key as string)))
      t.match(found('put', 'a b'), { bucket: 'watched', contentType: 'application/json' })
      t.match(found('put', 'c'), { contentType: 'text/plain' })
      t.ok(found('put', new Uint8Array([255, 0])))
      t.match(found('delete', 'c'), { contentType: undefined })
    }
  )
}
