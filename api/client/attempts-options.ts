import type { Bus } from '../../bus/bus.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { StaleRing } from './stale-ring.ts'

/** What the requests under way need of the client around them. */
export interface AttemptsOptions {
  readonly bus: Bus
  readonly clock: Clock
  random(): number
  readonly stale: StaleRing
  /** A number that no request had before. */
  nextCorrelation(): number
  /** Gets ask the owners themselves where that will do. */
  readonly asksOwners: boolean
  /** Acknowledgements of puts are counted here where that will do. */
  readonly countsAcks: boolean
}
