import type { Key } from '../model/key.ts'
import type { Completion, Durability, Store, StoreFigures, StorePage } from '../storage/store.ts'

/**
 * What a test may do to a thread of a running host, to see that it survives. Only a host that was started with
 * CARILLON_FAULTS=on takes these, and only from the process that started it.
 */
export type Fault =
  /** Of a data thread: its next reads throw something that is no operating error, and the vnode that reads crashes. */
  | { readonly kind: 'throw'; readonly times: number }
  /** The thread ends, as after an uncaught error. */
  | { readonly kind: 'exit' }
  /** Its event loop stands still for ever. */
  | { readonly kind: 'block' }

export interface FaultMessage {
  readonly thread: string
  readonly fault: Fault
}

/** A store that can be told to fail in ways that no store should. */
export class FaultyStore implements Store {
  readonly #store: Store
  #throws = 0

  constructor(store: Store) {
    this.#store = store
  }

  read(partition: number, key: Key): Uint8Array | undefined {
    if (this.#throws > 0) {
      this.#throws--
      throw new Error('an injected fault')
    }
    return this.#store.read(partition, key)
  }

  write(partition: number, key: Key, record: Uint8Array, durability: Durability, completion: Completion): boolean {
    return this.#store.write(partition, key, record, durability, completion)
  }

  erase(partition: number, key: Key, completion: Completion): boolean {
    return this.#store.erase(partition, key, completion)
  }

  get failures(): number {
    return this.#store.failures
  }

  scan(partition: number, after: Key | undefined, pairsMax: number): StorePage {
    return this.#store.scan(partition, after, pairsMax)
  }

  figures(): StoreFigures {
    return this.#store.figures()
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  inject(fault: Fault): void {
    if (fault.kind === 'throw') this.#throws = fault.times
    else breakThread(fault)
  }
}

/** End the thread that calls this, or let it stand still for ever. */
export function breakThread(fault: Fault): void {
  switch (fault.kind) {
    case 'exit':
      process.exit(7)
      break
    case 'block':
      for (;;);
    case 'throw':
      throw new Error('only a data thread has reads that could throw')
  }
}
