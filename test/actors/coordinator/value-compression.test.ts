import t from 'tap'
import type { Compression } from '../../../model/value-coding.ts'
import { plainVersion } from '../../../model/value-coding.ts'
import type { VnodeMessage } from '../../../actors/vnode/vnode-protocol.ts'
import { emptyContext } from '../../../model/causal-context.ts'
import { decodeSiblings, encodeSiblings } from '../../../model/siblings-codec.ts'
import { CoordinatorRig } from './coordinator-rig.ts'

const json = Buffer.from(JSON.stringify(Array.from({ length: 40 }, (_, id) => ({ id, name: `name-${id}` }))))

function rigWith(compression: Compression): CoordinatorRig {
  const rig = new CoordinatorRig()
  rig.buckets({ b: { version: 1, writer: 'h1', properties: { compression } } })
  return rig
}

function siblingsIn(message: VnodeMessage) {
  if (message.kind !== 'replicate') throw new TypeError(`a ${message.kind} has no record`)
  return decodeSiblings(message.siblings)
}

t.test('bucket with deflate: a put → all replicas get the same smaller bytes, marked', async t => {
  const rig = rigWith('deflate')
  rig.put({}, { value: json, contentType: 'application/json' })
  const [two, three] = [siblingsIn(rig.stores('h2')), siblingsIn(rig.stores('h3'))]
  t.same(encodeSiblings(two), encodeSiblings(three))
  const [stored] = two.versions
  t.equal(stored!.contentType, '\x01application/json')
  t.ok(stored!.value.length < json.length / 2)
  const plain = plainVersion(stored!)
  t.equal(plain.contentType, 'application/json')
  t.same(Buffer.from(plain.value), json)
  t.match(rig.replies, [{ kind: 'written' }])
  t.same(rig.crashes, [])
})

t.test('bucket without compression, or values that get no smaller → stored as they came', async t => {
  for (const [compression, value] of [
    ['none', json],
    ['deflate', Buffer.from('{"small":true}')],
    ['deflate', Buffer.from(Array.from({ length: 2_048 }, (_, at) => (at * 167 + (at >> 8) * 31) & 255))]
  ] as const) {
    const rig = rigWith(compression)
    rig.put({}, { value, contentType: 'application/json' })
    const [stored] = siblingsIn(rig.stores('h2')).versions
    t.equal(stored!.contentType, 'application/json')
    t.same(Buffer.from(stored!.value), value)
  }
})

t.test('bucket with deflate: delete, create over it, conditional put → as without', async t => {
  const rig = rigWith('deflate')
  const settle = (): void => {
    for (const host of ['h2', 'h3'])
      while (rig.asked.some(asked => asked.host === host)) {
        const { kind } = rig.asked.find(asked => asked.host === host)!.message
        rig.answer(host, kind === 'compare' ? { kind: 'same' } : { kind: 'stored', durability: 'flushed' })
      }
  }
  const reply = () => {
    settle()
    return rig.replies.splice(0)
  }
  rig.put({}, { value: json, contentType: 'application/json' })
  t.match(reply(), [{ kind: 'written' }])
  rig.put({}, { value: json, mode: 'create' })
  t.match(reply(), [{ kind: 'refused', fault: { code: 'key_exists' } }])
  rig.put({}, { value: json, ifMatch: 'abc', context: emptyContext })
  t.match(reply(), [{ kind: 'refused', fault: { code: 'precondition_failed' } }])
  rig.put({}, { value: json, ifMatch: '*', ttlSeconds: 60 })
  t.match(reply(), [{ kind: 'written' }])
  rig.get()
  const [got] = reply()
  if (got?.kind !== 'got') throw new TypeError('no answer')
  const { versions } = decodeSiblings(got.siblings)
  t.equal(versions.length, 1)
  t.ok(versions[0]!.expiresMs > 0)
  t.same(Buffer.from(plainVersion(versions[0]!).value), json)
})

t.test('a content type that looks like our mark → refused, whoever sends it', async t => {
  const rig = rigWith('none')
  rig.put({}, { value: json, contentType: '\x01text/plain' })
  t.match(rig.replies, [{ kind: 'refused', fault: { code: 'bad_request' } }])
  t.same(rig.open, [])
})
