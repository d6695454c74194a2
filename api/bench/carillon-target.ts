import { connect } from '../client/client.ts'
import { allProcesses, withDescendants } from './process-cpu.ts'
import type { Target, TargetProcess } from './target.ts'

export interface CarillonTargetOptions {
  readonly servers: readonly string[]
  readonly token?: string | undefined
  readonly cluster?: string | undefined
  readonly bucket: string
  readonly keys: number
  readonly valueBytes: number
  readonly r?: number | undefined
  readonly w?: number | undefined
  readonly durability?: 'flushed' | 'committed' | undefined
}

const pairOverheadBytes = 64
const pairBytesMin = 10 * 1024

/** The store, by its TypeScript client as an application uses it: a session, so that each put replaces the last one of its key. */
export async function openCarillon(options: CarillonTargetOptions): Promise<Target> {
  const store = await connect({
    servers: options.servers,
    token: options.token,
    cluster: options.cluster,
    // The cluster's own limit decides.
    pairBytesMax: Math.max(pairBytesMin, options.valueBytes + pairOverheadBytes)
  })
  const bucket = store.session({ keysMax: options.keys }).bucket<Uint8Array>(options.bucket)
  const reads = options.r === undefined ? undefined : { r: options.r }
  const writes =
    options.w === undefined && options.durability === undefined ? undefined : { w: options.w, durability: options.durability }
  return {
    name: 'carillon',
    promise: `W=${options.w ?? "the bucket's"}, R=${options.r ?? "the bucket's"}, ${options.durability ?? "the bucket's durability"}`,
    put: (key, value) => bucket.put(key, value, writes),
    get: key => bucket.get(key, reads),
    async prepare(key, value) {
      const found = await bucket.get(key)
      await bucket.put(key, value, found === undefined ? undefined : { context: found.context })
    },
    processes: async () => hostProcesses(store.ring?.hosts ?? []),
    close: () => store.close()
  }
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
