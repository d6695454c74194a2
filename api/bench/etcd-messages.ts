import { framed } from './grpc-connection.ts'
import { bytesFieldLength, ProtobufReader, writeBytesField } from './protobuf.ts'

/** The calls and fields of etcd 3 that the bench needs; see api/etcdserverpb/rpc.proto there. */
export const putCall = '/etcdserverpb.KV/Put'
export const rangeCall = '/etcdserverpb.KV/Range'
export const statusCall = '/etcdserverpb.Maintenance/Status'

const keyField = 1
const valueField = 2
const headerField = 1
const rangePairsField = 2
const pairValueField = 5
const headerMemberField = 2
const statusLeaderField = 4

export function putRequest(key: string, value: Uint8Array): Uint8Array {
  const keyBytes = Buffer.from(key)
  const length = bytesFieldLength(keyField, keyBytes.length) + bytesFieldLength(valueField, value.length)
  return framed(length, (frame, at) => {
    writeBytesField(frame, writeBytesField(frame, at, keyField, keyBytes), valueField, value)
  })
}

/** Of one key, linearizable, which is what etcd does unless told otherwise. */
export function rangeRequest(key: string): Uint8Array {
  const keyBytes = Buffer.from(key)
  return framed(bytesFieldLength(keyField, keyBytes.length), (frame, at) => {
    writeBytesField(frame, at, keyField, keyBytes)
  })
}

export const statusRequest: Uint8Array = framed(0, () => {})

/** @returns the value of the first pair; undefined where there is none */
export function valueOfRange(message: Uint8Array): Uint8Array | undefined {
  const range = new ProtobufReader(message)
  while (range.next()) {
    if (range.field !== rangePairsField) continue
    const pair = new ProtobufReader(range.bytes())
    while (pair.next()) if (pair.field === pairValueField) return pair.bytes()
    return new Uint8Array(0)
  }
  return undefined
}

/** Whether the member that answered leads. */
export function isLeader(message: Uint8Array): boolean {
  let member = 0n
  let leader = 0n
  const status = new ProtobufReader(message)
  while (status.next()) {
    if (status.field === statusLeaderField) leader = status.uint64()
    if (status.field !== headerField) continue
    const header = new ProtobufReader(status.bytes())
    while (header.next()) if (header.field === headerMemberField) member = header.uint64()
  }
  return leader !== 0n && leader === member
}
