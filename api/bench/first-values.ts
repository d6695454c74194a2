import type { SkippedPeer, Target } from './target.ts'

const inFlightMax = 64
const attemptsMax = 10
const pauseMs = 50

/** What is to be stored before anything is measured. */
export interface FirstValues {
  readonly keys: readonly string[]
  readonly value: () => Uint8Array
  readonly onProgress: (line: string) => void
  readonly stopped: () => boolean
}

/**
 * Store a value under each key, in one system after the other.
 * @returns the systems that have them, and the peers that would not take them. Rejects where it is the first system, this store.
 */
export async function storeFirstValues(
  targets: readonly Target[],
  first: FirstValues
): Promise<{ readonly ready: readonly Target[]; readonly skipped: readonly SkippedPeer[] }> {
  const ready: Target[] = []
  const skipped: SkippedPeer[] = []
  for (const [index, target] of targets.entries()) {
    if (first.stopped()) break
    try {
      if (target.prepare !== undefined) {
        first.onProgress(`${target.name}: storing ${first.keys.length} keys`)
        await storeAll(target.prepare, first)
      }
      ready.push(target)
    } catch (error) {
      if (index === 0) throw error
      const reason = `it did not take the first values: ${error instanceof Error ? error.message : String(error)}`
      skipped.push({ peer: target.name, reason, is_failure: true })
      first.onProgress(`${target.name} is left out: ${reason}`)
    }
  }
  return { ready, skipped }
}

/** A store that is busy may refuse some: those are tried again, ever more slowly. @throws the last error of a key */
async function storeAll(
  store: NonNullable<Target['prepare']>,
  { keys, value, stopped }: Pick<FirstValues, 'keys' | 'value' | 'stopped'>
): Promise<void> {
  const storeOne = async (key: string) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await store(key, value())
      } catch (error) {
        if (attempt === attemptsMax || stopped()) throw error
        await new Promise(resolve => setTimeout(resolve, attempt * pauseMs))
      }
    }
  }
  let next = 0
  const worker = async () => {
    for (let index = next++; index < keys.length && !stopped(); index = next++) await storeOne(keys[index]!)
  }
  await Promise.all(Array.from({ length: Math.min(inFlightMax, keys.length) }, worker))
}
