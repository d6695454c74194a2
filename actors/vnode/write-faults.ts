import type { Store } from '../../storage/store.ts'

/**
 * How often a partition's writes were refused after they had been seen: a tree that counted one of them is wrong.
 * Kept beside the store, since such a write may outlive the vnode that made it.
 */
export class WriteFaults {
  readonly #counts = new Map<number, number>()

  add(partition: number): void {
    this.#counts.set(partition, this.of(partition) + 1)
  }

  of(partition: number): number {
    return this.#counts.get(partition) ?? 0
  }
}

const byStore = new WeakMap<Store, WriteFaults>()

export function writeFaultsOf(store: Store): WriteFaults {
  let faults = byStore.get(store)
  if (faults === undefined) byStore.set(store, (faults = new WriteFaults()))
  return faults
}
