import { coordinatorAddressOf, isReachable, type RingView } from '../../actors/ring/ring-view.ts'
import type { Address, Ref } from '../../bus/bus.ts'
import type { KvRequest } from './kv-request.ts'

interface Owner {
  readonly host: string
  readonly isReachable: boolean
  readonly to: Ref
}

/** Which coordinator a door asks for a partition: its own host's where that is an owner, else the owners in turn. */
export class DoorRoutes {
  readonly view: RingView
  readonly #self: string
  readonly #owners: (readonly Owner[] | undefined)[]
  #turn = 0

  constructor(view: RingView, self: string) {
    this.view = view
    this.#self = self
    this.#owners = new Array<readonly Owner[] | undefined>(view.partitions).fill(undefined)
  }

  /**
   * @param failed a host that did not answer: left out
   * @returns undefined where no owner can be reached
   */
  pick(partition: number, request: KvRequest, failed: string | undefined): Ref | undefined {
    const owners = (this.#owners[partition] ??= this.#learn(partition))
    if (isConditional(request)) return owners.find(owner => owner.isReachable && owner.host !== failed)?.to
    for (const owner of owners) if (owner.host === this.#self && owner.isReachable && owner.host !== failed) return owner.to
    this.#turn = (this.#turn + 1) & 0xffff
    for (let step = 0; step < owners.length; step++) {
      const owner = owners[(this.#turn + step) % owners.length]!
      if (owner.isReachable && owner.host !== failed) return owner.to
    }
    return undefined
  }

  #learn(partition: number): readonly Owner[] {
    const owners: Owner[] = []
    for (const index of this.view.owners[partition] ?? []) {
      const host = this.view.hosts[index]
      if (host === undefined) continue
      const address: Address = coordinatorAddressOf(host, partition)
      owners.push({
        host: host.name,
        isReachable: host.name === this.#self || isReachable(host),
        to: { address, correlation: 0, incarnation: 0 }
      })
    }
    return owners
  }
}

/** Those that are decided by what is there go to the first owner, where they meet each other. */
function isConditional({ action }: KvRequest): boolean {
  if (action.kind === 'get') return false
  return action.ifMatch !== '' || (action.kind === 'put' && action.mode === 'create')
}
