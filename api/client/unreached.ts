import type { ThreadAddress } from '../../bus/bus.ts'
import type { Request } from './request.ts'
import type { Coordinator } from './routes.ts'

/** Requests under way, of which some batch found nobody at a thread. */
export interface Unreached {
  /** They asked an actor of that thread. */
  readonly asks: readonly Request[]
  /** Gets that ask the owner there, among others. */
  readonly direct: readonly Request[]
  /** They went to its coordinator. */
  readonly pending: readonly Request[]
  /** Only one batch has left for it since: that is the one which found nobody. Else an earlier one may have arrived, and a write in it may have been stored. */
  readonly isOneBatch: boolean
}

export function unreachedOf(underWay: Iterable<Request>, thread: ThreadAddress, coordinator: Coordinator | undefined): Unreached {
  const asks: Request[] = []
  const direct: Request[] = []
  const pending: Request[] = []
  let isOneBatch = true
  for (const request of underWay) {
    if (request.to !== undefined) {
      if (request.to.address.startsWith(`${thread}.`)) asks.push(request)
    } else if (coordinator === undefined) {
      continue
    } else if (request.direct !== undefined) {
      if (request.direct.owners.includes(coordinator)) direct.push(request)
    } else if (request.coordinator === coordinator && request.acks === undefined) {
      // Of those with acknowledgements some owner has what they wrote: they have arrived.
      if (request.flush !== coordinator.lastFlush) isOneBatch = false
      pending.push(request)
    }
  }
  return { asks, direct, pending, isOneBatch }
}
