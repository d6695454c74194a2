import { connect } from '../../api/client/client.ts'
import type { Store } from '../../api/client/store.ts'
import type { ConsistencyLevel } from '../../model/quorum.ts'
import type { Random } from '../../runtime/random.ts'
import type { ChaosHost } from './chaos-host.ts'
import type { Ledger } from './ledger.ts'
import type { WorkloadKind } from './options.ts'
import { Tally } from './tally.ts'
import { type Client, workloads } from './workload.ts'

export interface LoadOptions {
  /** Those that its clients know. */
  readonly hosts: readonly ChaosHost[]
  /** Before the names of its clients, and of the keys that only one of them writes: where there is other load at the same time. */
  readonly side: string
  readonly level: ConsistencyLevel | undefined
  readonly kinds: readonly WorkloadKind[]
  /** Of each kind. */
  readonly clients: number
  readonly keys: number
  readonly random: Random
  readonly ledger: Ledger
  /** Every client knows every host, and has a connection of its own. */
  readonly areFree: boolean
}

/** Clients at work. Unless all are to be free, half of them know every host that they may know; each of the others knows one, and so shares its fate. */
export class Load {
  /** Of the clients that know every host, in the present phase. */
  free = new Tally()
  /** Of those that know one. */
  bound = new Tally()
  readonly violations: string[] = []
  readonly #stop = new AbortController()
  readonly #stores: Store[] = []
  #work: Promise<unknown> = Promise.resolve()

  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load()
    const { hosts, side, kinds, clients, random, areFree } = options
    const servers = hosts.map(host => host.nats)
    const everyone = await connect({ servers })
    load.#stores.push(everyone)
    const stores: Store[] = []
    const known = areFree ? Array.from({ length: clients }, () => servers) : hosts.slice(0, clients).map(host => host.nats)
    for (const servers of known) stores.push(await connect({ servers }))
    load.#stores.push(...stores)
    const all: Promise<void>[] = []
    for (const kind of kinds) {
      for (let number = 0; number < clients; number++) {
        const isFree = areFree || number % 2 === 0
        const name = `${side}${kind}-${number + 1}`
        const client: Client = {
          ...options,
          name,
          number,
          store: areFree ? stores[number]! : isFree ? everyone : stores[Math.floor(number / 2) % stores.length]!,
          random: random.fork(name),
          get tally() {
            return isFree ? load.free : load.bound
          },
          stop: load.#stop.signal,
          violations: load.violations
        }
        all.push(workloads[kind](client))
      }
    }
    load.#work = Promise.all(all)
    return load
  }

  /** Count from nothing. @returns what was counted up to now, of the clients that know every host */
  phase(): Tally {
    const before = this.free
    this.free = new Tally()
    this.bound = new Tally()
    return before
  }

  /** Count operations that begin from now on into this one, which may have counted before. */
  into(tally: Tally): void {
    tally.resume()
    this.free = tally
  }

  /** Ends when the last operation has ended. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#work
    for (const store of this.#stores) await store.close()
  }
}
