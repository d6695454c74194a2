import { fault, type Fault, type FaultCode } from '../../model/fault.ts'

/**
 * An operation that was not carried out as asked. Carries the same code and figures as the HTTP door's problem details.
 * Each code has a class of its own, so that `instanceof` and `code` say the same. See docs/errors.md.
 */
export class StoreError extends Error {
  readonly fault: Fault

  constructor(of: Fault) {
    super(of.detail)
    this.name = new.target.name
    this.fault = of
  }

  get code(): FaultCode {
    return this.fault.code
  }
  /** Replies that the request had to have. */
  get needed(): number | undefined {
    return this.fault.needed
  }
  /** Replies that it had when it gave up. */
  get answered(): number | undefined {
    return this.fault.answered
  }
  /** The bound that was passed, in the unit that the message names. */
  get limit(): number | undefined {
    return this.fault.limit
  }
  /** What was measured against `limit`. */
  get size(): number | undefined {
    return this.fault.size
  }
  /** Milliseconds after which it may be tried again; sooner it will be refused again. */
  get retryAfterMs(): number | undefined {
    return this.fault.retryAfterMs
  }
  /** Of a write: `indeterminate` where some replica may hold it, `refused` where surely none does; undefined of a read. */
  get outcome(): 'refused' | 'indeterminate' | undefined {
    return this.fault.outcome
  }
}

export class BadRequest extends StoreError {}
export class Unauthorized extends StoreError {}
export class Forbidden extends StoreError {}
export class NotFound extends StoreError {}
export class NotAllowed extends StoreError {}
export class KeyExists extends StoreError {}
export class TooManySiblings extends StoreError {}
export class AlreadyRunning extends StoreError {}
export class PreconditionFailed extends StoreError {}
export class TooLarge extends StoreError {}
export class UnsupportedMediaType extends StoreError {}
export class RateLimited extends StoreError {}
export class InternalError extends StoreError {}
export class Overloaded extends StoreError {}
export class Unavailable extends StoreError {}
export class QuorumUnavailable extends StoreError {}
export class Timeout extends StoreError {}
export class StorageFull extends StoreError {}
export class StorageFailed extends StoreError {}
export class CorruptRecord extends StoreError {}

const classes: Readonly<Record<FaultCode, new (of: Fault) => StoreError>> = Object.freeze({
  bad_request: BadRequest,
  unauthorized: Unauthorized,
  forbidden: Forbidden,
  not_found: NotFound,
  not_allowed: NotAllowed,
  key_exists: KeyExists,
  too_many_siblings: TooManySiblings,
  already_running: AlreadyRunning,
  precondition_failed: PreconditionFailed,
  too_large: TooLarge,
  unsupported_media_type: UnsupportedMediaType,
  rate_limited: RateLimited,
  internal: InternalError,
  overloaded: Overloaded,
  unavailable: Unavailable,
  quorum_unavailable: QuorumUnavailable,
  timeout: Timeout,
  storage_full: StorageFull,
  storage_failed: StorageFailed,
  corrupt_record: CorruptRecord
})

/** The error of a fault's own class; of `StoreError` itself where a later version sent a code that this one does not know. */
export function errorOf(of: Fault): StoreError {
  const Known = Object.hasOwn(classes, of.code) ? classes[of.code] : StoreError
  return new Known(of)
}

/** @param detail what is wrong with the argument, and what is allowed */
export function badRequest(detail: string): BadRequest {
  return new BadRequest(fault('bad_request', detail))
}
