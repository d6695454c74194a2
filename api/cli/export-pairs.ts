import type { Cluster, Found, RequestOptions } from './cluster.ts'
import { InFlight } from './in-flight.ts'
import { until } from './interruption.ts'
import { keyPages, pageTimeoutMsDefault } from './key-pages.ts'
import { keyText } from './pair-text.ts'
import { lineOfPair } from './pair-line.ts'
import { faultOf, faultSentence } from './sentence.ts'

export interface ExportOptions {
  readonly bucket: string
  readonly prefix: string
  /** Every version of a key that has several, rather than the newest. */
  readonly withSiblings: boolean
  readonly isStrict: boolean
  readonly inFlightMax: number
  readonly pageMax: number
  readonly request: RequestOptions
}

export interface ExportCounts {
  exported: number
  /** Keys that could not be read. */
  failed: number
  /** Exported keys that had concurrent versions. */
  withSiblings: number
  bytesWritten: number
}

/** One export: keys page by page, their values by quorum reads side by side, lines in the listing's order. */
export class PairExport {
  readonly counts: ExportCounts = { exported: 0, failed: 0, withSiblings: 0, bytesWritten: 0 }
  readonly #cluster: Cluster
  readonly #options: ExportOptions
  readonly #write: (line: string) => Promise<void>
  readonly #onFailure: (key: string, why: string) => void
  #coverage = 1

  /** @param write resolves once there is room for more */
  constructor(
    cluster: Cluster,
    options: ExportOptions,
    write: (line: string) => Promise<void>,
    onFailure: (key: string, why: string) => void
  ) {
    this.#cluster = cluster
    this.#options = options
    this.#write = write
    this.#onFailure = onFailure
  }

  /** Share of the partitions that answered the listing, 0..1. */
  get coverage(): number {
    return this.#coverage
  }

  async run(stop: AbortSignal): Promise<void> {
    const { bucket, prefix, pageMax, isStrict, request } = this.#options
    const pages = keyPages(this.#cluster, {
      bucket,
      prefix,
      pageMax,
      isStrict,
      timeoutMs: Math.max(request.timeoutMs, pageTimeoutMsDefault)
    })
    for await (const { keys, coverage } of until(stop, pages)) {
      this.#coverage = Math.min(this.#coverage, coverage)
      await this.#page(keys, stop)
    }
  }

  async #page(keys: readonly Uint8Array[], stop: AbortSignal): Promise<void> {
    const lines: (string | undefined)[] = []
    const inFlight = new InFlight(this.#options.inFlightMax)
    for (const [at, key] of keys.entries()) {
      if (stop.aborted) break
      await inFlight.add(async () => {
        lines[at] = await this.#line(key)
      })
    }
    await inFlight.drained()
    const text = lines.filter(line => line !== undefined).join('')
    if (text === '') return
    this.counts.bytesWritten += Buffer.byteLength(text)
    await this.#write(text)
  }

  /** undefined where the key is gone since it was listed, or cannot be read. */
  async #line(key: Uint8Array): Promise<string | undefined> {
    const { bucket, withSiblings, request } = this.#options
    let found: Found | undefined
    try {
      found = await this.#cluster.get(bucket, key, request)
    } catch (error) {
      const fault = faultOf(error)
      if (fault === undefined) throw error
      this.counts.failed += 1
      this.#onFailure(keyText(key), faultSentence(fault))
      return undefined
    }
    if (found === undefined) return undefined
    this.counts.exported += 1
    if (found.versions.length > 1) this.counts.withSiblings += 1
    return lineOfPair(bucket, key, found, withSiblings)
  }
}
