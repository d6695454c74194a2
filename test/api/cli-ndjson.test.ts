import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { linesOf } from '../../api/cli/ndjson-lines.ts'
import { BadLine, lineOfPair, pairOfLine } from '../../api/cli/pair-line.ts'
import { bytesOfBase64 } from '../../api/cli/options.ts'
import { chunksOf } from './cli-test-terminal.ts'

async function linesFrom(chunks: (string | Uint8Array)[], max = 1_000): Promise<[number, string | undefined][]> {
  const lines: [number, string | undefined][] = []
  for await (const { number, bytes } of linesOf(chunksOf(...chunks), max)) lines.push([number, bytes?.toString('utf8')])
  return lines
}

const bytes = (text: string) => Buffer.from(text, 'utf8')
const parsed = (text: string) => pairOfLine(bytes(text), 'default')
const refusal = (text: string | Uint8Array): string => {
  try {
    pairOfLine(Buffer.from(text), 'default')
  } catch (error) {
    if (error instanceof BadLine) return error.message
    throw error
  }
  return 'taken'
}

t.test('lines: cut anywhere into chunks → the same lines with the same numbers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', '"'), maxLength: 12 }), { maxLength: 12 }),
      fc.array(fc.nat(40), { maxLength: 8 }),
      async (texts, cuts) => {
        const whole = bytes(texts.join('\n'))
        const places = [...new Set([0, ...cuts.filter(cut => cut < whole.length), whole.length])].toSorted((a, b) => a - b)
        const chunks = places.slice(1).map((place, at) => whole.subarray(places[at], place))
        const wanted = texts.map((text, at) => [at + 1, text] as const).filter(([, text]) => text !== '')
        assert.deepEqual(await linesFrom(chunks), wanted)
      }
    )
  )
})

t.test('lines: CRLF ends, empty lines and a last line without an end → numbers as an editor shows them', async t => {
  t.strictSame(await linesFrom(['a\r\n\r\n\nb\nc']), [
    [1, 'a\r'],
    [4, 'b'],
    [5, 'c']
  ])
})

t.test(
  'lines: one over the bound, in one chunk or in many → given out once without its bytes, the next ones as usual',
  async t => {
    const long = 'x'.repeat(101)
    for (const chunks of [[`${long}\nok\n`], ['x'.repeat(60), 'x'.repeat(60), 'x'.repeat(9), '\nok']]) {
      t.strictSame(await linesFrom(chunks, 100), [
        [1, undefined],
        [2, 'ok']
      ])
    }
    t.strictSame(await linesFrom(['x'.repeat(100)], 100), [[1, 'x'.repeat(100)]], 'just within')
    t.strictSame(await linesFrom(['x'.repeat(60), 'x'.repeat(60)], 100), [[1, undefined]], 'as the last line')
  }
)

t.test('pairs: any JSON value → taken as the bytes that stand in the line', async t => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
      fc.jsonValue(),
      fc.boolean(),
      (key, value, first) => {
        const member = JSON.stringify(value)
        const text = first
          ? `{"value":${member},"key":${JSON.stringify(key)}}`
          : ` { "key" : ${JSON.stringify(key)} , "value" :\t${member} } `
        const pair = parsed(text)
        assert.equal(Buffer.from(pair.value).toString('utf8'), member)
        assert.equal(Buffer.from(pair.key).toString('utf8'), key)
        assert.equal(pair.contentType, 'application/json')
        assert.equal(pair.bucket, 'default')
      }
    )
  )
  t.equal(
    Buffer.from(parsed('{"key":"k","value":12345678901234567890.10}').value).toString(),
    '12345678901234567890.10',
    'digits beyond a double'
  )
})

t.test('pairs: whatever is stored → its exported line gives the same key, bytes and type when it is read again', async () => {
  const type = fc.constantFrom('application/json', 'application/octet-stream', 'text/plain; charset=utf-8', 'image/png')
  const value = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.json().map(bytes), fc.constant(bytes('{\n"a": 1}')))
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      value,
      type,
      fc.constantFrom('default', 'users'),
      (key, stored, contentType, bucket) => {
        const line = lineOfPair(
          bucket,
          key,
          { versions: [{ value: stored, contentType }], context: '', strength: 'strong', receipt: undefined },
          true
        )
        assert.equal(line.indexOf('\n'), line.length - 1, 'one line')
        const back = pairOfLine(bytes(line.trimEnd()), 'default')
        assert.deepEqual(
          [Buffer.from(back.key), Buffer.from(back.value), back.contentType, back.bucket],
          [Buffer.from(key), Buffer.from(stored), contentType, bucket]
        )
      }
    )
  )
})

