import { connect, type MsgCallback, type NatsConnection } from 'nats'
import type { Msg } from 'nats'
import type { Writer } from './codec.ts'
import { natsTls, type TlsMaterial } from './nats-tls.ts'

const connectMsMax = 5_000
const reconnectMsMin = 50
const reconnectMsSpread = 100
/** After this many bytes the server is asked how far it has read. */
const windowBytes = 2 * 1024 * 1024

export interface NatsLinkOptions {
  readonly servers: string | readonly string[]
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** undefined: in the clear, unless the server wants TLS. */
  readonly tls?: TlsMaterial | undefined
  /** For people who look at the server. */
  readonly name: string
  /** Keep trying where no server answers at first; default false: `connect` rejects. */
  readonly waitForServer?: boolean
  /** Find the connection again whenever it is lost; else its loss is its end. */
  readonly reconnects: boolean
  readonly pingIntervalMs: number
  readonly onStatus: (status: NatsLinkStatus) => void
}

export interface NatsLinkStatus {
  readonly type: 'disconnected' | 'reconnected' | 'error' | 'closed'
  /** For people. */
  readonly detail: string
}

const pingsUnansweredMax = 2

/** One connection to a server, with an account of what the server was given and has not read yet. */
export class NatsLink {
  readonly #nc: NatsConnection
  readonly #onStatus: (status: NatsLinkStatus) => void
  readonly #recycle: (writer: Writer) => void
  /** Writers that nats-core refers to until the microtask in which it copies them out. */
  readonly #lent: Writer[] = []
  #connected = true
  #closing: Promise<void> | undefined
  #window = 0
  #unread = 0
  /** Counts connections: an answer to a question asked on an earlier one says nothing. */
  #reconnects = 0

  private constructor(nc: NatsConnection, options: NatsLinkOptions, recycle: (writer: Writer) => void) {
    this.#nc = nc
    this.#onStatus = options.onStatus
    this.#recycle = recycle
    void this.#watch()
  }

  /**
   * @param recycle given each published writer once nothing refers to its bytes any more
   * @throws {Error} no server answers, or it refuses the credentials
   */
  static async connect(options: NatsLinkOptions, recycle: (writer: Writer) => void): Promise<NatsLink> {
    const { servers, user, password, tls, name, waitForServer = false, reconnects, pingIntervalMs } = options
    const nc = await connect({
      servers: typeof servers === 'string' ? servers : [...servers],
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
      ...(tls === undefined ? {} : natsTls(tls, servers)),
      name,
      timeout: connectMsMax,
      waitOnFirstConnect: waitForServer,
      reconnect: reconnects,
      maxReconnectAttempts: -1,
      // a server that starts anew may refuse for a moment; giving up for ever is the supervisor's decision
      ignoreAuthErrorAbort: reconnects,
      reconnectDelayHandler: () => reconnectMsMin + Math.random() * reconnectMsSpread,
      noAsyncTraces: true,
      ignoreClusterUpdates: true,
      pingInterval: pingIntervalMs,
      maxPingOut: pingsUnansweredMax
    })
    return new NatsLink(nc, options, recycle)
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Bytes that the server was given and is not known to have read; exact to a window of 2 MB. */
  get unread(): number {
    return this.#unread
  }

  get reconnects(): number {
    return this.#reconnects
  }

  /** Its name, which is its host's; '' where it is not known. */
  get server(): string {
    return this.#nc.info?.server_name ?? ''
  }

  /** @param queue of the subscriptions of one queue, one gets each message: one on the server that it was given to, where there is one */
  subscribe(subject: string, callback: MsgCallback<Msg>, queue?: string): void {
    this.#nc.subscribe(subject, queue === undefined ? { callback } : { callback, queue })
  }

  /** @returns the payload of the one reply @throws {Error} nobody answers in time */
  async ask(subject: string, timeoutMs: number): Promise<Uint8Array> {
    const reply = await this.#nc.request(subject, new Uint8Array(0), { timeout: timeoutMs })
    return reply.data
  }

  /** Wait until the server has read what it was given. @throws {Error} the connection is lost meanwhile */
  async flush(): Promise<void> {
    await this.#nc.flush()
  }

  /**
   * The frame is lent until it is recycled.
   * @param reply where the server answers when nobody listens; '' for nowhere
   * @throws {Error} the connection was closed by the server in this very turn; or it takes less than it should
   */
  publish(subject: string, reply: string, frame: Writer): void {
    this.#nc.publish(subject, frame.view(), reply === '' ? undefined : { reply })
    // nats-core has put its own microtask in the queue: ours comes behind it
    if (this.#lent.push(frame) === 1) queueMicrotask(this.#reclaim)
    this.#unread += frame.position
    this.#window += frame.position
    if (this.#window >= windowBytes) this.#askHowFar()
  }

  readonly #reclaim = (): void => {
    // where the connection was lost in between, nats-core may still hold them
    if (this.#connected) for (const writer of this.#lent) this.#recycle(writer)
    this.#lent.length = 0
  }

  /** A server answers a ping when it has read what came before. */
  #askHowFar(): void {
    const asked = this.#window
    const connection = this.#reconnects
    this.#window = 0
    this.#nc.flush().then(
      () => {
        if (connection === this.#reconnects) this.#unread -= asked
      },
      () => {
        // the connection was lost; `#watch` starts the count anew
      }
    )
  }

  async #watch(): Promise<void> {
    for await (const status of this.#nc.status()) {
      if (status.type === 'disconnect') {
        this.#connected = false
        this.#onStatus({ type: 'disconnected', detail: status.server })
      } else if (status.type === 'reconnect') {
        this.#reconnects++
        this.#unread = 0
        this.#window = 0
        this.#connected = this.#closing === undefined
        this.#onStatus({ type: 'reconnected', detail: status.server })
      } else if (status.type === 'error') {
        this.#onStatus({ type: 'error', detail: status.error.message })
      }
    }
    this.#connected = false
    this.#onStatus({ type: 'closed', detail: '' })
  }

  /** Hear what is on its way, and no more; then close. */
  async retire(): Promise<void> {
    this.#connected = false
    // Its server may have ended: then there is nothing left to hear.
    await this.#nc.drain().catch(() => this.#nc.close().catch(() => {}))
  }

  /** @param flushMsMax how long to wait until the server has read everything */
  close(flushMsMax: number): Promise<void> {
    this.#closing ??= this.#close(flushMsMax)
    return this.#closing
  }

  async #close(flushMsMax: number): Promise<void> {
    if (this.#connected) {
      this.#connected = false
      let timer: NodeJS.Timeout | undefined
      const bound = new Promise<void>(resolve => {
        timer = setTimeout(resolve, flushMsMax)
      })
      // lost meanwhile: at most once, so nothing is to be done about it
      await Promise.race([this.#nc.flush().catch(() => {}), bound])
      clearTimeout(timer)
    }
    await this.#nc.close()
  }
}
