import { Packr } from 'msgpackr/pack'
import { limits } from '../model/limits.ts'
import { MalformedFrame, type Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** Give back the whole buffer, with the value's place on it, and write the next value over it: it is copied at once. */
const inPlace = 512 | 1024

const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false, int64AsType: 'number' })

/** Write any plain value: null, undefined, booleans, numbers, strings, bytes, arrays, objects. */
export function writePlain(value: unknown, writer: Writer): void {
  const packed = packr.pack(value, inPlace) as Buffer & { readonly start: number; readonly end: number }
  writer.ensure(packed.end - packed.start)
  writer.position += packed.copy(writer.buffer, writer.position, packed.start, packed.end)
}

/**
 * Read one plain value, and no further than it goes.
 * The bytes are checked first, without recursion: msgpackr would overflow the stack on deep nesting,
 * make live RegExp and Error objects of extensions, and let a key reach a prototype.
 * @throws {MalformedFrame} it is no plain value, or nested deeper than `limits.decodeDepthMax`
 */
export function readPlain(reader: Reader): unknown {
  const start = reader.position
  const end = endOfPlain(reader)
  reader.position = end
  // a copy of the view, not of the bytes: msgpackr hangs a DataView on what it is given
  return packr.unpack(reader.buffer.subarray(start, end))
}

const proto = Buffer.from('__proto__', 'latin1')
/** For each level: values still to come. In a map, keys and values count one each. */
const left = new Float64Array(limits.decodeDepthMax + 1)
const isMap = new Uint8Array(limits.decodeDepthMax + 1)

/** Walk over one value. @returns where it ends */
function endOfPlain(reader: Reader): number {
  const { buffer, end } = reader
  let at = reader.position
  let depth = 0
  left[0] = 1
  isMap[0] = 0
  for (;;) {
    while (left[depth] === 0) {
      if (depth === 0) return at
      depth--
    }
    const isKey = isMap[depth] === 1 && (left[depth] as number) % 2 === 0
    left[depth] = (left[depth] as number) - 1
    if (at >= end) throw new MalformedFrame('a value ends too early', at)
    const token = buffer[at] as number
    let size = 1
    let text = -1
    let children = -1
    let map = 0
    if (token < 0x80 || token >= 0xe0) {
      size = 1
    } else if (token < 0x90) {
      children = (token & 0x0f) * 2
      map = 1
    } else if (token < 0xa0) {
      children = token & 0x0f
    } else if (token < 0xc0) {
      text = token & 0x1f
    } else {
      switch (token) {
        case 0xc0:
        case 0xc2:
        case 0xc3:
          break
        case 0xc4:
          size = 2 + number(buffer, at + 1, 1, end)
          break
        case 0xc5:
          size = 3 + number(buffer, at + 1, 2, end)
          break
        case 0xc6:
          size = 5 + number(buffer, at + 1, 4, end)
          break
        case 0xca:
        case 0xce:
        case 0xd2:
          size = 5
          break
        case 0xcb:
        case 0xcf:
        case 0xd3:
          size = 9
          break
        case 0xcc:
        case 0xd0:
          size = 2
          break
        case 0xcd:
        case 0xd1:
          size = 3
          break
        case 0xd4:
          // how msgpackr writes undefined; no other extension is taken
          if (number(buffer, at + 1, 2, end) !== 0) throw new MalformedFrame('a value holds an extension', at)
          size = 3
          break
        case 0xd9:
          size = 2
          text = number(buffer, at + 1, 1, end)
          break
        case 0xda:
          size = 3
          text = number(buffer, at + 1, 2, end)
          break
        case 0xdb:
          size = 5
          text = number(buffer, at + 1, 4, end)
          break
        case 0xdc:
          size = 3
          children = number(buffer, at + 1, 2, end)
          break
        case 0xdd:
          size = 5
          children = number(buffer, at + 1, 4, end)
          break
        case 0xde:
          size = 3
          children = number(buffer, at + 1, 2, end) * 2
          map = 1
          break
        case 0xdf:
          size = 5
          children = number(buffer, at + 1, 4, end) * 2
          map = 1
          break
        default:
          throw new MalformedFrame('a value holds an extension', at)
      }
    }
    if (text >= 0) {
      if (isKey && text === proto.length && buffer.compare(proto, 0, text, at + size, Math.min(at + size + text, end)) === 0) {
        throw new MalformedFrame('a value has a key that names a prototype', at)
      }
      size += text
    } else if (isKey) {
      throw new MalformedFrame('a value has a key that is no text', at)
    }
    if (size > end - at) throw new MalformedFrame('a value ends too early', at)
    at += size
    if (children > 0) {
      if (children > end - at) throw new MalformedFrame('a value has fewer entries than it says', at)
      if (++depth > limits.decodeDepthMax) throw new MalformedFrame(`a value is nested deeper than ${limits.decodeDepthMax}`, at)
      left[depth] = children
      isMap[depth] = map
    }
  }
}

function number(buffer: Buffer, at: number, bytes: 1 | 2 | 4, end: number): number {
  if (at + bytes > end) throw new MalformedFrame('a value ends too early', at)
  return buffer.readUIntBE(at, bytes)
}
