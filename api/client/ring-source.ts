import { isReachable, type RingView } from '../../actors/ring/ring-view.ts'
import { isToken } from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import type { Cancellable, Clock } from '../../runtime/clock.ts'
import { errorOf, type StoreError } from './errors.ts'

/** How often the ring is asked for without a reason: while all hosts can be reached, and while one cannot, so that its return is seen. */
const calmIntervalMs = 15_000
const alertIntervalMs = 1_000
const retryMsMin = 50
const retryMsMax = 1_000

/** @throws {StoreError} it is no ring */
export function ringOfJson(bytes: Uint8Array): RingView {
  let ring: Partial<RingView>
  try {
    ring = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as Partial<RingView>
  } catch {
    throw noRing('it is no JSON')
  }
  const { partitions, hosts, owners, epoch } = ring ?? {}
  if (typeof epoch !== 'string' || epoch === '') throw noRing('it has no epoch')
  if (
    typeof partitions !== 'number' ||
    !(partitions >= 1 && partitions <= limits.partitionsMax) ||
    (partitions & (partitions - 1)) !== 0
  ) {
    throw noRing(`partitions is ${JSON.stringify(partitions)}`)
  }
  if (!Array.isArray(hosts) || hosts.length > limits.hostsMax) throw noRing('it has no hosts')
  for (const host of hosts) {
    if (typeof host?.name !== 'string' || !isToken(host.name)) throw noRing('a host has no name')
    if (!Number.isInteger(host.threads) || host.threads < 1 || host.threads > 1024)
      throw noRing(`host ${host.name} has ${host.threads} threads`)
  }
  if (!Array.isArray(owners) || owners.length !== partitions || !owners.every(Array.isArray)) throw noRing('it has no owners')
  return ring as RingView
}

function noRing(why: string): StoreError {
  return errorOf(fault('unavailable', `what the cluster gave for its ring is none: ${why}. Is it another version?`))
}

/** Learns the ring: now, when it is in doubt, and from time to time. One question at a time. */
export class RingSource {
  readonly #clock: Clock
  readonly #ask: () => Promise<RingView>
  readonly #learnt: (view: RingView) => void
  #view: RingView | undefined = undefined
  #asking: Promise<void> | undefined = undefined
  #failures = 0
  #timer: Cancellable | undefined = undefined
  #closed = false

  /** @param learnt told of each ring that is another than the one before */
  constructor(clock: Clock, ask: () => Promise<RingView>, learnt: (view: RingView) => void) {
    this.#clock = clock
    this.#ask = ask
    this.#learnt = learnt
  }

  /** Ask; where nobody answers, ask again by itself a little later. @throws {StoreError} this time nobody did */
  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#asking ??= this.#refresh()
    return this.#asking
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  async #refresh(): Promise<void> {
    this.#timer?.cancel()
    try {
      const view = await this.#ask()
      this.#failures = 0
      if (this.#closed) return
      const known = this.#view
      this.#view = view
      if (known === undefined || known.epoch !== view.epoch || known.revision !== view.revision || view.revision === undefined)
        this.#learnt(view)
    } catch (error) {
      this.#failures += 1
      throw error
    } finally {
      this.#asking = undefined
      if (!this.#closed) this.#timer = this.#clock.after(this.#intervalMs(), () => void this.refresh().catch(() => {}))
    }
  }

  #intervalMs(): number {
    if (this.#failures > 0) return Math.min(retryMsMin * 2 ** (this.#failures - 1), retryMsMax)
    return this.#view?.hosts.every(host => isReachable(host)) === true ? calmIntervalMs : alertIntervalMs
  }
}
