import { framed } from '../../api/bench/grpc-connection.ts'
import { bytesFieldLength, ProtobufReader, writeBytesField } from '../../api/bench/protobuf.ts'

/** Replace a value if it is still the one that was read: a transaction of etcd 3, see api/etcdserverpb/rpc.proto there. */
export const replaceCall = '/etcdserverpb.KV/Txn'

const compareField = 1
const successField = 2
const putOfOpField = 2
const comparedKeyField = 3
const comparedVersionField = 4
const comparedValueField = 7
const succeededField = 2
/** Compare.target, a varint field of number 2: VERSION is 0, VALUE is 3. */
const targetVersion = Buffer.from([0x10, 0])
const targetValue = Buffer.from([0x10, 3])

/** @param before undefined: there is nothing yet */
export function replaceRequest(key: string, before: Uint8Array | undefined, after: Uint8Array): Uint8Array {
  const keyBytes = Buffer.from(key)
  const compared =
    before === undefined
      ? Buffer.concat([targetVersion, field(comparedKeyField, keyBytes), Buffer.from([comparedVersionField << 3, 0])])
      : Buffer.concat([targetValue, field(comparedKeyField, keyBytes), field(comparedValueField, before)])
  const put = Buffer.concat([field(1, keyBytes), field(2, after)])
  const body = Buffer.concat([field(compareField, compared), field(successField, field(putOfOpField, put))])
  return framed(body.length, (frame, at) => {
    frame.set(body, at)
  })
}

export function isSucceeded(message: Uint8Array): boolean {
  const reply = new ProtobufReader(message)
  while (reply.next()) if (reply.field === succeededField) return reply.uint64() === 1n
  return false
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  const target = Buffer.alloc(bytesFieldLength(number, bytes.length))
  writeBytesField(target, 0, number, bytes)
  return target
}
