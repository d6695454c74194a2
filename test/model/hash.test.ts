import fc from 'fast-check'
import t from 'tap'
import xxhash from 'xxhash-wasm'
import { hash32, hash53 } from '../../model/hash.ts'

const { h32Raw } = await xxhash()
const text = (value: string) => new TextEncoder().encode(value)

t.test('hash32: the published vectors of XXH32', async t => {
  t.equal(hash32(text(''), 0), 0x02cc5d05)
  t.equal(hash32(text(''), 0x9e3779b1), 0x36b78ae7)
  t.equal(hash32(text('a'), 0), 0x550d7456)
  t.equal(hash32(text('abc'), 0), 0x32d153ff)
  t.equal(hash32(text('Nobody inspects the spammish repetition'), 0), 0xe2293b2f)
})

t.test('hash32: every length from 0 to 1,100 gives what xxhash-wasm gives', async t => {
  const bytes = new Uint8Array(1100)
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 167 + 13) & 0xff
  for (let length = 0; length <= bytes.length; length++) {
    const part = bytes.subarray(0, length)
    if (hash32(part, length) !== h32Raw(part, length)) t.fail(`length ${length} differs`)
  }
})

t.test('hash32: any bytes at any offset with any seed give what xxhash-wasm gives', async () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.nat(20),
      fc.integer({ min: 0, max: 0xffff_ffff }),
      (bytes, offset, seed) => {
        const part = bytes.subarray(Math.min(offset, bytes.length))
        const hash = hash32(part, seed)
        return hash === h32Raw(part, seed) && hash >= 0 && hash < 2 ** 32
      }
    ),
    { numRuns: 1000 }
  )
})

t.test('hash53: an integer below 2^53 that tells 100,000 near inputs apart', async t => {
  const seen = new Set<number>()
  const bytes = new Uint8Array(8)
  for (let at = 0; at < 100_000; at++) {
    bytes[0] = at & 0xff
    bytes[1] = (at >> 8) & 0xff
    bytes[2] = at >> 16
    const digest = hash53(bytes)
    if (!Number.isSafeInteger(digest) || digest < 0) t.fail(`${digest} is out of range`)
    seen.add(digest)
  }
  t.equal(seen.size, 100_000)
})
