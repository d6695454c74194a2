import type { Adder } from './system.ts'

const clients = 8
const elementsEach = 50

export interface Concurrent {
  readonly acknowledged: number
  readonly refused: number
  /** Acknowledged, and not there in the end. */
  readonly lost: number
  readonly retries: number
  /** The most that a reader met at once. */
  readonly versions: number
}

/** Eight clients add fifty elements each to one set, all at the same time. */
export async function concurrentWrites(adder: Adder, key: string): Promise<Concurrent> {
  const acknowledged: string[] = []
  let refused = 0
  let retries = 0
  let versions = 0
  const client = async (number: number): Promise<void> => {
    for (let index = 0; index < elementsEach; index++) {
      const element = `${number}-${index}`
      try {
        const done = await adder.add(key, element)
        acknowledged.push(element)
        retries += done.retries
        versions = Math.max(versions, done.versions)
      } catch {
        refused++
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  const present = new Set(await adder.read(key))
  return {
    acknowledged: acknowledged.length,
    refused,
    lost: acknowledged.filter(element => !present.has(element)).length,
    retries,
    versions
  }
}
