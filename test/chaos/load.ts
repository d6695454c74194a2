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
}

/** Clients at work. Half of them know every host that they may know; each of the others knows one, and so shares its fate. */
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
    const { hosts, side, kinds, clients, random } = options
    const everyone = await connect({ servers: hosts.map(host => host.nats) })
    load.#stores.push(everyone)
    const stores: Store[] = []
    for (const host of hosts.slice(0, clients)) stores.push(await connect({ servers: host.nats }))
    load.#stores.push(...stores)
    const all: Promise<void>[] = []
    for (const kind of kinds) {
      for (let number = 0; number < clients; number++) {
        const isFree = number % 2 === 0
        const name = `${side}${kind}-${number + 1}`
        const client: Client = {
          ...options,
          name,
          number,
          store: isFree ? everyone : stores[Math.floor(number / 2) % stores.length]!,
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

  /** Ends when the last operation has ended. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#work
    for (const store of this.#stores) await store.close()
  }
}
