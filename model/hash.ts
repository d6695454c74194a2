import xxhash from 'xxhash-wasm'

const { h32Raw } = await xxhash()

/** Above this many bytes the copy into WebAssembly pays for itself. */
const wasmBytesMin = 1024

const prime1 = 0x9e3779b1 | 0
const prime2 = 0x85ebca77 | 0
const prime3 = 0xc2b2ae3d | 0
const prime4 = 0x27d4eb2f | 0
const prime5 = 0x165667b1 | 0

/**
 * XXH32 of `bytes`.
 * @param seed unsigned 32 bits
 * @returns unsigned 32 bits
 * @see Collet, xxHash specification 0.1.1, section "XXH32 algorithm"
 */
export function hash32(bytes: Uint8Array, seed: number): number {
  const length = bytes.length
  if (length >= wasmBytesMin) return h32Raw(bytes, seed >>> 0)
  let at = 0
  let hash: number
  if (length >= 16) {
    let a = (seed + prime1 + prime2) | 0
    let b = (seed + prime2) | 0
    let c = seed | 0
    let d = (seed - prime1) | 0
    for (const last = length - 16; at <= last; at += 16) {
      a = lane(a, word(bytes, at))
      b = lane(b, word(bytes, at + 4))
      c = lane(c, word(bytes, at + 8))
      d = lane(d, word(bytes, at + 12))
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0
  } else {
    hash = (seed + prime5) | 0
  }
  hash = (hash + length) | 0
  for (const last = length - 4; at <= last; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(word(bytes, at), prime3)) | 0, 17), prime4)
  }
  for (; at < length; at++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[at]!, prime5)) | 0, 11), prime1)
  }
  return mixed(hash)
}

/**
 * A digest of `bytes` that a double holds exactly: the 32 bits of one seed and 21 bits of another.
 * @returns 0 ≤ digest < 2^53
 */
export function hash53(bytes: Uint8Array): number {
  return (hash32(bytes, 0x51ed270b) & 0x1fffff) * 0x1_0000_0000 + hash32(bytes, 0)
}

/**
 * Two 32-bit words to one, well mixed: for walks and scores over numbers that are hashes already.
 * @returns unsigned 32 bits
 */
export function mix32(a: number, b: number): number {
  let hash = (Math.imul(rotate((prime5 + 8 + Math.imul(a, prime3)) | 0, 17), prime4) + Math.imul(b, prime3)) | 0
  hash = Math.imul(rotate(hash, 17), prime4)
  return mixed(hash)
}

function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 15), prime2)
  hash = Math.imul(hash ^ (hash >>> 13), prime3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function lane(accumulator: number, input: number): number {
  return Math.imul(rotate((accumulator + Math.imul(input, prime2)) | 0, 13), prime1)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
