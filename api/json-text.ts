import { isUtf8 } from 'node:buffer'
import { fault, isFault, type Fault } from '../model/fault.ts'

/** Levels of arrays and objects in one body or value; readers in some languages overflow their stack beyond this. */
export const jsonDepthMax = 500

const quote = 0x22
const backslash = 0x5c

/**
 * Members of a JSON object as slices of its own text, so that a value is stored as it was sent: numbers beyond a double,
 * `__proto__` and the order of names survive, and no object is ever built of it.
 */
export type JsonMembers = ReadonlyMap<string, string>

/** @returns the body's text; a fault where it is no JSON, or nested too deep */
export function jsonTextOf(body: Uint8Array): string | Fault {
  if (!isUtf8(body)) return fault('bad_request', 'the body is not UTF-8: send JSON as UTF-8 text')
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  try {
    JSON.parse(text)
  } catch (error) {
    return fault('bad_request', `the body is no JSON: ${printable((error as Error).message)}`)
  }
  return depthFault(text) ?? text
}

/** @param text valid JSON */
export function membersOf(text: string, what: string): JsonMembers | Fault {
  let at = skipSpace(text, 0)
  if (text[at] !== '{') return fault('bad_request', `${what} is no JSON object`)
  const members = new Map<string, string>()
  at = skipSpace(text, at + 1)
  while (text[at] !== '}') {
    const nameEnd = endOfString(text, at)
    const name = JSON.parse(text.slice(at, nameEnd)) as string
    if (members.has(name)) return fault('bad_request', `${what} has the member ${shown(name)} twice`)
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const end = endOfValue(text, start)
    members.set(name, text.slice(start, end))
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  return members
}

/** Elements of a JSON array as slices of its text. @param text valid JSON @param countMax more is a fault */
export function elementsOf(text: string, what: string, countMax: number): readonly string[] | Fault {
  let at = skipSpace(text, 0)
  if (text[at] !== '[') return fault('bad_request', `${what} is no JSON array`)
  const elements: string[] = []
  let count = 0
  at = skipSpace(text, at + 1)
  while (text[at] !== ']') {
    const end = endOfValue(text, at)
    count++
    if (count <= countMax) elements.push(text.slice(at, end))
    at = skipSpace(text, end)
    if (text[at] === ',') at = skipSpace(text, at + 1)
  }
  if (count > countMax)
    return fault('too_large', `${what} has ${count} entries, the limit is ${countMax}: send several requests`, {
      limit: countMax,
      size: count
    })
  return elements
}

/** @returns the member as a string; undefined where it is absent or null */
export function textMember(members: JsonMembers, name: string): string | undefined | Fault {
  const raw = members.get(name)
  if (raw === undefined || raw === 'null') return undefined
  const value: unknown = raw.charCodeAt(0) === quote ? JSON.parse(raw) : undefined
  return typeof value === 'string' ? value : fault('bad_request', `${shown(name)} is ${shown(raw)}: a JSON string is wanted`)
}

/** @returns a fault that names the first member that is not in `known` */
export function unknownMember(members: JsonMembers, known: readonly string[], what: string): Fault | undefined {
  for (const name of members.keys()) {
    if (!known.includes(name))
      return fault('bad_request', `${what} has the unknown member ${shown(name)}: there are ${known.join(', ')}`)
  }
  return undefined
}

export function requiredText(members: JsonMembers, name: string, what: string): string | Fault {
  const text = textMember(members, name)
  if (isFault(text)) return text
  return text ?? fault('bad_request', `${what} has no ${shown(name)}`)
}

/** Deep nesting is found by counting brackets, without recursion. */
function depthFault(text: string): Fault | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at) - 1
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > jsonDepthMax) {
        return fault('bad_request', `the body is nested deeper than ${jsonDepthMax} levels: store such a value as bytes`, {
          limit: jsonDepthMax
        })
      }
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return undefined
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === quote) return endOfString(text, start)
  if (first !== 0x7b && first !== 0x5b) {
    let at = start
    while (at < text.length && !isEndOfScalar(text.charCodeAt(at))) at++
    return at
  }
  let depth = 0
  for (let at = start; ; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at) - 1
    else if (code === 0x7b || code === 0x5b) depth++
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at + 1
  }
}

/** @param start of the opening quote @returns behind the closing one */
function endOfString(text: string, start: number): number {
  for (let from = start + 1; ; ) {
    const end = text.indexOf('"', from)
    let escapes = 0
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return end + 1
    from = end + 1
  }
}

function isEndOfScalar(code: number): boolean {
  return code === 0x2c || code === 0x5d || code === 0x7d || isSpace(code)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

function shown(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 160)
}
