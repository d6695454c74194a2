import type { RingView } from '../../actors/ring/ring-view.ts'
import { fault } from '../../model/fault.ts'
import { bucketFault } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { Clock } from '../../runtime/clock.ts'
import { Bucket, type BucketPorts, type KeysOptions, type StoreKey } from './bucket.ts'
import { badRequest, errorOf } from './errors.ts'
import { KeyQueue } from './key-queue.ts'
import { checkNames, timeoutOf, wholeNumber } from './operation-options.ts'
import { SessionMemory, sessionKeysDefault, sessionKeysMax } from './session-memory.ts'
import type { StoreCore, StoreCoreFigures } from './store-core.ts'
import { anyValue, type ValueCodec } from './value-codec.ts'
import { watchEventsDefault, watchEventsMax, type StoreEvent, type WatchOptions } from './watch.ts'

export interface BucketOptions<T> {
  /** How values become bytes; default: bytes as they are, everything else as JSON. */
  readonly codec?: ValueCodec<T> | undefined
}

/** What a store reaches the cluster by. */
export interface StorePorts {
  readonly core: StoreCore
  readonly clock: Clock
  random(): number
  /** A request of administration. @returns the JSON of its reply */
  admin(name: string, request: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<unknown>
  watch(bucket: string, eventsMax: number, onReady: (() => void) | undefined): AsyncIterable<StoreEvent>
  /** Let go of everything. */
  close(): Promise<void>
}

export interface StoreSettings {
  readonly timeoutMs: number
  readonly pairBytesMax: number
  readonly inFlightMax: number
}

export interface SessionOptions {
  readonly keysMax?: number | undefined
}

/** Buckets through which one writer follows itself. Made by `Store.session`. */
export interface Session {
  bucket<T = unknown>(name: string, options?: BucketOptions<T>): Bucket<T>
}

/** A cluster, as an application sees it. Made by `connect`. */
export class Store implements Session {
  readonly #ports: StorePorts
  readonly #settings: StoreSettings
  readonly #forBuckets: BucketPorts

  constructor(ports: StorePorts, settings: StoreSettings) {
    const { core, clock } = ports
    this.#ports = ports
    this.#settings = settings
    this.#forBuckets = {
      core,
      wallMs: () => clock.wallMs(),
      random: () => ports.random(),
      pause: ms => new Promise(resolve => void clock.after(ms, resolve)),
      keys: (bucket, options) => this.#keys(bucket, options),
      watch: (bucket, options) => this.#watch(bucket, options),
      updates: new KeyQueue(),
      timeoutMs: settings.timeoutMs,
      pairBytesMax: settings.pairBytesMax,
      inFlightMax: settings.inFlightMax
    }
  }

  /** @throws {BadRequest} it is no bucket's name */
  bucket<T = unknown>(name: string, options: BucketOptions<T> = {}): Bucket<T> {
    return this.#bucket(name, options, undefined)
  }

  /**
   * A view whose writes to a key follow its own earlier ones, also without a context, and whose reads show them.
   * So one writer makes no siblings with itself.
   * @param options.keysMax keys that it remembers, the ones written last; default 10,000
   */
  session(options: SessionOptions = {}): Session {
    checkNames(options, ['keysMax'])
    const memory = new SessionMemory(
      options.keysMax === undefined ? sessionKeysDefault : wholeNumber('keysMax', options.keysMax, 1, sessionKeysMax)
    )
    return { bucket: (name, bucketOptions = {}) => this.#bucket(name, bucketOptions, memory) }
  }

  /** The ring as the client knows it now. */
  get ring(): RingView | undefined {
    return this.#ports.core.view
  }

  /** Counts since it was connected. */
  figures(): StoreCoreFigures {
    return this.#ports.core.figures()
  }

  /** A request to `<cluster>.admin.<name>`; needs the right to administer. @throws {StoreError} */
  admin(name: string, request: Readonly<Record<string, unknown>> = {}, timeoutMs?: number): Promise<unknown> {
    if (!/^[a-z][a-z0-9-]{0,63}(\.[a-z][a-z0-9-]{0,63})?$/.test(name))
      return Promise.reject(badRequest(`${JSON.stringify(name)} is no request of administration`))
    return this.#ports.admin(name, request, timeoutOf(timeoutMs, this.#settings.timeoutMs))
  }

  /** End what is under way with `Unavailable`, end watches, let go of the connections. */
  close(): Promise<void> {
    return this.#ports.close()
  }

  #bucket<T>(name: string, options: BucketOptions<T>, memory: SessionMemory | undefined): Bucket<T> {
    checkNames(options, ['codec'])
    if (typeof name !== 'string') throw badRequest(`a bucket's name is a text, not ${typeof name}`)
    const wrong = bucketFault(name)
    if (wrong !== undefined) throw errorOf(wrong)
    return new Bucket<T>(name, this.#forBuckets, options.codec ?? (anyValue as ValueCodec<T>), memory)
  }

  async *#keys(
    bucket: string,
    { prefix = '', strict = true, pageSize = limits.listPageMax, timeoutMs }: KeysOptions
  ): AsyncGenerator<StoreKey> {
    const waitMs = timeoutOf(timeoutMs, Math.max(this.#settings.timeoutMs, keysTimeoutMsMin))
    for (let cursor = ''; ; ) {
      const request = {
        bucket,
        limit: pageSize,
        strict,
        ...(prefix === '' ? {} : { prefix }),
        ...(cursor === '' ? {} : { cursor })
      }
      const page = (await this.#ports.admin('keys', request, waitMs)) as { keys?: unknown; cursor?: unknown } | undefined
      if (!Array.isArray(page?.keys))
        throw errorOf(
          fault('internal', 'the cluster answered the listing with something that is no page of keys: is it another version?')
        )
      for (const entry of page.keys) yield keyOfEntry(entry)
      if (typeof page.cursor !== 'string' || page.cursor === '') return
      cursor = page.cursor
    }
  }

  #watch(bucket: string, options: WatchOptions): AsyncIterable<StoreEvent> {
    checkNames(options, ['eventsMax', 'onReady'])
    const eventsMax =
      options.eventsMax === undefined ? watchEventsDefault : wholeNumber('eventsMax', options.eventsMax, 1, watchEventsMax)
    return this.#ports.watch(bucket, eventsMax, options.onReady)
  }
}

/** A page takes its time on a large cluster. */
const keysTimeoutMsMin = 10_000

function keyOfEntry(entry: unknown): StoreKey {
  if (typeof entry === 'string') return entry
  const { key, key_base64: encoded } = (entry ?? {}) as { key?: unknown; key_base64?: unknown }
  if (typeof key === 'string') return key
  if (typeof encoded === 'string') return Uint8Array.from(Buffer.from(encoded, 'base64'))
  throw errorOf(fault('internal', 'the listing holds an entry that is no key: is it another version?'))
}
