import { limits } from '../../model/limits.ts'
import type { Cluster } from './cluster.ts'
import { bytesOfBase64 } from './options.ts'
import { CommandFailure } from './terminal.ts'

export interface KeyPage {
  readonly keys: readonly Uint8Array[]
  /** Where to go on; undefined at the end. */
  readonly cursor: string | undefined
  /** Share of the partitions that answered, 0..1, of this page and the ones before. */
  readonly coverage: number
}

export interface ListingOptions {
  readonly bucket: string
  /** Text; '' for all. */
  readonly prefix: string
  readonly cursor?: string | undefined
  readonly pageMax: number
  readonly isStrict: boolean
  readonly timeoutMs: number
}

/** A page asks many partitions, and some of them twice where a host is away. */
export const pageTimeoutMsDefault = 10_000

/** The pages of a bucket's keys, until the last. */
export async function* keyPages(cluster: Cluster, options: ListingOptions): AsyncGenerator<KeyPage> {
  let { cursor } = options
  do {
    const page = await keyPage(cluster, { ...options, cursor })
    yield page
    if (page.cursor !== undefined && page.cursor === cursor)
      throw new CommandFailure('the listing does not get on: the cluster gave the same cursor again')
    ;({ cursor } = page)
  } while (cursor !== undefined)
}

async function keyPage(
  cluster: Cluster,
  { bucket, prefix, cursor, pageMax, isStrict, timeoutMs }: ListingOptions
): Promise<KeyPage> {
  const request = {
    bucket,
    limit: Math.min(pageMax, limits.listPageMax),
    ...(prefix === '' ? {} : { prefix }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(isStrict ? { strict: true } : {})
  }
  return pageOf(await cluster.admin('keys', request, timeoutMs))
}

function pageOf(reply: unknown): KeyPage {
  const { keys, cursor, coverage } = (reply ?? {}) as Record<string, unknown>
  if (!Array.isArray(keys))
    throw new CommandFailure('the cluster answered the listing with something that is no page of keys: is it another version?')
  return {
    keys: keys.map(keyOfEntry),
    cursor: typeof cursor === 'string' && cursor !== '' ? cursor : undefined,
    coverage: typeof coverage === 'number' ? coverage : 1
  }
}

/** A key is listed as its text, or as an object with its base64 where it is no text. */
function keyOfEntry(entry: unknown): Uint8Array {
  if (typeof entry === 'string') return Buffer.from(entry, 'utf8')
  const { key, key_base64: encoded } = (entry ?? {}) as Record<string, unknown>
  if (typeof key === 'string') return Buffer.from(key, 'utf8')
  const bytes = typeof encoded === 'string' ? bytesOfBase64(encoded) : undefined
  if (bytes === undefined)
    throw new CommandFailure('the cluster listed a key that is neither text nor base64: is it another version?')
  return bytes
}

/** What a listing did not see, as a sentence; undefined where it saw all. */
export function gapSentence(coverage: number): string | undefined {
  if (coverage >= 1) return undefined
  return `incomplete: ${(100 * coverage).toFixed(1)} % of the partitions answered; --strict fails rather than leaving keys out`
}
