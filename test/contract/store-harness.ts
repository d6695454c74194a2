import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { Completion, Durability, Store } from '../../storage/store.ts'

/** What the suite needs of an adapter: one disk on which stores are opened one after another. */
export interface StoreHarness {
  /** Open a store on the disk; the one before was closed or killed. */
  open(): Promise<Store>
  /** The store's process dies: nothing of it runs on, nothing is lost that was committed. */
  kill(): Promise<void>
  /** Let the disk take no more. */
  setFull(full: boolean): void
  /** Wait until the store's records lie where they stay, not in memory. */
  settled(store: Store): Promise<void>
  /** Flip a bit of the stored record; call `settled` before. */
  corrupt(partition: number, key: Key): Promise<void>
  end(): Promise<void>
}

/** Records how one write ended. */
export class Outcome implements Completion {
  fault: Fault | undefined
  calls = 0
  readonly #told: (outcome: Outcome) => void
  readonly done: Promise<Outcome>

  constructor() {
    let told: (outcome: Outcome) => void = () => {}
    this.done = new Promise(resolve => (told = resolve))
    this.#told = told
  }

  settled(fault: Fault | undefined): void {
    this.calls++
    this.fault = fault
    this.#told(this)
  }
}

export async function put(
  store: Store,
  partition: number,
  key: Key,
  record: Uint8Array,
  durability: Durability = 'committed'
): Promise<Fault | undefined> {
  const outcome = new Outcome()
  store.write(partition, key, record, durability, outcome)
  return (await outcome.done).fault
}

export async function drop(store: Store, partition: number, key: Key): Promise<Fault | undefined> {
  const outcome = new Outcome()
  store.erase(partition, key, outcome)
  return (await outcome.done).fault
}

/** All pages of a partition, `pairsMax` at a time. */
export function scanAll(store: Store, partition: number, pairsMax: number): [Key, string][] {
  const pairs: [Key, string][] = []
  let after: Key | undefined
  for (;;) {
    const page = store.scan(partition, after, pairsMax)
    for (const pair of page.pairs) pairs.push([pair.key, Buffer.from(pair.record).toString('latin1')])
    if (page.next === undefined) return pairs
    after = page.next
  }
}
