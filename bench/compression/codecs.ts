import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateRaw,
  deflateRawSync,
  inflateRaw,
  inflateRawSync
} from 'node:zlib'
import { promisify } from 'node:util'
import { deflated, deflatedMark, isDeflatable, plainVersion } from '../../model/value-coding.ts'
import { lz4, lz4Dictionary, unlz4 } from './lz4.ts'

/** One way to make a value smaller. */
export interface Candidate {
  readonly name: string
  /** @returns undefined where it is not smaller */
  squeeze(value: Uint8Array): Uint8Array | undefined
  restore(bytes: Uint8Array, length: number): Uint8Array
}

/** The same by Node's thread pool. */
export interface AsyncCandidate {
  readonly name: string
  squeeze(value: Uint8Array): Promise<Uint8Array>
  restore(bytes: Uint8Array): Promise<Uint8Array>
}

/** A window of 8 KB and little memory: what a value of 10 KB needs. */
const small = Object.freeze({ windowBits: 13, memLevel: 5 })

/** @param trained of other values of the kind */
export function candidates(trained: Buffer): readonly Candidate[] {
  const list: Candidate[] = [
    theStore,
    deflate('deflate 1', { level: 1 }),
    deflate('deflate 6', { level: 6 }),
    deflate('deflate 1, small window', { level: 1, ...small }),
    brotli('brotli 1', 1),
    brotli('brotli 4', 4),
    { name: 'LZ4 in TypeScript', squeeze: value => lz4(value), restore: (bytes, length) => unlz4(bytes, length) }
  ]
  // Of values without anything in common there is none.
  if (trained.length === 0) return list
  const dictionary = lz4Dictionary(trained)
  return [
    ...list,
    deflate('deflate 1, dictionary', { level: 1, dictionary: trained }),
    deflate('deflate 6, dictionary', { level: 6, dictionary: trained }),
    {
      name: 'LZ4 in TypeScript, dictionary',
      squeeze: value => lz4(value, dictionary),
      restore: (bytes, length) => unlz4(bytes, length, dictionary)
    }
  ]
}

/** What a bucket with compression does: most of what will not get smaller is not tried. */
const theStore: Candidate = Object.freeze({
  name: 'as the store does it',
  squeeze: (value: Uint8Array) => (isDeflatable(value) ? deflated({ value, contentType: '' })?.value : undefined),
  restore: (value: Uint8Array) =>
    plainVersion({ vnode: 1, counter: 1, value, contentType: deflatedMark, modifiedMs: 0, expiresMs: 0, tombstone: false }).value
})

interface DeflateOptions {
  readonly level: number
  readonly windowBits?: number
  readonly memLevel?: number
  readonly dictionary?: Buffer
}

function deflate(name: string, options: DeflateOptions): Candidate {
  const { dictionary, windowBits = 15 } = options
  const back = dictionary === undefined ? { windowBits } : { windowBits, dictionary }
  return {
    name,
    // As the store does it: one piece of memory of the right size.
    squeeze: value => smaller(value, deflateRawSync(value, { ...options, chunkSize: value.length + 64 })),
    restore: (bytes, length) => inflateRawSync(bytes, { ...back, chunkSize: length + 64 })
  }
}

function brotli(name: string, quality: number): Candidate {
  const params = (length: number) => ({
    [constants.BROTLI_PARAM_QUALITY]: quality,
    [constants.BROTLI_PARAM_LGWIN]: 14,
    [constants.BROTLI_PARAM_SIZE_HINT]: length
  })
  return {
    name,
    squeeze: value => smaller(value, brotliCompressSync(value, { params: params(value.length) })),
    restore: (bytes, length) => brotliDecompressSync(bytes, { chunkSize: length + 64 })
  }
}

function smaller(value: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length < value.length ? bytes : undefined
}

const deflateInPool = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw)
const inflateInPool = promisify<Uint8Array, Buffer>(inflateRaw)

export const asyncDeflate: AsyncCandidate = Object.freeze({
  name: 'deflate 1, asynchronous',
  squeeze: (value: Uint8Array) => deflateInPool(value, { level: 1 }),
  restore: (bytes: Uint8Array) => inflateInPool(bytes)
})
