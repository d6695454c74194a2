import type { Test } from 'tap'
import { header } from '../api/raw-nats-client.ts'
import type { DoorRig } from './door-rig.ts'

interface Kind {
  readonly name: string
  readonly type: 'application/json' | 'application/octet-stream'
  readonly bytes: Buffer
  /** As the TypeScript door gives and takes it. */
  readonly value: unknown
}

const json = (name: string, value: unknown): Kind => ({
  name,
  type: 'application/json',
  bytes: Buffer.from(JSON.stringify(value)),
  value
})
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

const kinds: readonly Kind[] = [
  json('string', 'grüezi \u0000 "quoted" 🔔 \r\n'),
  json('empty-string', ''),
  json('number', -1.5e-7),
  json('zero', 0),
  json('true', true),
  json('false', false),
  json('null', null),
  json('list', [1, 'two', [3, null], {}]),
  json('empty-list', []),
  json('object', { name: 'Alice', nested: { list: [true], 'é.*>': 1 } }),
  { name: 'bytes', type: 'application/octet-stream', bytes: everyByte, value: new Uint8Array(everyByte) },
  { name: 'no-bytes', type: 'application/octet-stream', bytes: Buffer.alloc(0), value: new Uint8Array(0) }
]

const bucket = 'kinds'

/** S1: every value kind, written through each door and read through all of them, each at another host. */
export async function valueKinds(t: Test, { http, kv, stores }: DoorRig): Promise<void> {
  const asMembers = ({ type, bytes }: Kind): string =>
    type === 'application/json'
      ? `"value":${bytes}`
      : `"value":"${bytes.toString('base64')}","encoding":"base64","content_type":"${type}"`

  const writers: Readonly<Record<string, (key: string, kind: Kind) => Promise<boolean>>> = {
    http: async (key, kind) =>
      (await http(0, 'PUT', `/api/v1/store?bucket=${bucket}`, `{"key":"${key}",${asMembers(kind)}}`)).status === 201,
    raw: async (key, { type, bytes }) =>
      (await http(1, 'PUT', `/api/v1/buckets/${bucket}/keys/${key}`, bytes, { 'content-type': type })).status === 201,
    nats: async (key, { type, bytes }) =>
      (await kv(2, `put.${bucket}.${key}`, { payload: bytes, headers: { 'Content-Type': type } })).payload.length === 0,
    typescript: async (key, { value }) => (await stores[0]!.bucket(bucket).put(key, value)).context !== undefined
  }

  for (const [door, write] of Object.entries(writers)) {
    await t.test(`S1: every kind of value, written through ${door} → the same bytes and type through every door`, async t => {
      for (const kind of kinds) {
        const key = `${door}-${kind.name}`
        t.ok(await write(key, kind), `${key} is stored`)

        const asJson = await http(1, 'GET', `/api/v1/store/${key}?bucket=${bucket}`)
        t.ok(asJson.text.startsWith(`{"message":"found","key":"${key}",${asMembers(kind)},"context":`), asJson.text)
        const asBytes = await http(2, 'GET', `/api/v1/buckets/${bucket}/keys/${key}`)
        t.ok(asBytes.bytes.equals(kind.bytes), `${key} over the raw door`)
        t.equal(asBytes.headers.get('content-type'), kind.type)
        const overNats = await kv(0, `get.${bucket}.${key}`)
        t.ok(overNats.payload.equals(kind.bytes), `${key} over NATS`)
        t.equal(header(overNats, 'Content-Type'), kind.type)
        const found = await stores[1]!.bucket(bucket).get(key)
        t.strictSame(found?.value, kind.value, `${key} in TypeScript`)
        const stored = await stores[2]!.bucket(bucket).getBytes(key)
        t.ok(kind.bytes.equals(stored!.value), `${key} as the bytes that are stored`)
      }
    })
  }
}
