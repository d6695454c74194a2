import fc from 'fast-check'
import t from 'tap'
import type { Got } from '../../actors/coordinator/coordinator-protocol.ts'
import { etagOf } from '../../api/client/found.ts'
import { digestOf, encodeSiblings } from '../../model/siblings-codec.ts'

t.test('etag: of any record → the digest in hexadecimal, as every door writes it', t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 52 }), fc.integer({ min: 1, max: 2 ** 50 }), (vnode, counter) => {
      const version = { vnode, counter, value: Buffer.from('v'), contentType: '', modifiedMs: 0, expiresMs: 0, tombstone: false }
      const siblings = encodeSiblings({ context: { vector: [vnode, counter], cloud: [] }, versions: [version] })
      const got: Got = { kind: 'got', siblings, strength: 'strong', answered: 1, epoch: '', receipt: undefined }
      return etagOf(got) === digestOf(siblings).toString(16)
    }),
    { numRuns: 3_000 }
  )
  t.end()
})
