import { connect } from '../client/client.ts'
import type { Asked as AskedWho, TlsOptions } from '../client/client-options.ts'
import type { PutOptions, ReadOptions } from '../client/operation-options.ts'
import type { Store } from '../client/store.ts'
import { allProcesses, withDescendants } from './process-cpu.ts'
import type { Promised, Target, TargetMode, TargetProcess } from './target.ts'

export interface CarillonTargetOptions {
  readonly servers: readonly string[]
  readonly token?: string | undefined
  readonly tls?: TlsOptions | undefined
  readonly cluster?: string | undefined
  readonly bucket: string
  readonly keys: number
  readonly valueBytes: number
  readonly r?: number | undefined
  readonly w?: number | undefined
  readonly durability?: 'flushed' | 'committed' | undefined
  readonly readsFrom?: AskedWho | undefined
  readonly acksFrom?: AskedWho | undefined
  /** Beside what was asked for: puts of the other durability, gets of one replica. */
  readonly hasVariants: boolean
  readonly version: string
}

const pairOverheadBytes = 64
const pairBytesMin = 10 * 1024

/** The store, by its TypeScript client as an application uses it: a session, so that each put replaces the last one of its key. */
export async function openCarillon(options: CarillonTargetOptions): Promise<Target> {
  const store = await connect({
    servers: options.servers,
    token: options.token,
    tls: options.tls,
    cluster: options.cluster,
    readsFrom: options.readsFrom,
    acksFrom: options.acksFrom,
    // The cluster's own limit decides.
    pairBytesMax: Math.max(pairBytesMin, options.valueBytes + pairOverheadBytes)
  })
  const bucket = store.session({ keysMax: options.keys }).bucket<Uint8Array>(options.bucket)
  const usual = await bucketPromise(store, options.bucket)
  const { r, w, durability } = options
  const modes: TargetMode[] = []
  const addMode = (name: string, op: 'put' | 'get' | undefined, asked: Asked) => {
    const reads: ReadOptions | undefined = asked.r === undefined ? undefined : { r: asked.r }
    const writes: PutOptions | undefined =
      asked.w === undefined && asked.durability === undefined ? undefined : { w: asked.w, durability: asked.durability }
    const promised = usual === undefined ? undefined : promisedOf(usual, asked)
    modes.push({
      name,
      promise: promiseText(promised, asked),
      promised,
      ...(op === 'get' ? {} : { put: (key: string, value: Uint8Array) => bucket.put(key, value, writes) }),
      ...(op === 'put' ? {} : { get: (key: string) => bucket.get(key, reads) })
    })
  }
  addMode('', undefined, { r, w, durability })
  if (options.hasVariants) {
    const other = (durability ?? usual?.durability ?? 'flushed') === 'flushed' ? 'committed' : 'flushed'
    addMode(other, 'put', { w, durability: other })
    if ((r ?? usual?.r) !== 1) addMode('R=1', 'get', { r: 1 })
  }
  return {
    name: 'carillon',
    version: options.version,
    less: '',
    modes,
    async prepare(key, value) {
      const found = await bucket.get(key)
      await bucket.put(key, value, found === undefined ? undefined : { context: found.context })
    },
    processes: async () => hostProcesses(store.ring?.hosts ?? []),
    close: () => store.close()
  }
}

interface Asked {
  readonly r?: number | undefined
  readonly w?: number | undefined
  readonly durability?: 'flushed' | 'committed' | undefined
}

interface BucketProperties {
  readonly n: number
  readonly r: number
  readonly w: number
  readonly durability: 'flushed' | 'committed'
}

/** @returns undefined where these credentials may not ask */
async function bucketPromise(store: Store, bucket: string): Promise<Promised | undefined> {
  try {
    const { n, r, w, durability } = (await store.admin('bucket-get', { bucket })) as BucketProperties
    const quorum = Math.floor(n / 2) + 1
    return { replicas: n, r: r === 0 ? quorum : r, w: w === 0 ? quorum : w, durability }
  } catch {
    return undefined
  }
}

function promisedOf(usual: Promised, asked: Asked): Promised {
  return {
    replicas: usual.replicas,
    r: asked.r ?? usual.r,
    w: asked.w ?? usual.w,
    durability: asked.durability ?? usual.durability
  }
}

function promiseText(promised: Promised | undefined, asked: Asked): string {
  if (promised !== undefined) return `N=${promised.replicas}, W=${promised.w}, R=${promised.r}, ${promised.durability}`
  const { r = "the bucket's", w = "the bucket's", durability = "the bucket's durability" } = asked
  return `W=${w}, R=${r}, ${durability}`
}

/** Hosts on this machine: others' pids would name strangers here. */
function hostProcesses(
  hosts: readonly { readonly pid: number; readonly nats: string; readonly http: string }[]
): TargetProcess[] {
  const here = hosts.filter(host => host.pid > 0 && isLoopback(host.nats !== '' ? host.nats : host.http))
  return withDescendants(
    here.map(host => host.pid),
    allProcesses()
  )
}

export function isLoopback(url: string): boolean {
  const host = /^(?:[a-z]+:\/\/)?(?:\[([^\]]+)\]|([^:/]+))/i.exec(url)
  const name = host?.[1] ?? host?.[2] ?? ''
  return name === 'localhost' || name === '::1' || /^127\.\d+\.\d+\.\d+$/.test(name)
}
