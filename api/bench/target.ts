/** A system under load. `carillon` is one; peers beside it are others. */
export interface Target {
  /** As the report names it. */
  readonly name: string
  /** What its operations promise, for the reader of the report: 'W=2, flushed'. */
  readonly promise: string
  /** Rejects with an error whose `code` is counted. */
  put(key: string, value: Uint8Array): Promise<unknown>
  /** @returns undefined where there is nothing */
  get(key: string): Promise<unknown>
  /** Store a first value under a key, whatever an earlier run has left there. */
  prepare(key: string, value: Uint8Array): Promise<unknown>
  /** Processes whose CPU is to be counted, beside the bench's own; none where they run elsewhere. */
  processes(): Promise<readonly TargetProcess[]>
  close(): Promise<void>
}

export interface TargetProcess {
  readonly pid: number
  readonly role: 'hosts' | 'nats'
}

/** @param keys how many keys there will be */
export type OpenTarget = (keys: number) => Promise<Target>
