import { limits } from '../../model/limits.ts'

/** How the HTTP door behaves; every one has a default. */
export interface HttpSettings {
  /** Key and value together, in bytes; the cluster's own bound. */
  readonly pairBytesMax: number
  /** Where a request says nothing. */
  readonly requestTimeoutMs: number
  /** Bytes of one batch's body. */
  readonly batchBytesMax: number
  /** Empty: no credentials are asked for. */
  readonly token: string
  /** Origins whose pages may call this door; empty: none but its own. */
  readonly corsOrigins: readonly string[]
  /** Requests of one address in a second; 0: unlimited. */
  readonly rateLimitPerSecond: number
  /** As Node's TLS server takes it, PEM texts; undefined: plain HTTP. */
  readonly tls: HttpTls | undefined
  /** Streams of events that may be open. */
  readonly eventStreamsMax: number
}

export interface HttpTls {
  readonly key: string
  readonly cert: string
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Whose certificates clients may show, and whether they have to. */
  readonly ca?: string
  readonly requestCert?: boolean
  readonly rejectUnauthorized?: boolean
}

export const httpSettingsDefault: HttpSettings = Object.freeze({
  pairBytesMax: limits.pairBytesDefault,
  requestTimeoutMs: limits.requestTimeoutMsDefault,
  batchBytesMax: 8 * 1024 * 1024,
  token: '',
  corsOrigins: Object.freeze([]),
  rateLimitPerSecond: 0,
  tls: undefined,
  eventStreamsMax: 64
})

/** Node's own are meant for uploads of minutes. */
export const headersTimeoutMs = 10_000
export const wholeRequestTimeoutMs = 30_000
export const headerBytesMax = 16 * 1024
/** Longer than a proxy in front keeps an idle connection, usually 60 s, so that it never meets one that is being closed. */
export const keepAliveTimeoutMs = 65_000

/** JSON around a key and a value: names, quotes, a context, and each byte of the key written as `\\u0000`. */
const jsonOverheadBytes = 64 * 1024

/** What is read of a body of one operation before it is refused. */
export function bodyBytesMaxOf(settings: HttpSettings): number {
  return settings.pairBytesMax + jsonOverheadBytes
}
