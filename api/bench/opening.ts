import { badRequest } from '../client/errors.ts'
import type { BenchOptions, BenchPlan } from './bench-options.ts'
import { openCarillon } from './carillon-target.ts'
import { openNatsRequest } from './nats-request-target.ts'
import { PeerMissing, type OpenTarget, type SkippedPeer, type Target, type TargetSetting } from './target.ts'

/** What one run has opened. Whoever has it closes it. */
export class OpenedTargets {
  readonly #targets: Target[] = []
  readonly #closers: (() => Promise<void>)[] = []

  get targets(): readonly Target[] {
    return this.#targets
  }

  add(target: Target): void {
    this.#targets.push(target)
    this.atClose(() => target.close())
  }

  /** Call `closer` at the end, before those that were there already. */
  atClose(closer: () => Promise<void>): void {
    this.#closers.push(closer)
  }

  /** All of it, the last one first, whatever happens to one. @throws the first error there was */
  async close(): Promise<void> {
    let failure: { readonly error: unknown } | undefined
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      try {
        await closer()
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== undefined) throw failure.error
  }
}

/**
 * Start this store where it has to be, and connect to it; with peers also what latencies are held against.
 * @throws {StoreError} it cannot be had
 */
export async function openOwn(options: BenchOptions, plan: BenchPlan, opened: OpenedTargets): Promise<void> {
  const { startCluster, token, tls, cluster, r, w, durability, readsFrom, acksFrom, bucket = 'bench', version = '' } = options
  const { keys, valueBytes } = plan
  let servers = options.servers ?? []
  if (servers.length === 0) {
    if (startCluster === undefined) throw badRequest('there is no cluster to measure: give servers, or a way to start one')
    if (options.signal?.aborted === true) return
    options.onProgress?.('starting a cluster of its own')
    const started = await startCluster()
    opened.atClose(() => started.stop())
    servers = started.servers
  }
  if (options.signal?.aborted === true) return
  const hasPeers = Object.keys(options.peers ?? {}).length > 0
  const shared = { servers, token, tls, cluster, r, w, durability, readsFrom, acksFrom, bucket, keys, valueBytes, version }
  opened.add(await openCarillon({ ...shared, hasVariants: hasPeers }))
  // The yardstick speaks no TLS: against others that speak none it would be none.
  if (hasPeers && tls === undefined && plan.rate === 0 && plan.inFlight.includes(1))
    opened.add(await openNatsRequest({ servers, token }))
}

/**
 * Start each peer. One that cannot be had is left out.
 * @returns those
 */
export async function openPeers(
  peers: Readonly<Record<string, OpenTarget>>,
  setting: TargetSetting,
  opened: OpenedTargets,
  onProgress: (line: string) => void
): Promise<readonly SkippedPeer[]> {
  const skipped: SkippedPeer[] = []
  const isStopped = () => setting.signal?.aborted === true
  for (const [peer, open] of Object.entries(peers)) {
    if (isStopped()) break
    onProgress(`starting ${peer}`)
    try {
      opened.add(await open(setting))
    } catch (error) {
      // Interrupted: that is no fault of the peer's.
      if (isStopped()) break
      const reason = error instanceof Error ? error.message : String(error)
      skipped.push({ peer, reason, is_failure: !(error instanceof PeerMissing) })
      onProgress(`${peer} is left out: ${reason}`)
    }
  }
  return skipped
}
