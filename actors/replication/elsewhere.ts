import { type Fault, fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { Acknowledgement, QuorumOptions, Receipt } from '../coordinator/coordinator-protocol.ts'
import type { CoordinatorContext, CoordinatorState } from '../coordinator/coordinator-state.ts'
import { type HostView, isReachable } from '../ring/ring-view.ts'
import type { ShipmentWatcher } from './shipments.ts'

/** What a write has to do with the other datacenters. */
export interface Elsewhere {
  /** Of these, for the vnode that mints: see `owedTagOf`. */
  readonly tags: readonly number[]
  readonly partition: number
  /** At `each_quorum`: who waits for them. */
  readonly each: EachDatacenter | undefined
}

/** @returns undefined where there is no other datacenter */
export function elsewhereOf(state: CoordinatorState, partition: number, options: QuorumOptions): Elsewhere | undefined {
  const { tags } = state.shipments
  if (tags === undefined) return undefined
  const each = options.level === 'each_quorum' ? new EachDatacenter(state.shipments.others.map(({ dc }) => dc)) : undefined
  return { tags, partition, each }
}

/** For `each_quorum`: the first datacenter of which nobody can be reached; undefined: there is none. */
export function missingDatacenter(state: CoordinatorState, options: QuorumOptions): Fault | undefined {
  if (options.level !== 'each_quorum') return undefined
  const away = state.shipments.others.find(({ hosts }) => !hosts.some(isReachable))
  return away === undefined ? undefined : missingFault(away.dc, 'no host of it can be reached')
}

export function missingFault(dc: string, why: string): Fault {
  return fault(
    'quorum_unavailable',
    `each_quorum needs a quorum in every datacenter, and ${dc} is missing: ${why}. Ask for local_quorum, or try again when it is back`
  )
}

/** Give what was minted to the other datacenters. @param minter host of the vnode that has noted it */
export function shipTo(
  elsewhere: Elsewhere,
  what: { readonly key: Key; readonly siblings: Uint8Array; readonly deadlineMs: number },
  minter: HostView,
  watcher: ShipmentWatcher | undefined,
  state: CoordinatorState,
  context: CoordinatorContext
): void {
  const { partition } = elsewhere
  state.shipments.ship(state.nextOperation++, { ...what, partition }, minter, watcher, context)
}

/** The acknowledgements of the other datacenters that were waited for belong to it. */
export function withElsewhere(receipt: Receipt, elsewhere: Elsewhere | undefined): Receipt {
  const acks = elsewhere?.each?.acks ?? []
  return acks.length === 0 ? receipt : { ...receipt, acks: [...receipt.acks, ...acks] }
}

/** Which datacenters a write at `each_quorum` still waits for. */
export class EachDatacenter {
  readonly acks: Acknowledgement[] = []
  readonly #waiting: Set<string>
  #missing: Fault | undefined

  constructor(names: readonly string[]) {
    this.#waiting = new Set(names)
  }

  /** @param proceed called when something has become known */
  watched(proceed: () => void): ShipmentWatcher {
    return {
      adopted: (dc, acks) => {
        if (this.#waiting.delete(dc)) this.acks.push(...acks)
        proceed()
      },
      withheld: (dc, why) => {
        if (this.#waiting.has(dc)) this.#missing ??= missingFault(dc, why)
        proceed()
      }
    }
  }

  get verdict(): 'waiting' | 'met' | 'unmet' {
    if (this.#missing !== undefined) return 'unmet'
    return this.#waiting.size === 0 ? 'met' : 'waiting'
  }

  /** Why it cannot be met; undefined: nothing speaks against it yet. */
  get missing(): Fault | undefined {
    return this.#missing
  }

  /** For a request whose time is up. */
  get late(): Fault | undefined {
    const [dc] = this.#waiting
    return dc === undefined ? undefined : (this.#missing ?? missingFault(dc, 'it has not answered in time'))
  }
}
