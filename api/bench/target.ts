/** What a row of the report measures; `request` is one NATS request and its reply, the yardstick of latencies. */
export type RowOperation = 'put' | 'get' | 'mixed' | 'request'

/** What a store promises, as far as targets depend on it. */
export interface Promised {
  readonly replicas: number
  /** Replicas that a get waits for. */
  readonly r: number
  /** Replicas that a put waits for. */
  readonly w: number
  readonly durability: 'flushed' | 'committed'
}

/** One way to use a system: how it is connected to, or what is asked of it. */
export interface TargetMode {
  /** As the report names it beside the system; '' for the usual one. */
  readonly name: string
  /** What its operations promise, for the reader of the report: 'W=2, flushed'. */
  readonly promise: string
  /** Of this store alone; undefined where it is not known. */
  readonly promised?: Promised | undefined
  /** Rejects with an error whose `code` is counted. */
  readonly put?: (key: string, value: Uint8Array) => Promise<unknown>
  /** Resolves to undefined where there is nothing. */
  readonly get?: (key: string) => Promise<unknown>
  /** Measured at one in flight alone. */
  readonly request?: (value: Uint8Array) => Promise<unknown>
}

/** A system under load. `carillon` is one; peers beside it are others. */
export interface Target {
  /** As the report names it. */
  readonly name: string
  /** '' where it is not known. */
  readonly version: string
  /** What it does less than this store, or more, in one sentence; '' for nothing. */
  readonly less: string
  /** The usual one first. */
  readonly modes: readonly TargetMode[]
  /** Store a first value under a key, whatever an earlier run has left there. Absent where it holds no keys. */
  readonly prepare?: (key: string, value: Uint8Array) => Promise<unknown>
  /** Processes whose CPU is to be counted, beside the bench's own; none where they run elsewhere. */
  processes(): Promise<readonly TargetProcess[]>
  close(): Promise<void>
}

export interface TargetProcess {
  readonly pid: number
  /** Of this store the hosts and their nats-servers; `peer`: any process of another system. */
  readonly role: 'hosts' | 'nats' | 'peer'
}

/** What a target has to be ready for. */
export interface TargetSetting {
  /** How many there will be. */
  readonly keys: number
  readonly valueBytes: number
  /** Ends the opening with a rejection. */
  readonly signal?: AbortSignal | undefined
}

/** @throws {PeerMissing} the machine lacks a program */
export type OpenTarget = (setting: TargetSetting) => Promise<Target>

/** A peer that was asked for and not measured. */
export interface SkippedPeer {
  readonly peer: string
  readonly reason: string
  /** Its programs are there, and yet it did not start. */
  readonly is_failure: boolean
}

/** The machine lacks the program of a peer; the message says how to install it. */
export class PeerMissing extends Error {
  constructor(text: string) {
    super(text)
    this.name = 'PeerMissing'
  }
}

/** An operation that failed; `code` is what the report counts. */
export class OperationFailure extends Error {
  readonly code: string

  constructor(code: string, text: string) {
    super(text)
    this.name = 'OperationFailure'
    this.code = code
  }
}
