import type { Ref } from '../../bus/bus.ts'

/** The transfer agent of a host: `HOST.system.transfer-agent`. */
export type TransferQuestion =
  /** How far is what this host fetches? Answered by `transfer`. */
  { readonly kind: 'describe-transfer'; readonly replyTo: Ref<TransferTold> }

export interface TransferTold {
  readonly kind: 'transfer'
  /** For which ring to be it fetches, or fetched last; see `arrivalOf`. '': none since it was started. */
  readonly arrival: string
  /** Partitions, by source, that are not through. */
  readonly runs: number
  /** Of this ring to be. */
  readonly pairs: number
  readonly bytes: number
  /** As it went the last time, without the time in which it was held up; 0: it was never measured. */
  readonly bytesPerSecond: number
}
