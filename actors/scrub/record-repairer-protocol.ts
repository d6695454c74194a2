import type { Key } from '../../model/key.ts'

/** The record repairer of a data thread: `HOST.data-K.record-repairer`. */
export interface MendWanted {
  readonly kind: 'mend-wanted'
  readonly partition: number
  readonly key: Key
}
