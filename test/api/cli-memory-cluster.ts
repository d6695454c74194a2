import { errorOf } from '../../api/client/errors.ts'
import type { Cluster, Found, NewPair, RequestOptions, Stored, WatchEvent } from '../../api/cli/cluster.ts'
import { contextAfterWrite, live, write, emptySiblings, type Siblings } from '../../model/siblings.ts'
import { decodeContext, emptyContext, encodeContext } from '../../model/causal-context.ts'
import { fault, isFault, type Fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'

const vnode = 2 ** 20 + 1
const json = 'application/json'

/** A whole cluster in a map, with the store's own siblings: blind writes stand beside each other, writes with a context replace. */
export class MemoryCluster implements Cluster {
  readonly pairs = new Map<string, Siblings>()
  /** Called before each write; a fault is its outcome. */
  refuse: (key: string, attempt: number) => Fault | undefined = () => undefined
  /** Runs before each operation, so that a test can hold them. */
  before: () => Promise<void> = () => Promise.resolve()
  pageMax: number = limits.listPageMax
  coverage = 1
  underWay = 0
  mostUnderWay = 0
  reads = 0
  isClosed = false
  readonly #attempts = new Map<string, number>()
  #counter = 0

  async get(bucket: string, key: Uint8Array, _options: RequestOptions): Promise<Found | undefined> {
    return this.#during(async () => {
      this.reads += 1
      const siblings = this.pairs.get(nameOf(bucket, key))
      const versions = siblings === undefined ? [] : live(siblings).toSorted((a, b) => b.modifiedMs - a.modifiedMs)
      const [newest, ...others] = versions
      if (siblings === undefined || newest === undefined) return undefined
      return { versions: [newest, ...others], context: encodeContext(siblings.context), strength: 'strong', receipt: undefined }
    })
  }

  async put(
    bucket: string,
    key: Uint8Array,
    { value, contentType, context, create }: NewPair,
    _options: RequestOptions
  ): Promise<Stored> {
    return this.#during(async () => {
      const name = nameOf(bucket, key)
      const attempt = (this.#attempts.get(name) ?? 0) + 1
      this.#attempts.set(name, attempt)
      const size = key.length + value.length
      if (size > limits.pairBytesDefault) {
        throw errorOf(
          fault('too_large', `the pair has ${size} bytes, the limit is ${limits.pairBytesDefault}`, {
            size,
            limit: limits.pairBytesDefault,
            outcome: 'refused'
          })
        )
      }
      const refusal = this.refuse(Buffer.from(key).toString('utf8'), attempt)
      if (refusal !== undefined && refusal.outcome !== 'indeterminate') throw errorOf(refusal)
      if (create && live(this.pairs.get(name) ?? emptySiblings).length > 0)
        throw errorOf(fault('key_exists', 'the key exists', { outcome: 'refused' }))
      const stored = this.#write(name, context, value, contentType, false)
      if (refusal !== undefined) throw errorOf(refusal)
      return stored
    })
  }

  async delete(bucket: string, key: Uint8Array, context: string | undefined, _options: RequestOptions): Promise<Stored> {
    return this.#during(async () => {
      const name = nameOf(bucket, key)
      const known = this.pairs.get(name)
      return this.#write(
        name,
        context ?? (known === undefined ? undefined : encodeContext(known.context)),
        new Uint8Array(0),
        '',
        true
      )
    })
  }

  async *watch(bucket: string, stop: AbortSignal, onReady: () => void): AsyncGenerator<WatchEvent> {
    onReady()
    for (const name of this.pairs.keys()) {
      if (stop.aborted) return
      if (name.startsWith(`${bucket}\0`)) yield { bucket, key: keyOf(name), fields: { operation: 'put' } }
    }
  }

  async admin(name: string, request: Readonly<Record<string, unknown>>): Promise<unknown> {
    const host = {
      name: 'a',
      uid: 1,
      incarnation: 1,
      state: 'up',
      dc: 'dc1',
      zone: 'zone1',
      weight: 1,
      pid: 1,
      http: 'http://h',
      nats: 'nats://h',
      partitions: 8,
      version: '0'
    }
    switch (name) {
      case 'keys':
        return this.#page(request as unknown as PageRequest)
      case 'cluster':
        return {
          cluster: 'carillon',
          epoch: '0000000a',
          datacenters: ['dc1'],
          hosts: [host, { ...host, name: 'b', state: 'down' }],
          plan: null
        }
      case 'ring':
        return { epoch: '0000000a', partitions: 8, replicas: 1, owners: Array.from({ length: 8 }, () => ['a']) }
      case 'work':
        return {
          hosts: [
            {
              host: 'a',
              reached: true,
              items: [
                { job: 'exchange/c', kind: 'exchange', state: 'running', ready: true, lost: 0, runs: 4 },
                { job: 'handoff/b', kind: 'handoff', state: 'waiting', ready: false, lost: 2, runs: 1 }
              ]
            },
            { host: 'b', reached: false, items: [] }
          ]
        }
      case 'bucket-get':
        return { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 }
      case 'bucket-set':
        return { ...(request['properties'] as object) }
      default:
        throw errorOf(fault('not_found', `there is no admin request ${name}`))
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
  }

  #page({ bucket, prefix = '', cursor = '0', limit }: PageRequest): unknown {
    const from = Number(cursor)
    const names = [...this.pairs.keys()]
      .filter(name => name.startsWith(`${bucket}\0${Buffer.from(prefix).toString('latin1')}`))
      .toSorted()
    const end = from + Math.min(limit, this.pageMax)
    const keys = names.slice(from, end).map(name => {
      const bytes = keyOf(name)
      const text = bytes.toString('utf8')
      return Buffer.from(text, 'utf8').equals(bytes) ? text : { key_base64: bytes.toString('base64') }
    })
    return { keys, ...(end < names.length ? { cursor: String(end) } : {}), coverage: this.coverage }
  }

  #write(name: string, token: string | undefined, value: Uint8Array, contentType: string, tombstone: boolean): Stored {
    const context = token === undefined ? emptyContext : decodeContext(token)
    if (isFault(context)) throw errorOf(context)
    const counter = ++this.#counter
    const written = write(this.pairs.get(name) ?? emptySiblings, context, {
      vnode,
      counter,
      value,
      contentType,
      modifiedMs: counter,
      expiresMs: 0,
      tombstone
    })
    this.pairs.set(name, written)
    return {
      context: encodeContext(contextAfterWrite(written, context, { vnode, counter })),
      strength: 'strong',
      receipt: undefined
    }
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.underWay += 1
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay)
    try {
      await this.before()
      return await work()
    } finally {
      this.underWay -= 1
    }
  }
}

interface PageRequest {
  readonly bucket: string
  readonly prefix?: string
  readonly cursor?: string
  readonly limit: number
}

/** Texts of the live versions under a key, newest first. */
export function valuesOf(cluster: MemoryCluster, key: string, bucket = 'default'): string[] {
  const siblings = cluster.pairs.get(nameOf(bucket, Buffer.from(key)))
  if (siblings === undefined) return []
  return live(siblings)
    .toSorted((a, b) => b.modifiedMs - a.modifiedMs)
    .map(version => Buffer.from(version.value).toString('utf8'))
}

/** Store a JSON value, concurrent with whatever is there. */
export async function putBlind(cluster: MemoryCluster, key: string, text: string, contentType = json): Promise<void> {
  await cluster.put(
    'default',
    Buffer.from(key),
    { value: Buffer.from(text), contentType, context: undefined, create: false, ttlSeconds: 0 },
    { timeoutMs: 1_000 }
  )
}

function nameOf(bucket: string, key: Uint8Array): string {
  return `${bucket}\0${Buffer.from(key).toString('latin1')}`
}

function keyOf(name: string): Buffer {
  return Buffer.from(name.slice(name.indexOf('\0') + 1), 'latin1')
}
