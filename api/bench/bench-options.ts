import { limits } from '../../model/limits.ts'
import type { Asked, TlsOptions } from '../client/client-options.ts'
import { badRequest } from '../client/errors.ts'
import { bad } from '../client/operation-options.ts'
import type { OpenTarget } from './target.ts'
import { zipfMax } from './workload.ts'

export type BenchOperation = 'put' | 'get' | 'mixed'

/** A cluster that was started for the bench alone. */
export interface StartedCluster {
  readonly servers: readonly string[]
  stop(): Promise<void>
}

export interface BenchOptions {
  /** Absent: `startCluster` starts one, and it is stopped in the end. */
  readonly servers?: readonly string[] | undefined
  readonly token?: string | undefined
  readonly tls?: TlsOptions | undefined
  readonly cluster?: string | undefined
  readonly startCluster?: (() => Promise<StartedCluster>) | undefined
  /** Systems to measure beside, by name; with them other modes of this store, and one NATS request as a yardstick. */
  readonly peers?: Readonly<Record<string, OpenTarget>> | undefined
  /** Default put, get. */
  readonly ops?: readonly BenchOperation[] | undefined
  /** Default 1, 64, 256. */
  readonly inFlight?: readonly number[] | undefined
  /** Open loop at so many operations per second; 0 (default): closed loop. */
  readonly rate?: number | undefined
  /** Default 100. */
  readonly valueBytes?: number | undefined
  /** Keys, all of them stored before the first measurement; default 10,000. */
  readonly keys?: number | undefined
  /** Skew of the choice of keys, 0 (default): none; 0.99 as YCSB. */
  readonly zipf?: number | undefined
  /** Share of gets in `mixed`; default 0.5. */
  readonly readShare?: number | undefined
  /** Of each round; default 5. */
  readonly seconds?: number | undefined
  /** Default 3; the one with the median throughput is reported. */
  readonly rounds?: number | undefined
  /** Before the first round of each row; default a fifth of `seconds`, at most 2. */
  readonly warmUpSeconds?: number | undefined
  /** Replicas that a get waits for; default the bucket's own. */
  readonly r?: number | undefined
  /** Replicas that a put waits for; default the bucket's own. */
  readonly w?: number | undefined
  readonly durability?: 'flushed' | 'committed' | undefined
  /** Whom gets ask, and who counts the acknowledgements of puts; default as the client does. */
  readonly readsFrom?: Asked | undefined
  readonly acksFrom?: Asked | undefined
  /** Of this store, for the report. */
  readonly version?: string | undefined
  /** Default `bench`. */
  readonly bucket?: string | undefined
  /** Told what is being done, in a line. */
  readonly onProgress?: ((line: string) => void) | undefined
  /** Ends the bench early, with the rows that are complete. */
  readonly signal?: AbortSignal | undefined
}

type Figures = 'rate' | 'valueBytes' | 'keys' | 'zipf' | 'readShare' | 'seconds' | 'rounds' | 'warmUpSeconds'

/** The same, complete and checked. */
export type BenchPlan = Readonly<Record<Figures, number>> & {
  readonly ops: readonly BenchOperation[]
  readonly inFlight: readonly number[]
}

const operations: readonly BenchOperation[] = ['put', 'get', 'mixed']

/** @throws {BadRequest} names the option, its value and what is allowed */
export function benchPlan(options: BenchOptions): BenchPlan {
  const ops = options.ops ?? ['put', 'get']
  if (ops.length === 0) throw badRequest('ops is empty: allowed is put, get, mixed')
  for (const op of ops) if (!operations.includes(op)) throw bad('op', op, operations.join(', '))
  const inFlight = options.inFlight ?? [1, 64, 256]
  if (inFlight.length === 0) throw badRequest('inFlight is empty: give one number or more')
  for (const each of inFlight) figure('inFlight', each, 1, limits.clientRequestsMax, true)
  const seconds = figure('seconds', options.seconds ?? 5, 0.05, 3_600, false)
  const keys = figure('keys', options.keys ?? 10_000, 1, 10_000_000, true)
  return {
    ops,
    inFlight,
    rate: figure('rate', options.rate ?? 0, 0, 10_000_000, false),
    valueBytes: figure('valueBytes', options.valueBytes ?? 100, 0, limits.pairBytesCeiling, true),
    keys,
    zipf: options.zipf === undefined || options.zipf === 0 ? 0 : figure('zipf', options.zipf, 0.01, zipfMax, false),
    readShare: figure('readShare', options.readShare ?? 0.5, 0, 1, false),
    seconds,
    rounds: figure('rounds', options.rounds ?? 3, 1, 100, true),
    warmUpSeconds: figure('warmUpSeconds', options.warmUpSeconds ?? Math.min(seconds / 5, 2), 0, 600, false)
  }
}

function figure(name: string, value: number, min: number, max: number, whole: boolean): number {
  if (typeof value !== 'number' || !(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    throw bad(name, value, `${whole ? 'a whole number' : 'a number'} from ${min} to ${max}`)
  }
  return value
}
