import type { Got, QuorumOptions, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { decodeContext, descends, join, type CausalContext } from '../../model/causal-context.ts'
import { fault, isFault } from '../../model/fault.ts'
import { keyFault, keyOf, keyOfText, type Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { badRequest, errorOf, KeyExists, PreconditionFailed, type StoreError } from './errors.ts'
import { etagOf, foundOf, readingOf, storedOf, type Found, type Reading, type Stored } from './found.ts'
import type { KeyQueue } from './key-queue.ts'
import {
  checkNames,
  flag,
  ifMatchOf,
  optionNames,
  readQuorum,
  timeoutOf,
  ttlOf,
  wholeNumber,
  writeQuorum,
  type PutBytesOptions,
  type PutOptions,
  type ReadOptions,
  type WriteOptions
} from './operation-options.ts'
import type { SessionMemory } from './session-memory.ts'
import type { StoreCore } from './store-core.ts'
import { bytesType, type EncodedValue, type ValueCodec } from './value-codec.ts'
import type { StoreEvent, WatchOptions } from './watch.ts'

/** Text, whose UTF-8 bytes are the key, or any bytes. */
export type StoreKey = string | Uint8Array

export interface UpdateOptions<T> {
  /**
   * One value of the concurrent ones, newest first. Called only where there are several; default: the newest alone,
   * so without it the other ones are given up.
   */
  readonly merge?: ((values: readonly T[]) => T) | undefined
  /** How often to read and write at most; default 16. */
  readonly attempts?: number | undefined
  readonly timeoutMs?: number | undefined
  readonly ttl?: number | undefined
}

/** What was written by `update`. */
export interface Updated<T> extends Stored {
  readonly value: T
  readonly attempts: number
}

export type Operation<T> =
  | { readonly op: 'get'; readonly key: StoreKey; readonly options?: ReadOptions }
  | { readonly op: 'put' | 'create'; readonly key: StoreKey; readonly value: T; readonly options?: PutOptions }
  | { readonly op: 'delete'; readonly key: StoreKey; readonly options?: WriteOptions }

/** What became of one operation of a batch. */
export type Outcome<T> =
  | { readonly op: 'get'; readonly ok: true; readonly found: Found<T> | undefined }
  | { readonly op: 'put' | 'create' | 'delete'; readonly ok: true; readonly stored: Stored }
  | { readonly op: Operation<T>['op']; readonly ok: false; readonly error: StoreError }

export interface KeysOptions {
  /** Only keys that begin with it; text. */
  readonly prefix?: string | undefined
  /** Fail rather than leave out the keys of a partition that does not answer; default true. */
  readonly strict?: boolean | undefined
  /** Keys asked for at a time, at most `limits.listPageMax`. */
  readonly pageSize?: number | undefined
  readonly timeoutMs?: number | undefined
}

/** What a bucket works with; made by the store. */
export interface BucketPorts {
  readonly core: StoreCore
  wallMs(): number
  random(): number
  pause(ms: number): Promise<void>
  keys(bucket: string, options: KeysOptions): AsyncIterable<StoreKey>
  watch(bucket: string, options: WatchOptions): AsyncIterable<StoreEvent>
  readonly updates: KeyQueue
  readonly timeoutMs: number
  readonly pairBytesMax: number
  readonly inFlightMax: number
}

const updateAttemptsDefault = 16
const updateAttemptsMax = 1_000
const updatePauseMsMax = 200
/** How often a session reads again until it sees its own write. */
const sessionReadsMax = 3

/** The keys and values under one name. @typeParam T what its values are; `unknown` unless told */
export class Bucket<T = unknown> {
  readonly name: string
  readonly #ports: BucketPorts
  readonly #codec: ValueCodec<T>
  readonly #session: SessionMemory | undefined

  /** @internal made by `Store.bucket` */
  constructor(name: string, ports: BucketPorts, codec: ValueCodec<T>, session: SessionMemory | undefined) {
    this.name = name
    this.#ports = ports
    this.#codec = codec
    this.#session = session
  }

  /**
   * @returns undefined where there is nothing, or what there was is deleted or has expired
   * @throws {StoreError}
   */
  async get(key: StoreKey, options?: ReadOptions): Promise<Found<T> | undefined> {
    const name = this.#keyOf(key)
    const quorum = readQuorum(options)
    const timeoutMs = timeoutOf(options?.timeoutMs, this.#ports.timeoutMs)
    if (this.#session === undefined) {
      // The usual read, with one promise less to wait for.
      const got = await this.#ports.core.get(name, quorum, timeoutMs)
      return foundOf(got, readingOf(got, this.#ports.wallMs()), this.#codec)
    }
    const { got, reading } = await this.#read(name, quorum, timeoutMs)
    return foundOf(got, reading, this.#codec)
  }

  /** The value's bytes as they are stored, whatever the bucket's codec. @throws {StoreError} */
  async getBytes(key: StoreKey, options?: ReadOptions): Promise<Found<Uint8Array> | undefined> {
    const { got, reading } = await this.#read(
      this.#keyOf(key),
      readQuorum(options),
      timeoutOf(options?.timeoutMs, this.#ports.timeoutMs)
    )
    return foundOf(got, reading, rawBytes)
  }

  /**
   * @param value anything that has JSON, or `Uint8Array`, unless the bucket has a codec of its own
   * @throws {StoreError} its `outcome` is `indeterminate` where the value may have been stored all the same
   */
  async put(key: StoreKey, value: T, options?: PutOptions): Promise<Stored> {
    const written = await this.#write(
      this.#keyOf(key),
      this.#codec.encode(value),
      options,
      optionNames.put,
      options?.create === true
    )
    return storedOf(written)
  }

  /** Only where there is no value. @throws {KeyExists} */
  async create(key: StoreKey, value: T, options?: PutOptions): Promise<Stored> {
    const written = await this.#write(this.#keyOf(key), this.#codec.encode(value), options, optionNames.put, true)
    return storedOf(written)
  }

  /** Store bytes as they are, under a content type. @throws {StoreError} */
  async putBytes(key: StoreKey, bytes: Uint8Array, options?: PutBytesOptions): Promise<Stored> {
    if (!(bytes instanceof Uint8Array)) throw badRequest('putBytes takes a Uint8Array: use put for other values')
    const contentType = options?.contentType ?? bytesType
    if (
      typeof contentType !== 'string' ||
      contentType.length > limits.contentTypeCharactersMax ||
      !/^[\x20-\x7e]*$/.test(contentType)
    ) {
      throw badRequest(`contentType has to be printable ASCII of at most ${limits.contentTypeCharactersMax} characters`)
    }
    const written = await this.#write(
      this.#keyOf(key),
      { bytes, contentType },
      options,
      optionNames.putBytes,
      options?.create === true
    )
    return storedOf(written)
  }

  /** Also where there was nothing. Without a context, what a quorum knows now is deleted. @throws {StoreError} */
  async delete(key: StoreKey, options?: WriteOptions): Promise<Stored> {
    const name = this.#keyOf(key)
    const quorum = writeQuorum(options, optionNames.delete)
    const timeoutMs = timeoutOf(options?.timeoutMs, this.#ports.timeoutMs)
    const given = contextOf(options?.context)
    const ifMatch = ifMatchOf(options?.ifMatch)
    const send = () => this.#ports.core.delete({ key: name, context: given, ifMatch }, quorum, timeoutMs)
    const session = this.#session
    if (session === undefined) return storedOf(await send())
    return session.queue.run(name, async () => {
      const written = await send()
      session.remember(name, written.context)
      return storedOf(written)
    })
  }

  /**
   * Read, change, write what was changed, and begin anew where someone else wrote in between.
   * @param change gets undefined where there is nothing; undefined from it leaves everything as it is. May be called several times
   * @returns what was written; undefined where `change` returned undefined
   * @throws {PreconditionFailed} others were quicker `attempts` times
   * @throws {StoreError}
   */
  update(
    key: StoreKey,
    change: (value: T | undefined) => T | undefined | Promise<T | undefined>,
    options: UpdateOptions<T> = {}
  ): Promise<Updated<T> | undefined> {
    try {
      checkNames(options, ['merge', 'attempts', 'timeoutMs', 'ttl'])
      const attemptsMax =
        options.attempts === undefined ? updateAttemptsDefault : wholeNumber('attempts', options.attempts, 1, updateAttemptsMax)
      const name = this.#keyOf(key)
      // Updates of one client to one key would only be in each other's way.
      return this.#ports.updates.run(name, () => this.#update(name, change, options, attemptsMax))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Many operations side by side, in no order. One that fails is told in its outcome and stops none of the others.
   * @returns one outcome for each, in the order of `operations`
   */
  async batch(operations: readonly Operation<T>[]): Promise<Outcome<T>[]> {
    const outcomes = new Array<Outcome<T>>(operations.length)
    let next = 0
    const worker = async () => {
      for (let index = next++; index < operations.length; index = next++)
        outcomes[index] = await this.#carryOut(operations[index]!)
    }
    const workers = Math.min(this.#ports.inFlightMax, operations.length)
    await Promise.all(Array.from({ length: workers }, worker))
    return outcomes
  }

  /** All keys of the bucket, in no order; those that are not UTF-8 as bytes. Needs the right to administer. @throws {StoreError} */
  keys(options: KeysOptions = {}): AsyncIterable<StoreKey> {
    checkNames(options, ['prefix', 'strict', 'pageSize', 'timeoutMs'])
    flag('strict', options.strict)
    if (options.pageSize !== undefined) wholeNumber('pageSize', options.pageSize, 1, limits.listPageMax)
    return this.#ports.keys(this.name, options)
  }

  /**
   * Accepted writes from now on, until the loop is left. At most once: what happens while the connection is away is missed.
   * @throws {Overloaded} from the loop, where the reader lags too far behind
   */
  watch(options: WatchOptions = {}): AsyncIterable<StoreEvent> {
    return this.#ports.watch(this.name, options)
  }

  async #read(key: Key, quorum: QuorumOptions, timeoutMs: number): Promise<{ got: Got; reading: Reading }> {
    const { core } = this.#ports
    const own = this.#session?.recall(key)
    let options = quorum
    for (let reads = 1; ; reads += 1) {
      const got = await core.get(key, options, timeoutMs)
      const reading = readingOf(got, this.#ports.wallMs())
      if (own === undefined || (reading.context !== undefined && descends(reading.context, own))) return { got, reading }
      if (reads >= sessionReadsMax) {
        const detail = "the replicas that answered do not have this session's own write yet: try again, or write with a higher w"
        throw errorOf(fault('quorum_unavailable', detail, { answered: got.answered }))
      }
      // Others may have it: first those of a quorum, then all.
      options = { ...quorum, replicas: undefined, level: reads === 1 ? 'quorum' : 'all' }
    }
  }

  async #write(
    key: Key,
    { bytes, contentType }: EncodedValue,
    options: PutOptions | undefined,
    names: readonly string[],
    create: boolean
  ): Promise<Written> {
    const quorum = writeQuorum(options, names)
    this.#checkSize(key, bytes)
    if (options !== undefined) flag('create', options.create)
    const timeoutMs = timeoutOf(options?.timeoutMs, this.#ports.timeoutMs)
    const ttlSeconds = ttlOf(options?.ttl)
    const ifMatch = ifMatchOf(options?.ifMatch)
    const given = contextOf(options?.context)
    if (create && ifMatch !== '') throw badRequest('create and ifMatch contradict each other: give one of them')
    const session = this.#session
    const send = (context: CausalContext | undefined) =>
      this.#ports.core.put(
        { key, value: bytes, contentType, context, mode: create ? 'create' : 'put', ifMatch, ttlSeconds },
        quorum,
        timeoutMs
      )
    if (session === undefined) return send(given)
    return session.queue.run(key, async () => {
      const own = session.recall(key)
      const written = await send(own === undefined ? given : given === undefined ? own : join(given, own))
      session.remember(key, written.context)
      return written
    })
  }

  async #update(
    key: Key,
    change: (value: T | undefined) => T | undefined | Promise<T | undefined>,
    options: UpdateOptions<T>,
    attemptsMax: number
  ): Promise<Updated<T> | undefined> {
    const { core, pause, random, wallMs } = this.#ports
    const timeoutMs = timeoutOf(options.timeoutMs, this.#ports.timeoutMs)
    const ttlSeconds = ttlOf(options.ttl)
    for (let attempts = 1; ; attempts += 1) {
      const got = await core.get(key, noOptions, timeoutMs)
      const { versions, context } = readingOf(got, wallMs())
      const values = versions.map(version => this.#codec.decode(version.value, version.contentType))
      const present = values.length > 1 && options.merge !== undefined ? options.merge(values) : values[0]
      const value = await change(present)
      if (value === undefined) return undefined
      const { bytes, contentType } = this.#codec.encode(value)
      try {
        const isNew = versions.length === 0
        const ifMatch = isNew ? '' : etagOf(got)
        this.#checkSize(key, bytes)
        const written = await core.put(
          { key, value: bytes, contentType, context, mode: isNew ? 'create' : 'put', ifMatch, ttlSeconds },
          noOptions,
          timeoutMs
        )
        this.#session?.remember(key, written.context)
        return { ...storedOf(written), value, attempts }
      } catch (error) {
        if (!(error instanceof PreconditionFailed || error instanceof KeyExists) || attempts >= attemptsMax) throw error
      }
      await pause(random() * Math.min(2 ** attempts, updatePauseMsMax))
    }
  }

  async #carryOut(operation: Operation<T>): Promise<Outcome<T>> {
    const { op } = operation
    try {
      switch (op) {
        case 'get':
          return { op, ok: true, found: await this.get(operation.key, operation.options) }
        case 'put':
          return { op, ok: true, stored: await this.put(operation.key, operation.value, operation.options) }
        case 'create':
          return { op, ok: true, stored: await this.create(operation.key, operation.value, operation.options) }
        case 'delete':
          return { op, ok: true, stored: await this.delete(operation.key, operation.options) }
        default:
          throw badRequest(`op is ${JSON.stringify(op)}: allowed is get, put, create, delete`)
      }
    } catch (error) {
      return { op, ok: false, error: error as StoreError }
    }
  }

  #checkSize(key: Key, bytes: Uint8Array): void {
    const size = key.length - this.name.length - 1 + bytes.length
    const limit = this.#ports.pairBytesMax
    if (size <= limit) return
    const detail = `key and value have ${size} bytes, the limit is ${limit}: split the value, or keep it elsewhere and its address here`
    throw errorOf(fault('too_large', detail, { limit, size, outcome: 'refused' }))
  }

  /** @throws {StoreError} */
  #keyOf(key: StoreKey): Key {
    if (typeof key === 'string') {
      const bytes = Buffer.byteLength(key)
      const wrong = keyFault(bytes)
      if (wrong !== undefined) throw errorOf(wrong)
      if (bytes === key.length) return `${this.name}\0${key}` as Key
      if (loneSurrogate.test(key))
        throw badRequest('the key holds half a surrogate pair, which has no UTF-8: give such a key as Uint8Array')
      return keyOfText(this.name, key)
    }
    if (!(key instanceof Uint8Array))
      throw badRequest(`a key is a string or Uint8Array, not ${key === null ? 'null' : typeof key}`)
    const wrong = keyFault(key.length)
    if (wrong !== undefined) throw errorOf(wrong)
    return keyOf(this.name, key)
  }
}

const noOptions: QuorumOptions = Object.freeze({})
const loneSurrogate = /\p{Surrogate}/u

const rawBytes: ValueCodec<Uint8Array> = Object.freeze({
  encode: (bytes: Uint8Array) => ({ bytes, contentType: bytesType }),
  decode: (bytes: Uint8Array) => new Uint8Array(bytes)
})

function contextOf(token: string | undefined): CausalContext | undefined {
  if (token === undefined) return undefined
  if (typeof token !== 'string') throw badRequest('context is what a read or write gave: a string')
  const context = decodeContext(token)
  if (isFault(context)) throw errorOf(context)
  return context
}
