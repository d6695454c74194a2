/**
 * What became of one record, or what would: `new` nothing was known of the key; `merged` it adds to what is there; `known` it adds nothing;
 * `deleted` it adds nothing, since its key was deleted later; `obsolete` it was deleted, and its tombstone has gone since, or an owner says
 * so of a part; `minted` it was one of these two, and is written anew; `failed` too few owners took it.
 */
export type RestoreOutcome = 'new' | 'merged' | 'known' | 'deleted' | 'obsolete' | 'minted' | 'failed'

export interface RestoredRecord {
  readonly outcome: RestoreOutcome
  /** Why it failed; '' otherwise. */
  readonly why: string
  /** Whether to send it again may help. */
  readonly mayRetry: boolean
}
