import type { Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { type Key, keyLengthOf } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { StoreError } from '../client/errors.ts'
import type { StoreCore } from '../client/store-core.ts'
import { jsonType } from '../json-value.ts'
import { type JsonMembers, textMember } from '../json-text.ts'
import { contextOf, type Operation } from './operation.ts'

/** A value as a body gave it. */
export interface GivenValue {
  readonly bytes: Buffer
  readonly contentType: string
  /** What the reply shows: the members `value`, and `encoding` and `content_type` where they were given. */
  readonly shown: string
}

const contentTypePattern = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+(?:[\t ]*;[\t\x20-\x7e]*)?$/

/** `value` is any JSON; with `"encoding":"base64"` it is bytes, whose type `content_type` says. What a read gives can be sent back so. */
export function valueOf(members: JsonMembers): GivenValue | Fault {
  const raw = members.get('value')
  if (raw === undefined) return fault('bad_request', 'the body has no "value": send any JSON value, null included')
  const encoding = textMember(members, 'encoding')
  if (isFault(encoding)) return encoding
  const contentType = textMember(members, 'content_type')
  if (isFault(contentType)) return contentType
  const wrongType = contentType === undefined ? undefined : contentTypeFault(contentType)
  if (wrongType !== undefined) return wrongType
  if (encoding !== undefined && encoding !== 'base64')
    return fault('bad_request', `"encoding" is ${JSON.stringify(encoding.slice(0, 64))}: allowed is base64, or none for JSON`)
  if (encoding === undefined && (contentType === undefined || contentType === jsonType)) {
    return { bytes: Buffer.from(raw, 'utf8'), contentType: jsonType, shown: `"value":${raw}` }
  }
  const text = textMember(members, 'value')
  if (isFault(text) || text === undefined)
    return fault('bad_request', '"value" must be a string where "encoding" or "content_type" is given')
  const type = contentType ?? 'application/octet-stream'
  const typeMember = contentType === undefined ? '' : `,"content_type":${JSON.stringify(contentType)}`
  if (encoding === undefined) {
    if (!/^text\//i.test(type))
      return fault(
        'bad_request',
        `"content_type" is ${JSON.stringify(type)}: bytes that are no text go as base64, with "encoding":"base64"`
      )
    return { bytes: Buffer.from(text, 'utf8'), contentType: type, shown: `"value":${raw}${typeMember}` }
  }
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) return fault('bad_request', '"value" is not base64')
  return { bytes, contentType: type, shown: `"value":${raw},"encoding":"base64"${typeMember}` }
}

export function contentTypeFault(contentType: string): Fault | undefined {
  const max = limits.contentTypeCharactersMax
  if (contentType.length > max) {
    return fault('too_large', `the content type has ${contentType.length} characters, the limit is ${max}`, {
      limit: max,
      size: contentType.length
    })
  }
  return contentTypePattern.test(contentType)
    ? undefined
    : fault('bad_request', 'the content type is not of the form type/subtype; parameters in ASCII')
}

/** @returns why the pair is too large, if it is */
export function pairFault(key: Key, valueBytes: number, pairBytesMax: number): Fault | undefined {
  const size = keyLengthOf(key) + valueBytes
  if (size <= pairBytesMax) return undefined
  return fault(
    'too_large',
    `key and value have ${size} bytes, the limit is ${pairBytesMax}: store less in one value, or split it`,
    {
      limit: pairBytesMax,
      size,
      outcome: 'refused'
    }
  )
}

/** A context by header or query and one by body must not differ. */
export function givenContext(operation: Operation, members: JsonMembers | undefined): string | undefined | Fault {
  const inBody = members === undefined ? undefined : textMember(members, 'context')
  if (isFault(inBody) || inBody === undefined) return inBody ?? operation.context
  if (operation.context !== undefined && operation.context !== inBody) {
    return fault('bad_request', 'the context of the body and that of the header or query differ: send one of them')
  }
  return inBody
}

/** @throws {StoreError} also where the request is wrong */
export async function putValue(
  core: StoreCore,
  operation: Operation,
  key: Key,
  value: { readonly bytes: Buffer; readonly contentType: string },
  contextToken: string | undefined,
  mode: 'put' | 'create'
): Promise<Written | Fault> {
  const context = contextOf(contextToken)
  if (isFault(context)) return context
  const create = mode === 'create' || operation.create
  try {
    return await core.put(
      {
        key,
        value: value.bytes,
        contentType: value.contentType,
        context,
        mode: create ? 'create' : 'put',
        ifMatch: operation.ifMatch,
        ttlSeconds: operation.ttlSeconds
      },
      operation.options,
      operation.timeoutMs
    )
  } catch (error) {
    // The condition was If-None-Match, so that it failed is a 412; a POST's is a 409.
    if (mode === 'put' && error instanceof StoreError && error.code === 'key_exists') {
      return { ...error.fault, code: 'precondition_failed', detail: 'the key exists, and If-None-Match: * asks that it does not' }
    }
    throw error
  }
}

/** @throws {StoreError} */
export async function deleteKey(
  core: StoreCore,
  operation: Operation,
  key: Key,
  contextToken: string | undefined
): Promise<Written | Fault> {
  if (operation.create) return fault('bad_request', 'If-None-Match makes no sense for a delete: use If-Match')
  const context = contextOf(contextToken)
  if (isFault(context)) return context
  return core.delete({ key, context, ifMatch: operation.ifMatch }, operation.options, operation.timeoutMs)
}
