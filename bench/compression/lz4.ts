/*
 * LZ4's block format in plain TypeScript, as a candidate beside what Node brings: no entropy coding, so it is quick and less tight.
 * Only as good as the bench needs it. Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */

const hashBits = 12
const offsetMax = 0xffff
/** The last five bytes are literals, and no match begins within the last twelve: the format's rule. */
const tailLiterals = 5
const tailWithoutMatch = 12
/** Where nothing matches, steps grow: by one after each so many misses. */
const missesForStep = 5
const shortCopyMax = 32

/** What matches may refer to before the first byte. */
export interface Lz4Dictionary {
  readonly bytes: Uint8Array
  readonly places: Int32Array
}

const table = new Int32Array(1 << hashBits)
/** Entries of the table below it are of values before this one, so the table need not be cleared. */
let base = 1
let scratch = Buffer.allocUnsafe(64 * 1024)

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function hashOf(word: number): number {
  return Math.imul(word, -1640531535) >>> (32 - hashBits)
}

export function lz4Dictionary(bytes: Uint8Array): Lz4Dictionary {
  const places = new Int32Array(1 << hashBits).fill(-1)
  for (let at = 0; at + 4 <= bytes.length; at++) places[hashOf(wordAt(bytes, at))] = at
  return { bytes, places }
}

/** @returns undefined where it would not be smaller */
export function lz4(source: Uint8Array, dictionary?: Lz4Dictionary): Uint8Array | undefined {
  const { length } = source
  if (scratch.length < length + 64) scratch = Buffer.allocUnsafe(length + 64)
  if (base > 2 ** 31 - 1 - length) {
    table.fill(0)
    base = 1
  }
  const first = base
  base += length
  const lastMatch = length - tailWithoutMatch
  const matchEnd = length - tailLiterals
  let out = 0
  let anchor = 0
  let misses = 0
  for (let at = 0; at < lastMatch; ) {
    const word = wordAt(source, at)
    const hash = hashOf(word)
    let from = table[hash]! - first
    table[hash] = at + first
    let matched = 0
    let offset = at - from
    if (from >= 0 && offset <= offsetMax && wordAt(source, from) === word) {
      matched = 4
      while (at + matched < matchEnd && source[from + matched] === source[at + matched]) matched++
    } else if (dictionary !== undefined) {
      from = dictionary.places[hash]!
      const { bytes } = dictionary
      offset = at + bytes.length - from
      if (from >= 0 && offset <= offsetMax && wordAt(bytes, from) === word) {
        matched = 4
        while (at + matched < matchEnd && from + matched < bytes.length && bytes[from + matched] === source[at + matched])
          matched++
      }
    }
    if (matched === 0) {
      at += 1 + (misses++ >> missesForStep)
      continue
    }
    misses = 0
    const literals = at - anchor
    if (out + literals + literals / 255 + matched / 255 + 8 > length) return undefined
    out = writeSequence(out, source, anchor, literals, offset, matched)
    at += matched
    anchor = at
  }
  const literals = length - anchor
  if (out + literals + literals / 255 + 2 > length) return undefined
  out = writeSequence(out, source, anchor, literals, 0, 4)
  return Buffer.from(scratch.subarray(0, out))
}

/** @param offset 0: the last sequence, which has literals alone */
function writeSequence(
  start: number,
  source: Uint8Array,
  from: number,
  literals: number,
  offset: number,
  matched: number
): number {
  const extra = matched - 4
  let out = start + 1
  scratch[start] = (Math.min(literals, 15) << 4) | Math.min(extra, 15)
  if (literals >= 15) out = writeLength(out, literals - 15)
  if (literals > shortCopyMax) scratch.set(source.subarray(from, from + literals), out)
  else for (let at = 0; at < literals; at++) scratch[out + at] = source[from + at]!
  out += literals
  if (offset === 0) return out
  scratch[out++] = offset
  scratch[out++] = offset >> 8
  return extra >= 15 ? writeLength(out, extra - 15) : out
}

function writeLength(start: number, length: number): number {
  let out = start
  let rest = length
  for (; rest >= 255; rest -= 255) scratch[out++] = 255
  scratch[out++] = rest
  return out
}

/** @param length of what was compressed @throws {RangeError} these are not its bytes */
export function unlz4(bytes: Uint8Array, length: number, dictionary?: Lz4Dictionary): Uint8Array {
  const plain = Buffer.allocUnsafe(length)
  let at = 0
  let out = 0
  const lengthFrom = (short: number): number => {
    let sum = short
    for (let byte = short === 15 ? 255 : 0; byte === 255; sum += byte) byte = bytes[at++] ?? broken()
    return sum
  }
  for (;;) {
    const token = bytes[at++] ?? broken()
    const literals = lengthFrom(token >> 4)
    if (at + literals > bytes.length || out + literals > length) broken()
    if (literals > shortCopyMax) plain.set(bytes.subarray(at, at + literals), out)
    else for (let index = 0; index < literals; index++) plain[out + index] = bytes[at + index]!
    at += literals
    out += literals
    if (at === bytes.length) return out === length ? plain : broken()
    const offset = (bytes[at] ?? broken()) | ((bytes[at + 1] ?? broken()) << 8)
    at += 2
    let matched = lengthFrom(token & 15) + 4
    if (offset === 0 || out + matched > length) broken()
    let from = out - offset
    if (from < 0) {
      const before = dictionary?.bytes ?? broken()
      from += before.length
      if (from < 0) broken()
      for (; matched > 0 && from < before.length; matched--) plain[out++] = before[from++]!
      from = 0
    }
    for (; matched > 0; matched--) plain[out++] = plain[from++]!
  }
}

function broken(): never {
  throw new RangeError('these bytes are no LZ4 block of that length')
}
