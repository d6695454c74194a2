import type { PeekRequest, RecallRequest, StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Message } from '../../bus/bus.ts'
import { type CausalContext, entriesOf } from '../../model/causal-context.ts'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { bucketFault, type Key, keyFault } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { consistencyLevels } from '../../model/quorum.ts'

const ttlSecondsMax = 2 ** 31
const etagCharactersMax = 64
const vnodeIdMax = 2 ** 52
const epochCharactersMax = 64

/**
 * What a client sent as a request, believed in no field: a frame may be laid by anyone's hand.
 * @returns the request, rebuilt of what was checked; a fault where it is none
 */
export function clientRequestOf(message: Message, pairBytesMax: number): StoreRequest | PeekRequest | RecallRequest | Fault {
  const given = message as unknown as Readonly<Record<string, unknown>>
  const { kind } = message
  if (kind === 'recall') {
    const { put } = given
    if (!isWhole(put, Number.MAX_SAFE_INTEGER)) return fault('bad_request', 'put is the number of a request')
    return { kind, put, replyTo: message.replyTo as never }
  }
  if (kind !== 'get' && kind !== 'put' && kind !== 'delete' && kind !== 'peek')
    return fault('bad_request', `clients send get, peek, put, recall and delete, not ${JSON.stringify(kind.slice(0, 40))}`)
  if (kind !== 'peek' && given['hops'] !== 0) return fault('bad_request', 'a client passes nothing on: hops is 0')
  const key = checkedKey(given['key'])
  if (isFault(key)) return key
  const { options } = given
  if (!areOptions(options)) return fault('bad_request', 'the options of the request are malformed')
  const replyTo = message.replyTo as never
  if (kind === 'peek') {
    const { slot, isDigest, epoch } = given
    if (
      !isWhole(slot, limits.replicasMax) ||
      typeof isDigest !== 'boolean' ||
      typeof epoch !== 'string' ||
      epoch.length > epochCharactersMax
    )
      return fault('bad_request', 'slot is a small number, isDigest true or false, epoch that of a ring')
    return { kind, key, options, slot, isDigest, epoch, replyTo }
  }
  if (kind === 'get') return { kind, key, options, hops: 0, replyTo }
  const { context, ifMatch } = given
  if (context !== undefined && !isContext(context))
    return fault('bad_request', `the context is malformed, or has more than ${limits.contextEntriesMax} entries`)
  if (typeof ifMatch !== 'string' || ifMatch.length > etagCharactersMax) return fault('bad_request', 'ifMatch is no ETag')
  if (kind === 'delete') return { kind, key, context, ifMatch, options, hops: 0, replyTo }
  const { value, contentType, mode, ttlSeconds, countsAcks } = given
  if (!(value instanceof Uint8Array)) return fault('bad_request', 'the value is no bytes')
  const size = key.length - key.indexOf('\0') - 1 + value.length
  if (size > pairBytesMax) {
    const detail = `key and value have ${size} bytes, the limit is ${pairBytesMax}: store less in one value, or split it`
    return fault('too_large', detail, { limit: pairBytesMax, size, outcome: 'refused' })
  }
  if (typeof contentType !== 'string' || !isContentType(contentType))
    return fault('bad_request', 'the content type is not 1 to 128 printable ASCII characters')
  if (mode !== 'put' && mode !== 'create') return fault('bad_request', 'mode is put or create')
  if (!isWhole(ttlSeconds, ttlSecondsMax)) return fault('bad_request', 'ttlSeconds is a whole number of seconds')
  if (!isFlag(countsAcks)) return fault('bad_request', 'countsAcks is true or false')
  const isCounted = countsAcks === true
  return { kind, key, value, contentType, context, mode, ifMatch, ttlSeconds, options, countsAcks: isCounted, hops: 0, replyTo }
}

function checkedKey(key: unknown): Key | Fault {
  if (typeof key !== 'string' || key.length > limits.bucketNameCharactersMax + 1 + limits.keyBytesMax + 1) {
    return typeof key === 'string' ? (keyFault(key.length - key.indexOf('\0') - 1) ?? malformedKey) : malformedKey
  }
  const end = key.indexOf('\0')
  if (end < 0) return malformedKey
  const wrong = bucketFault(key.slice(0, end)) ?? keyFault(key.length - end - 1)
  if (wrong !== undefined) return wrong
  for (let at = end + 1; at < key.length; at++) if (key.charCodeAt(at) > 0xff) return malformedKey
  return key as Key
}

const malformedKey = fault('bad_request', 'the key is no bucket and key, one character a byte')

function areOptions(options: unknown): options is StoreRequest['options'] {
  if (typeof options !== 'object' || options === null) return false
  const { level, replicas, primaries, durable, durability, sloppy, receipt } = options as Record<string, unknown>
  return (
    (level === undefined || (consistencyLevels as readonly unknown[]).includes(level)) &&
    isReplicas(replicas) &&
    isReplicas(primaries) &&
    isReplicas(durable) &&
    (durability === undefined || durability === 'flushed' || durability === 'committed') &&
    isFlag(sloppy) &&
    isFlag(receipt)
  )
}

function isReplicas(value: unknown): boolean {
  return value === undefined || isWhole(value, 255)
}

function isFlag(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean'
}

function isContext(value: unknown): value is CausalContext {
  if (typeof value !== 'object' || value === null) return false
  const { vector, cloud } = value as Partial<CausalContext>
  return areDots(vector, true) && areDots(cloud, false) && entriesOf(value as CausalContext) <= limits.contextEntriesMax
}

/** Flat pairs, ascending by vnode and then counter. */
function areDots(dots: unknown, isVector: boolean): boolean {
  if (!Array.isArray(dots) || dots.length % 2 !== 0) return false
  for (let at = 0; at < dots.length; at += 2) {
    const vnode: unknown = dots[at]
    const counter: unknown = dots[at + 1]
    if (!isWhole(vnode, vnodeIdMax) || !isWhole(counter, Number.MAX_SAFE_INTEGER) || counter === 0) return false
    if (at === 0) continue
    const before = dots[at - 2] as number
    if (vnode < before || (vnode === before && (isVector || counter <= (dots[at - 1] as number)))) return false
  }
  return true
}

function isContentType(text: string): boolean {
  return text.length > 0 && text.length <= limits.contentTypeCharactersMax && /^[\x20-\x7e]+$/.test(text)
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
}
