import { connect, errors, type Msg, type NatsConnection } from 'nats'
import type { RingView } from '../../actors/ring/ring-view.ts'
import { natsTls, type TlsMaterial } from '../../bus/nats-tls.ts'
import { adminSubject, eventSubscriptions, ringSubject } from '../../bus/subject.ts'
import { fault, faultStatus, type Fault, type FaultCode } from '../../model/fault.ts'
import { errorOf, StoreError } from './errors.ts'
import { EventQueue } from './event-queue.ts'
import { ringOfJson } from './ring-source.ts'
import { eventOf, type StoreEvent } from './watch.ts'

const connectMsMax = 5_000
const reconnectMsMin = 50
const reconnectMsSpread = 100

export interface NatsDeskOptions {
  readonly servers: readonly string[]
  readonly cluster: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: TlsMaterial | undefined
}

/** The client's connection for what is not requests for data: the ring, events, administration. */
export class NatsDesk {
  readonly #nc: NatsConnection
  readonly #cluster: string
  readonly #watches = new Set<EventQueue<StoreEvent>>()

  private constructor(nc: NatsConnection, cluster: string) {
    this.#nc = nc
    this.#cluster = cluster
  }

  /** @throws {StoreError} nobody answers there, or the credentials are refused */
  static async connect({ servers, cluster, user, password, tls }: NatsDeskOptions): Promise<NatsDesk> {
    try {
      const nc = await connect({
        servers: [...servers],
        ...(user === undefined ? {} : { user }),
        ...(password === undefined ? {} : { pass: password }),
        ...(tls === undefined ? {} : natsTls(tls, servers)),
        name: 'carillon client',
        timeout: connectMsMax,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        reconnectDelayHandler: () => reconnectMsMin + Math.random() * reconnectMsSpread,
        noAsyncTraces: true,
        ignoreClusterUpdates: true,
        pingInterval: 5_000,
        maxPingOut: 2
      })
      return new NatsDesk(nc, cluster)
    } catch (error) {
      throw connectError(error, servers)
    }
  }

  /** @throws {StoreError} */
  async ring(timeoutMs: number): Promise<RingView> {
    return ringOfJson(await this.#request(ringSubject(this.#cluster), new Uint8Array(0), timeoutMs))
  }

  /** A request of administration. @returns the JSON of its reply @throws {StoreError} */
  async admin(name: string, request: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<unknown> {
    const reply = await this.#request(adminSubject(this.#cluster, name), Buffer.from(JSON.stringify(request)), timeoutMs)
    if (reply.length === 0) return undefined
    const text = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength).toString('utf8')
    try {
      return JSON.parse(text)
    } catch {
      // Metrics are text.
      return text
    }
  }

  /** Events of a bucket, until the queue ends. `onReady` is called once the server knows of the subscription. */
  watch(bucket: string, eventsMax: number, onReady: (() => void) | undefined): EventQueue<StoreEvent> {
    const subjects = eventSubscriptions(this.#cluster, bucket)
    const subscriptions = subjects.map(subject =>
      this.#nc.subscribe(subject, {
        callback: (error, message) => {
          if (error !== null) return queue.end(requestError(error, subject))
          const event = eventOf(message.data)
          if (event !== undefined) queue.push(event)
        }
      })
    )
    const queue = new EventQueue<StoreEvent>(eventsMax, () => {
      this.#watches.delete(queue)
      for (const subscription of subscriptions) subscription.unsubscribe()
    })
    this.#watches.add(queue)
    if (onReady !== undefined) this.#nc.flush().then(onReady, () => {})
    return queue
  }

  async close(): Promise<void> {
    for (const queue of [...this.#watches]) queue.end()
    await this.#nc.close()
  }

  async #request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    let message: Msg
    try {
      message = await this.#nc.request(subject, data, { timeout: timeoutMs })
    } catch (error) {
      throw requestError(error, subject)
    }
    const status = message.headers?.get('Nats-Service-Error-Code') ?? ''
    if (status !== '') throw errorOf(serviceFault(status, message.headers?.get('Nats-Service-Error') ?? '', message.data))
    return message.data
  }
}

/** The fault is the reply's body where it is one; else what the headers say. */
function serviceFault(status: string, description: string, data: Uint8Array): Fault {
  if (data.length > 0 && data[0] === 0x7b) {
    try {
      const body = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')) as Partial<Fault>
      if (typeof body.code === 'string' && Object.hasOwn(faultStatus, body.code))
        return { ...body, code: body.code, detail: body.detail ?? description }
    } catch {
      // Not a fault: the headers have to do.
    }
  }
  const named = /^([a-z_]+)(?::\s*|$)(.*)$/s.exec(description)
  if (named !== null && Object.hasOwn(faultStatus, named[1]!)) return fault(named[1] as FaultCode, named[2] || description)
  const code = (Object.keys(faultStatus) as FaultCode[]).find(each => String(faultStatus[each]) === status)
  return fault(code ?? 'internal', description === '' ? `the cluster answered with ${status}` : description)
}

type ErrorKind = typeof errors.TimeoutError | typeof errors.NoRespondersError | typeof errors.PermissionViolationError

function requestError(error: unknown, subject: string): StoreError {
  if (error instanceof StoreError) return error
  // An error of a request wraps what caused it.
  const { cause } = error as Error
  const is = (kind: ErrorKind) => error instanceof kind || cause instanceof kind
  if (is(errors.TimeoutError)) return errorOf(fault('timeout', `nobody answered on ${subject} in time`))
  if (is(errors.NoRespondersError)) {
    return errorOf(
      fault(
        'unavailable',
        `nobody listens on ${subject}: no host of a cluster of this name is up, or these credentials may not ask it`
      )
    )
  }
  if (is(errors.PermissionViolationError)) return errorOf(fault('forbidden', `these credentials may not use ${subject}`))
  return errorOf(fault('unavailable', `${subject}: ${(error as Error).message}`))
}

export function connectError(error: unknown, servers: readonly string[]): StoreError {
  if (error instanceof StoreError) return error
  const { name, message } = error as Error
  const text = `${name} ${message}`
  if (/authorization|authentication|credential/i.test(text)) {
    return errorOf(fault('unauthorized', `${servers.join(', ')} refused the credentials: give token, or user and password`))
  }
  const { code } = rootOf(error as Error) as NodeJS.ErrnoException
  if (code !== undefined && /CERT|ALTNAME|SSL|TLS|SIGNED|SIGNATURE|ISSUER/.test(code)) {
    const detail = `${servers.join(', ')}: no TLS between this client and the server (${code}, ${message}): give tls.ca, the authority of the cluster’s certificates, and an address that they are for`
    return errorOf(fault('unavailable', detail))
  }
  if (/'tls'/.test(message))
    return errorOf(fault('unavailable', `${servers.join(', ')} offers no TLS: write nats:// and leave tls out, if that is meant`))
  return errorOf(fault('unavailable', `no server answers at ${servers.join(', ')}: ${message}`))
}

/** What caused it in the first place. */
function rootOf(error: Error): Error {
  let root = error
  for (let depth = 0; depth < 8 && root.cause instanceof Error; depth++) root = root.cause
  return root
}
