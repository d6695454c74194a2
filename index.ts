import type { Host, HostOptions } from './deploy/host.ts'

/*
 * What applications import from 'carillon'.
 */

/**
 * Run a host in this process. Its parts are loaded on the first call, so that a mere client does without them.
 * @throws {Error} a setting is wrong, the data directory is in use, nats-server is missing, a port is taken
 */
export async function startHost(options?: HostOptions): Promise<Host> {
  const host = await import('./deploy/host.ts')
  return host.startHost(options)
}

export type { Host, HostOptions } from './deploy/host.ts'
export { connect } from './api/client/client.ts'
export type { ConnectOptions } from './api/client/client-options.ts'
export { Store, type BucketOptions, type Session, type SessionOptions } from './api/client/store.ts'
export {
  Bucket,
  type KeysOptions,
  type Operation,
  type Outcome,
  type StoreKey,
  type Updated,
  type UpdateOptions
} from './api/client/bucket.ts'
export type { Found, Stored, Version } from './api/client/found.ts'
export type { PutBytesOptions, PutOptions, ReadOptions, WriteOptions } from './api/client/operation-options.ts'
export type { EncodedValue, ValueCodec } from './api/client/value-codec.ts'
export type { StoreEvent, WatchOptions } from './api/client/watch.ts'
export {
  AlreadyRunning,
  BadRequest,
  CorruptRecord,
  Forbidden,
  InternalError,
  KeyExists,
  NotAllowed,
  NotFound,
  Overloaded,
  PreconditionFailed,
  QuorumUnavailable,
  RateLimited,
  StorageFailed,
  StorageFull,
  StoreError,
  Timeout,
  TooLarge,
  TooManySiblings,
  Unauthorized,
  Unavailable,
  UnsupportedMediaType
} from './api/client/errors.ts'
export type { Fault, FaultCode, FaultFigures } from './model/fault.ts'
export type { Acknowledgement, Receipt, Strength } from './actors/coordinator/coordinator-protocol.ts'
export type { RingView } from './actors/ring/ring-view.ts'
