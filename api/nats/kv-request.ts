import type { DeleteOf, PutOf } from '../client/store-core.ts'
import type { QuorumOptions } from '../../actors/coordinator/coordinator-protocol.ts'
import { keyHeader, type KvOperation, parseKvSubject } from '../../bus/subject.ts'
import { type CausalContext, decodeContext } from '../../model/causal-context.ts'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { bucketFault, type Key, keyLengthOf, keyOf } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { bytesType } from '../json-value.ts'
import { keyBytesOf } from '../key-text.ts'
import { badParameter, OptionsReader } from '../request-options.ts'

/** A message's headers, each name with its values. */
export type HeaderEntries = Iterable<readonly [string, readonly string[]]>

export type KvAction =
  | { readonly kind: 'get'; readonly key: Key }
  | ({ readonly kind: 'put' } & PutOf)
  | ({ readonly kind: 'delete' } & DeleteOf)

export interface KvRequest {
  readonly action: KvAction
  readonly options: QuorumOptions
  /** 0: the door's own. */
  readonly timeoutMs: number
  /** All concurrent values are wanted, as one JSON array. */
  readonly wantsSiblings: boolean
}

const prefix = 'carillon-'
const keyName = keyHeader.toLowerCase()
const sessionCharactersMax = 128
const contentTypePattern = /^[\x20-\x7e]+$/

/**
 * What a message of the key-value door asks. Header names are taken in any case; unknown ones of Carillon's own are refused,
 * so that a misspelt one is not passed over in silence.
 */
export function kvRequestOf(
  cluster: string,
  subject: string,
  headers: HeaderEntries | undefined,
  payload: Uint8Array,
  pairBytesMax: number
): KvRequest | Fault {
  const asked = parseKvSubject(cluster, subject)
  if (asked === undefined) {
    return fault('bad_request', `the subject is none of ${cluster}.kv.get|put|create|delete.BUCKET.KEY`)
  }
  const wrongBucket = bucketFault(asked.bucket)
  if (wrongBucket !== undefined) return wrongBucket
  const given = headers === undefined ? nothingGiven : givenBy(headers, asked.operation)
  if (isFault(given)) return given
  const key = keyGiven(asked.bucket, asked.key, given.key)
  if (isFault(key)) return key
  const kind = asked.operation === 'create' ? 'put' : asked.operation
  const action = actionOf(asked.operation, key, given, payload, pairBytesMax)
  if (isFault(action)) return action
  return {
    action,
    options: given.options.optionsOf(kind),
    timeoutMs: given.options.timeoutMs,
    wantsSiblings: given.wantsSiblings
  }
}

interface Given {
  readonly options: OptionsReader
  readonly key: string | undefined
  readonly context: CausalContext | undefined
  readonly ifMatch: string
  readonly contentType: string
  readonly wantsSiblings: boolean
}

const nothingGiven: Given = Object.freeze({
  options: new OptionsReader(),
  key: undefined,
  context: undefined,
  ifMatch: '',
  contentType: bytesType,
  wantsSiblings: false
})

function givenBy(headers: HeaderEntries, operation: KvOperation): Given | Fault {
  const options = new OptionsReader()
  let key: string | undefined
  let context: CausalContext | undefined
  let ifMatch = ''
  let contentType = bytesType
  let wantsSiblings = false
  for (const [name, values] of headers) {
    const lower = name.toLowerCase()
    if (lower === 'content-type') {
      contentType = values[0] ?? bytesType
      const max = limits.contentTypeCharactersMax
      if (contentType.length > max || !contentTypePattern.test(contentType))
        return badParameter('Content-Type', contentType, `1 to ${max} printable ASCII characters`)
      continue
    }
    if (!lower.startsWith(prefix)) continue
    const value = values[0] ?? ''
    if (values.length > 1)
      return fault('bad_request', `the header ${lower.slice(0, 64)} is given ${values.length} times: give it once`)
    if (lower === keyName) {
      key = value
    } else if (lower === 'carillon-context') {
      if (operation === 'get') continue
      const decoded = decodeContext(value)
      if (isFault(decoded)) return decoded
      context = decoded
    } else if (lower === 'carillon-if-match') {
      if (!/^(?:\*|"?[0-9a-f]{1,14}"?)$/.test(value))
        return badParameter(name, value, 'the Carillon-ETag of a read of this key, or *')
      ifMatch = value.replaceAll('"', '')
    } else if (lower === 'carillon-accept') {
      if (value !== 'siblings' && value !== 'newest') return badParameter(name, value, 'siblings, newest')
      wantsSiblings = value === 'siblings'
    } else if (lower === 'carillon-session') {
      if (value.length === 0 || value.length > sessionCharactersMax)
        return badParameter(name, value, `1 to ${sessionCharactersMax} characters`)
    } else {
      const taken = options.take(lower.slice(prefix.length), value, name)
      if (taken === false)
        return fault(
          'bad_request',
          `the header ${JSON.stringify(name.slice(0, 64))} is unknown: see docs/nats.md for what there is`
        )
      if (taken !== true) return taken
    }
  }
  return { options, key, context, ifMatch, contentType, wantsSiblings }
}

function keyGiven(bucket: string, inSubject: string | undefined, inHeader: string | undefined): Key | Fault {
  if (inSubject !== undefined && inHeader !== undefined)
    return fault('bad_request', `the key is in the subject and in ${keyHeader}: end the subject at the bucket`)
  if (inHeader !== undefined) {
    const bytes = keyBytesOf(inHeader, 'base64url')
    return isFault(bytes) ? bytes : keyOf(bucket, bytes)
  }
  if (inSubject === undefined)
    return fault('bad_request', `there is no key: put it behind the bucket, or as base64url in ${keyHeader}`)
  // What is no UTF-8 was replaced on its way here, so the key meant is not known.
  if (inSubject.includes('\ufffd'))
    return fault('bad_request', `the key in the subject is not UTF-8: send it as base64url in ${keyHeader}`)
  const bytes = keyBytesOf(inSubject, 'utf8')
  return isFault(bytes) ? bytes : keyOf(bucket, bytes)
}

function actionOf(operation: KvOperation, key: Key, given: Given, payload: Uint8Array, pairBytesMax: number): KvAction | Fault {
  const { context, ifMatch } = given
  if (operation === 'get') return { kind: 'get', key }
  if (operation === 'delete') return { kind: 'delete', key, context, ifMatch }
  const size = keyLengthOf(key) + payload.length
  if (size > pairBytesMax) {
    const detail = `key and value have ${size} bytes, the limit is ${pairBytesMax}: store less in one value, or split it`
    return fault('too_large', detail, { limit: pairBytesMax, size, outcome: 'refused' })
  }
  return {
    kind: 'put',
    key,
    value: payload,
    contentType: given.contentType,
    context,
    mode: operation === 'create' ? 'create' : 'put',
    ifMatch,
    ttlSeconds: given.options.ttlSeconds
  }
}
