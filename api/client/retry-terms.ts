import type { Fault, FaultCode } from '../../model/fault.ts'

/** Attempts that a request may have that were surely without effect. */
export const setbacksMax = 4
/** Of these, refusals by a coordinator: who is overloaded is not helped by more requests. */
export const refusalsMax = 2
export const troublesOfOneHost: readonly FaultCode[] = ['storage_full', 'storage_failed', 'corrupt_record']
/** First wait before the next attempt, doubled each time, at random between half of it and all. */
const retryDelayMs = 8
/** A coordinator that has not answered within this share of the timeout is slow. */
export const patienceShare = 0.25
/** Further coordinators that a get is asked of since the ones before are slow. */
export const hedgesMax = 3

/** @param chance 0 ≤ x < 1 */
export function delayMsOf(setbacks: number, chance: number): number {
  return retryDelayMs * 2 ** Math.min(setbacks, 6) * (0.5 + chance / 2)
}

/** Milliseconds after which to try again, as a coordinator said; 0: it did not. */
export function toldBy({ retryAfterMs }: Fault): number {
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0
}
