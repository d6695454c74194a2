import { faultStatus, type Fault } from '../../model/fault.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Cluster, RequestOptions } from './cluster.ts'
import { InFlight } from './in-flight.ts'
import { until } from './interruption.ts'
import { linesOf } from './ndjson-lines.ts'
import { base64Of, keyText } from './pair-text.ts'
import { BadLine, pairOfLine, type PairLine } from './pair-line.ts'
import { faultOf, faultSentence } from './sentence.ts'

/**
 * What becomes of a key that has a value: `replace` reads first and writes with the context of that read, so that the new value takes the
 * old one's place; `blind` writes without one, so that it is concurrent with what is there; `create` leaves it alone and refuses the pair.
 */
export type ImportMode = 'replace' | 'blind' | 'create'

export interface ImportOptions {
  readonly bucket: string
  readonly mode: ImportMode
  readonly inFlightMax: number
  readonly ttlSeconds: number
  readonly request: RequestOptions
}

export interface ImportCounts {
  stored: number
  refused: number
  lines: number
  bytesRead: number
}

/** Told of each line that was not stored. */
export interface Refusal {
  readonly line: number
  /** undefined where the line has none that can be read. */
  readonly key: string | undefined
  readonly why: string
  readonly code: string
  /** Whether some replica may hold the pair in spite of the refusal. */
  readonly isIndeterminate: boolean
}

/** Longer than any pair of the largest size with every byte escaped. */
export const lineBytesMax = 4 * 1024 * 1024
const attemptsMax = 5
const pauseMsMin = 50
const pauseMsMax = 1_000

/** One import, with counts that can be watched while it runs. */
export class PairImport {
  readonly counts: ImportCounts = { stored: 0, refused: 0, lines: 0, bytesRead: 0 }
  readonly #cluster: Cluster
  readonly #options: ImportOptions
  readonly #clock: Clock
  readonly #onRefusal: (refusal: Refusal) => void
  /** The last write under way of each key: lines with one key follow each other, or their values would be concurrent. */
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(cluster: Cluster, options: ImportOptions, clock: Clock, onRefusal: (refusal: Refusal) => void) {
    this.#cluster = cluster
    this.#options = options
    this.#clock = clock
    this.#onRefusal = onRefusal
  }

  /**
   * Resolves once every line that was read is stored or refused.
   * @param stop aborted: no further line is read; what is under way ends
   */
  async run(chunks: AsyncIterable<Uint8Array>, stop: AbortSignal): Promise<void> {
    const inFlight = new InFlight(this.#options.inFlightMax)
    for await (const { number, bytes } of until(stop, linesOf(this.#counted(chunks), lineBytesMax))) {
      this.counts.lines += 1
      const pair = this.#parsed(number, bytes)
      if (pair !== undefined) await inFlight.add(() => this.#inTurn(pair, number, stop))
    }
    await inFlight.drained()
  }

  async *#counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.counts.bytesRead += chunk.length
      yield chunk
    }
  }

  #parsed(line: number, bytes: Uint8Array | undefined): PairLine | undefined {
    try {
      if (bytes === undefined) throw new BadLine(`the line has more than ${lineBytesMax} bytes`)
      return pairOfLine(bytes, this.#options.bucket)
    } catch (error) {
      if (!(error instanceof BadLine)) throw error
      this.#refuse({ line, key: error.key, why: error.message, code: 'bad_line', isIndeterminate: false })
      return undefined
    }
  }

  async #inTurn(pair: PairLine, line: number, stop: AbortSignal): Promise<void> {
    const name = `${pair.bucket} ${base64Of(pair.key)}`
    const before = this.#underWay.get(name)
    const own = before === undefined ? this.#store(pair, line, stop) : before.then(() => this.#store(pair, line, stop))
    this.#underWay.set(name, own)
    try {
      await own
    } finally {
      if (this.#underWay.get(name) === own) this.#underWay.delete(name)
    }
  }

  async #store(pair: PairLine, line: number, stop: AbortSignal): Promise<void> {
    let isIndeterminate = false
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#write(pair)
        this.counts.stored += 1
        return
      } catch (error) {
        const fault = faultOf(error)
        if (fault === undefined) throw error
        isIndeterminate ||= fault.outcome === 'indeterminate'
        if (attempt === attemptsMax || stop.aborted || !this.#mayRetry(fault)) {
          this.#refuse({ line, key: keyText(pair.key), why: faultSentence(fault), code: fault.code, isIndeterminate })
          return
        }
        await this.#pause(attempt)
      }
    }
  }

  async #write({ bucket, key, value, contentType }: PairLine): Promise<void> {
    const { mode, ttlSeconds, request } = this.#options
    // Anew at each attempt: the one before may have left a version, which this context covers.
    const found = mode === 'replace' ? await this.#cluster.get(bucket, key, { timeoutMs: request.timeoutMs }) : undefined
    await this.#cluster.put(
      bucket,
      key,
      { value, contentType, context: found?.context, create: mode === 'create', ttlSeconds },
      request
    )
  }

  /** What may be gone in a moment. A blind write whose outcome is open would, sent again, stand beside itself. */
  #mayRetry(fault: Fault): boolean {
    const status = faultStatus[fault.code]
    const isPassing = status === 429 || status === 503 || status === 504
    return isPassing && (this.#options.mode === 'replace' || fault.outcome === 'refused')
  }

  #pause(attempt: number): Promise<void> {
    return new Promise(resolve => {
      this.#clock.after(Math.min(pauseMsMin * 2 ** (attempt - 1), pauseMsMax), resolve)
    })
  }

  #refuse(refusal: Refusal): void {
    this.counts.refused += 1
    this.#onRefusal(refusal)
  }
}