t.test('pairs: two versions with --siblings → the newest as the value, all under "siblings"', async t => {
  const versions = [bytes('2'), bytes('1')].map(value => ({ value, contentType: 'application/json' }))
  const found = { versions: [versions[0]!, versions[1]!] as const, context: '', strength: 'strong' as const, receipt: undefined }
  t.strictSame(JSON.parse(lineOfPair('default', bytes('k'), found, true)), {
    key: 'k',
    value: 2,
    siblings: [{ value: 2 }, { value: 1 }]
  })
  t.strictSame(JSON.parse(lineOfPair('default', bytes('k'), found, false)), { key: 'k', value: 2 })
})

t.test('pairs: a byte order mark, base64 of either alphabet, another bucket → taken', async t => {
  t.equal(Buffer.from(parsed('\ufeff{"key":"k","value":null}').value).toString(), 'null')
  const pair = parsed('{"bucket":"b","key_base64":"_-8=","value_base64":"+/8","content_type":"image/png"}')
  t.strictSame([pair.bucket, [...pair.key], [...pair.value], pair.contentType], ['b', [0xff, 0xef], [0xfb, 0xff], 'image/png'])
})

t.test('pairs: what is no pair → a sentence that says why', async t => {
  t.match(refusal('{"key":"k"'), /no JSON/)
  t.match(refusal('[1]'), /the line is no JSON object/)
  t.match(refusal('{"value":1}'), /"key" is missing/)
  t.match(refusal('{"key":"k"}'), /"value" is missing/)
  t.match(refusal('{"key":7,"value":1}'), /"key" is "7": a JSON string/)
  t.match(refusal('{"key":"","value":1}'), /the key is empty/)
  t.match(refusal(`{"key":"${'k'.repeat(513)}","value":1}`), /513 bytes, the limit is 512/)
  t.match(refusal('{"key":"\\ud800","value":1}'), /half of a surrogate pair/)
  t.match(refusal('{"key":"k","key_base64":"aw","value":1}'), /one of them/)
  t.match(refusal('{"key":"k","value":1,"value_base64":"aw"}'), /one of them/)
  t.match(refusal('{"key_base64":"a","value":1}'), /no base64/)
  t.match(refusal('{"key":"k","value_base64":"%%"}'), /no base64/)
  t.match(refusal('{"key":"k","value":1,"content_type":"image/png"}'), /goes with "value_base64"/)
  t.match(refusal('{"key":"k","value":1,"bucket":"no bucket"}'), /no bucket name/)
  t.match(refusal('{"key":"k","key":"l","value":1}'), /twice/)
  t.match(refusal(Buffer.from([0x7b, 0xff, 0x7d])), /not UTF-8/)
  t.match(refusal(`{"key":"k","value":${'['.repeat(600)}${']'.repeat(600)}}`), /nested deeper than 500/)
  t.equal(refusal('{"__proto__":{"polluted":true},"key":"k","value":1}'), 'taken')
  t.equal(({} as { polluted?: boolean }).polluted, undefined)
})

t.test('pairs: any bytes, and any JSON → a pair within its bounds or a BadLine, never another error', async () => {
  const member = fc.constantFrom('key', 'value', 'key_base64', 'value_base64', 'bucket', 'content_type', '__proto__')
  const text = fc.oneof(
    fc.json(),
    fc.dictionary(member, fc.oneof(fc.string(), fc.jsonValue())).map(value => JSON.stringify(value))
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }).map(given => Buffer.from(given)),
        text.map(bytes)
      ),
      given => {
        try {
          const { key, bucket } = pairOfLine(given, 'default')
          assert.ok(key.length >= 1 && key.length <= 512 && bucket.length >= 1)
        } catch (error) {
          assert.ok(error instanceof BadLine, String(error))
        }
      }
    )
  )
})

t.test('base64: every byte string in both alphabets, padded or not → the bytes; anything else → undefined', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), given => {
      const buffer = Buffer.from(given)
      for (const text of [buffer.toString('base64'), buffer.toString('base64url'), buffer.toString('base64').replace(/=+$/, '')])
        assert.deepEqual(bytesOfBase64(text), buffer)
    })
  )
  for (const text of ['a', 'ab==c', 'a b', 'aé', 'YR==']) t.equal(bytesOfBase64(text), undefined, text)
})
