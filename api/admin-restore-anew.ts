import { bucketOf, type Key } from '../model/key.ts'
import { live, type Siblings } from '../model/siblings.ts'
import { plainVersion } from '../model/value-coding.ts'
import type { RestoredRecord } from './restore-outcome.ts'
import { StoreError } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'

const writeMs = 10_000

/**
 * Writes the values of a record that was deleted here as new ones, with dots of this cluster, where the key has no value now. The first is
 * created, so that what was written meanwhile stays as it is; the others are written blindly, and are its siblings.
 */
export async function mintAnew(core: StoreCore, key: Key, siblings: Siblings): Promise<RestoredRecord> {
  const nowMs = Date.now()
  const versions = live(siblings, nowMs).map(plainVersion)
  if (versions.length === 0) return { outcome: 'deleted', why: '', mayRetry: false }
  for (const [index, { value, contentType, expiresMs }] of versions.entries()) {
    const ttlSeconds = expiresMs === 0 ? 0 : Math.max(1, Math.ceil((expiresMs - nowMs) / 1_000))
    const mode = index === 0 ? 'create' : 'put'
    try {
      await core.put({ key, value, contentType, context: undefined, mode, ifMatch: '', ttlSeconds }, {}, writeMs)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      if (index === 0 && error.code === 'key_exists') return { outcome: 'known', why: '', mayRetry: false }
      const written =
        index === 0 ? '' : `${index} of ${versions.length} concurrent values of bucket ${bucketOf(key)} are written: `
      // Once one value is there, another attempt would take the key for one that needs nothing.
      return { outcome: 'failed', why: `${written}${error.message}`, mayRetry: index === 0 && error.outcome === 'refused' }
    }
  }
  return { outcome: 'minted', why: '', mayRetry: false }
}
