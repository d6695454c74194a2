import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { isLeader, putRequest, rangeRequest, valueOfRange } from '../../api/bench/etcd-messages.ts'
import { bytesFieldLength, ProtobufReader, varintLength, writeBytesField, writeVarint } from '../../api/bench/protobuf.ts'

const framePrefixBytes = 5

function bytesField(field: number, bytes: Uint8Array): Buffer {
  const target = Buffer.alloc(bytesFieldLength(field, bytes.length))
  assert.equal(writeBytesField(target, 0, field, bytes), target.length)
  return target
}

/** Of any 64 bits, as servers write them. */
function varint(number: bigint): Buffer {
  const bytes: number[] = []
  let left = number
  for (; left > 0x7fn; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(left)])
}

function numberField(field: number, number: bigint): Buffer {
  return Buffer.concat([varint(BigInt(field * 8)), varint(number)])
}

t.test('numbers and bytes of any size → read back as they were, what nobody asks for is passed over', async t => {
  const field = fc.integer({ min: 1, max: 2 ** 29 - 1 })
  const part = fc.oneof(
    fc.record({ field, number: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({ field, bytes: fc.uint8Array({ maxLength: 400 }) })
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), fc.nat(3), (parts, every) => {
      const reader = new ProtobufReader(
        Buffer.concat(
          parts.map(each => ('number' in each ? numberField(each.field, each.number) : bytesField(each.field, each.bytes)))
        )
      )
      for (const [index, each] of parts.entries()) {
        assert.ok(reader.next())
        assert.equal(reader.field, each.field)
        if (index % 4 === every) continue
        if ('number' in each) assert.equal(reader.uint64(), each.number)
        else assert.deepEqual(Buffer.from(reader.bytes()), Buffer.from(each.bytes))
      }
      assert.equal(reader.next(), false)
    })
  )
  t.pass('holds')
})

t.test('varint: its length is what is written, at the borders too', async t => {
  for (const number of [0, 1, 127, 128, 300, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
    const target = Buffer.alloc(10)
    const end = writeVarint(target, 0, number)
    t.equal(end, varintLength(number), String(number))
    t.same(target.subarray(0, end), varint(BigInt(number)))
  }
})

t.test('bytes of a message cut or changed anywhere → read or refused, never beyond the end', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
      const reader = new ProtobufReader(bytes)
      try {
        while (reader.next());
      } catch (error) {
        assert.ok(error instanceof RangeError)
      }
    })
  )
  t.throws(() => drained([0x0a, 5, 1]), /beyond the end/)
  t.throws(() => drained(new Array<number>(11).fill(0x80)), /more than 10 bytes|beyond the end/)
  t.throws(() => drained([0x0b]), /wire type 3/)
  t.throws(() => drained([0x00]), /number 0/)
})

function drained(bytes: readonly number[]): void {
  const reader = new ProtobufReader(Buffer.from(bytes))
  while (reader.next());
}

t.test('etcd: a put and a range of known bytes', async t => {
  // As protoc encodes PutRequest{key:"k1",value:"v"} and RangeRequest{key:"k1"}.
  t.equal(Buffer.from(putRequest('k1', Buffer.from('v'))).toString('hex'), '00000000070a026b31120176')
  t.equal(Buffer.from(rangeRequest('k1')).toString('hex'), '00000000040a026b31')
  const large = putRequest('k', new Uint8Array(70_000))
  t.equal(Buffer.from(large).readUInt32BE(1), large.length - framePrefixBytes)
})

t.test('etcd: the value of a range, none where there is no pair, an empty one where it has no bytes', async t => {
  const header = bytesField(1, numberField(2, 77n))
  const pair = Buffer.concat([bytesField(1, Buffer.from('k')), numberField(2, 5n), bytesField(5, Buffer.from('value'))])
  t.equal(Buffer.from(valueOfRange(Buffer.concat([header, bytesField(2, pair), numberField(4, 1n)]))!).toString(), 'value')
  t.equal(valueOfRange(header), undefined)
  t.equal(valueOfRange(bytesField(2, bytesField(1, Buffer.from('k'))))?.length, 0)
})

t.test('etcd: a member leads where it names itself, with ids of 64 bits', async t => {
  const id = 2n ** 64n - 3n
  const status = (member: bigint, leader: bigint) =>
    Buffer.concat([bytesField(1, Buffer.concat([numberField(1, 9n), numberField(2, member)])), numberField(4, leader)])
  t.ok(isLeader(status(id, id)))
  t.notOk(isLeader(status(id, id - 1n)))
  t.notOk(isLeader(status(0n, 0n)), 'an election is under way')
})
