import { isFault, type Fault } from '../../model/fault.ts'
import { bucketFault, keyFault } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { jsonTextOf, membersOf, textMember, type JsonMembers } from '../json-text.ts'
import type { Found, Version } from './cluster.ts'
import { bytesOfBase64 } from './options.ts'
import { base64Of, bytesType, jsonType, parsedJson, shownKey, textOfBytes } from './pair-text.ts'

/** A pair as a line of NDJSON says it. */
export interface PairLine {
  readonly bucket: string
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly contentType: string
}

/** Why a line is no pair; the key where it could be read. */
export class BadLine extends Error {
  readonly key: string | undefined
  constructor(why: string, key?: string) {
    super(why)
    this.name = 'BadLine'
    this.key = key
  }
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * `{"key": text, "value": any JSON}`; `key_base64` and `value_base64` for bytes, `bucket` and `content_type` where not the default.
 * A JSON value is taken as the bytes that stand in the line, so numbers keep all their digits and an exported value its spelling.
 * Other members are ignored.
 * @throws {BadLine}
 */
export function pairOfLine(line: Uint8Array, bucketDefault: string): PairLine {
  const body = hasByteOrderMark(line) ? line.subarray(byteOrderMark.length) : line
  const members = membersOf(certain(jsonTextOf(body)), 'the line')
  if (isFault(members)) throw new BadLine(members.detail)
  const name = textOf(members, 'key') ?? encodedName(members)
  const key = keyOfMembers(members)
  const bucket = textOf(members, 'bucket', name) ?? bucketDefault
  const wrong = bucketFault(bucket) ?? keyFault(key.length)
  if (wrong !== undefined) throw new BadLine(wrong.detail, name)
  return { bucket, key, ...valueOfMembers(members, name) }
}

/**
 * A line that gives back the same bytes when it is imported.
 * @param withAll every version, newest first, under `siblings`
 */
export function lineOfPair(bucket: string, key: Uint8Array, found: Found, withAll: boolean): string {
  const [newest] = found.versions
  const where = bucket === 'default' ? '' : `"bucket":${JSON.stringify(bucket)},`
  const all =
    withAll && found.versions.length > 1
      ? `,"siblings":[${found.versions.map(version => `{${valueMembers(version)}}`).join(',')}]`
      : ''
  return `{${where}${JSON.stringify(shownKey(key)).slice(1, -1)},${valueMembers(newest)}${all}}\n`
}

function valueMembers({ value, contentType }: Version): string {
  // A newline within JSON text is legal there, but would end the line; bytes keep it.
  if (contentType === jsonType && !value.includes(0x0a) && !value.includes(0x0d) && parsedJson(value) !== undefined) {
    return `"value":${textOfBytes(value)}`
  }
  const type = contentType === bytesType ? '' : `,"content_type":${JSON.stringify(contentType)}`
  return `"value_base64":"${base64Of(value)}"${type}`
}

function hasByteOrderMark(line: Uint8Array): boolean {
  return byteOrderMark.every((byte, at) => line[at] === byte)
}

function certain(text: string | Fault): string {
  if (isFault(text)) throw new BadLine(text.detail.replace('the body', 'the line'))
  return text
}

function textOf(members: JsonMembers, member: string, key?: string): string | undefined {
  const text = textMember(members, member)
  if (isFault(text)) throw new BadLine(text.detail, key)
  return text
}

function encodedName(members: JsonMembers): string | undefined {
  const encoded = textOf(members, 'key_base64')
  return encoded === undefined ? undefined : `base64:${encoded}`
}

function keyOfMembers(members: JsonMembers): Uint8Array {
  const encoded = textOf(members, 'key_base64')
  const key = textOf(members, 'key')
  if (encoded === undefined) {
    if (key === undefined) throw new BadLine('"key" is missing: a line is {"key": "…", "value": …}')
    // A lone surrogate has no UTF-8: two keys would become one.
    if (/\p{Surrogate}/u.test(key)) throw new BadLine('"key" holds half of a surrogate pair, which is no text: use "key_base64"')
    return Buffer.from(key, 'utf8')
  }
  if (key !== undefined) throw new BadLine('there are "key" and "key_base64": one of them', key)
  const bytes = bytesOfBase64(encoded)
  if (bytes === undefined) throw new BadLine('"key_base64" is no base64')
  return bytes
}

function valueOfMembers(members: JsonMembers, key: string | undefined): { value: Uint8Array; contentType: string } {
  const value = members.get('value')
  const encoded = textOf(members, 'value_base64', key)
  const contentType = textOf(members, 'content_type', key)
  if (contentType !== undefined && !isContentType(contentType)) {
    throw new BadLine(`"content_type" has to be a media type of at most ${limits.contentTypeCharactersMax} characters`, key)
  }
  if (encoded === undefined) {
    if (value === undefined) throw new BadLine('"value" is missing: a line is {"key": "…", "value": …}', key)
    if (contentType !== undefined && contentType !== jsonType)
      throw new BadLine('"content_type" goes with "value_base64": a "value" is JSON', key)
    return { value: Buffer.from(value, 'utf8'), contentType: jsonType }
  }
  if (value !== undefined) throw new BadLine('there are "value" and "value_base64": one of them', key)
  const bytes = bytesOfBase64(encoded)
  if (bytes === undefined) throw new BadLine('"value_base64" is no base64', key)
  return { value: bytes, contentType: contentType ?? bytesType }
}

function isContentType(text: string): boolean {
  return text.length <= limits.contentTypeCharactersMax && /^[\x20-\x7e]*$/.test(text)
}
