/**
 * The registry of operating errors. Each code has a heading in `docs/errors.md`; a test keeps the two equal.
 * A fault is a value: it travels in replies, through every door, with its figures.
 */
export interface FaultFigures {
  /** Replies the request had to have. */
  readonly needed?: number
  /** Replies it had when it gave up. */
  readonly answered?: number
  /** The bound that was passed, in the unit that `detail` names. */
  readonly limit?: number
  /** What was measured against `limit`. */
  readonly size?: number
  /** Milliseconds after which it may be tried again; sooner it will be refused again. */
  readonly retryAfterMs?: number
  /** What may have become of the write: `indeterminate` where some replica may hold it. */
  readonly outcome?: 'refused' | 'indeterminate'
}

export interface Fault extends FaultFigures {
  readonly code: FaultCode
  /** What happened, where, and what to do about it; for people. */
  readonly detail: string
}

export type FaultCode = keyof typeof faultStatus

/** HTTP status of each code; the NATS door sends the same number in `Nats-Service-Error-Code`. */
export const faultStatus = Object.freeze({
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  not_allowed: 405,
  key_exists: 409,
  too_many_siblings: 409,
  already_running: 409,
  precondition_failed: 412,
  too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal: 500,
  overloaded: 503,
  unavailable: 503,
  quorum_unavailable: 503,
  timeout: 504,
  storage_full: 507,
  storage_failed: 500,
  corrupt_record: 500
} as const)

export function fault(code: FaultCode, detail: string, figures?: FaultFigures): Fault {
  return figures === undefined ? { code, detail } : { code, detail, ...figures }
}

export function isFault(value: unknown): value is Fault {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'string' &&
    Object.hasOwn(faultStatus, value.code) &&
    'detail' in value
  )
}
