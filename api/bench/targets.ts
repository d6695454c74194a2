import { pairedRatio, type PairedRatio, type RatioFigure } from './ratios.ts'
import type { BenchRow } from './row.ts'
import type { SkippedPeer } from './target.ts'

/** Which row of the report; `mode` undefined: of several the one with the highest throughput. */
interface Side {
  readonly system: string
  readonly mode?: string
  readonly op: BenchRow['op']
  /** What the row has to promise to count; this store's alone. */
  readonly fits?: (row: BenchRow) => boolean
  /** For people, where no row fits: 'puts with W=2'. */
  readonly what: string
}

interface TargetRule {
  readonly what: string
  readonly own: Side
  readonly other: Side
  readonly inFlight: number
  readonly figure: RatioFigure
  /** At least the bound, or at most. */
  readonly atLeast: boolean
  readonly bound: number
}

export interface JudgedTarget {
  readonly what: string
  readonly in_flight: number
  readonly figure: RatioFigure
  /** '≥ 2'. */
  readonly wanted: string
  /** null where it was not measured. */
  readonly ratio: number | null
  readonly min: number | null
  readonly max: number | null
  readonly outcome: 'met' | 'missed' | 'not measured'
  /** Where it was not measured; else ''. */
  readonly why: string
}

/** The targets are for values of this size, on three hosts with three replicas. */
const valueBytesOfTargets = 100
const replicasOfTargets = 3

const put: Side = { system: 'carillon', op: 'put', what: 'puts with N=3, W=2', fits: ({ promised }) => isPut(promised) }
const get: Side = { system: 'carillon', op: 'get', what: 'gets with N=3, R=2', fits: ({ promised }) => isGet(promised, 2) }
const flushedPut: Side = {
  system: 'carillon',
  op: 'put',
  what: 'flushed puts with N=3, W=2',
  fits: ({ promised }) => isPut(promised) && promised?.durability === 'flushed'
}
const committedPut: Side = {
  system: 'carillon',
  op: 'put',
  what: 'committed puts with N=3, W=2',
  fits: ({ promised }) => isPut(promised) && promised?.durability === 'committed'
}
const getOfOne: Side = {
  system: 'carillon',
  op: 'get',
  what: 'gets with N=3, R=1',
  fits: ({ promised }) => isGet(promised, 1)
}

function isPut(promised: BenchRow['promised']): boolean {
  return promised?.replicas === replicasOfTargets && promised.w === 2
}

function isGet(promised: BenchRow['promised'], r: number): boolean {
  return promised?.replicas === replicasOfTargets && promised.r === r
}

function peer(system: string, op: BenchRow['op'], mode?: string): Side {
  return {
    system,
    op,
    ...(mode === undefined ? {} : { mode }),
    what: `${system}${mode === undefined ? '' : ` (${mode})`}: ${op}`
  }
}

function atLeast(what: string, own: Side, other: Side, inFlight: number, bound: number): TargetRule {
  return { what, own, other, inFlight, figure: 'throughput', atLeast: true, bound }
}

function atMost(what: string, own: Side, other: Side, inFlight: number, figure: RatioFigure, bound: number): TargetRule {
  return { what, own, other, inFlight, figure, atLeast: false, bound }
}

const both = [64, 256] as const

/** What one run can decide; docs/performance.md has those that take other measurements. */
const rules: readonly TargetRule[] = [
  atLeast('put, W=2, against Dynomite’s best mode', put, peer('dynomite', 'put'), 256, 2),
  atLeast('get, R=2, against Dynomite’s best mode', get, peer('dynomite', 'get'), 256, 2),
  atMost('put, W=2, against Dynomite’s best mode', put, peer('dynomite', 'put'), 256, 'cpu', 0.6),
  atMost('get, R=2, against Dynomite’s best mode', get, peer('dynomite', 'get'), 256, 'cpu', 0.6),
  atLeast('put, W=2, against Dynomite’s best mode', put, peer('dynomite', 'put'), 64, 1),
  atLeast('get, R=2, against Dynomite’s best mode', get, peer('dynomite', 'get'), 64, 1.1),
  atLeast('put, W=2, against NATS JetStream KV', put, peer('nats-kv', 'put'), 256, 3.5),
  atLeast('get, R=2, against NATS JetStream KV', get, peer('nats-kv', 'get'), 256, 3.5),
  ...both.map(load => atLeast('flushed put, W=2, against etcd', flushedPut, peer('etcd', 'put'), load, 5)),
  ...both.map(load => atLeast('quorum get, R=2, against etcd', get, peer('etcd', 'get'), load, 12)),
  atLeast(
    'put, W=2, against Redis SET + WAIT 1, a connection per client',
    put,
    peer('redis', 'put', 'connection per client'),
    256,
    3
  ),
  atLeast('put, W=2, against Redis SET + WAIT 1, grouped', put, peer('redis', 'put', 'shared connection'), 256, 1),
  ...both.map(load =>
    atLeast('get, R=1, against Redis GET on a shared connection', getOfOne, peer('redis', 'get', 'shared connection'), load, 1)
  ),
  ...both.map(load => atLeast('flushed puts against committed ones', flushedPut, committedPut, load, 0.9)),
  atMost('get against one NATS request and reply', get, peer('nats', 'request'), 1, 'p50', 1.3),
  atMost('put against one NATS request and reply', put, peer('nats', 'request'), 1, 'p50', 1.9)
]

/** Judge the targets that this run can decide. */
export function judgedTargets(rows: readonly BenchRow[], valueBytes: number, skipped: readonly SkippedPeer[]): JudgedTarget[] {
  return rules.map(rule => {
    const { what, inFlight, figure, atLeast, bound } = rule
    const named = { what, in_flight: inFlight, figure, wanted: `${atLeast ? '≥' : '≤'} ${bound}` }
    const ratio = valueBytes === valueBytesOfTargets ? ratioOf(rule, rows, skipped) : otherSize(valueBytes)
    if (typeof ratio === 'string') return { ...named, ratio: null, min: null, max: null, outcome: 'not measured', why: ratio }
    const { median, min, max } = ratio
    const isMet = atLeast ? median >= bound : median <= bound
    return { ...named, ratio: median, min, max, outcome: isMet ? 'met' : 'missed', why: '' }
  })
}

function otherSize(bytes: number): string {
  return `it is for values of ${valueBytesOfTargets} bytes, these are of ${bytes}`
}

/** @returns why there is none */
function ratioOf(
  { own, other, inFlight, figure }: TargetRule,
  rows: readonly BenchRow[],
  skipped: readonly SkippedPeer[]
): PairedRatio | string {
  for (const { system } of [own, other]) {
    const missing = skipped.find(each => each.peer === system)
    if (missing !== undefined) return `${system} was left out`
    if (!rows.some(row => row.system === system)) return `${system} was not asked for`
  }
  const ownRow = bestRow(own, rows, inFlight)
  const otherRow = bestRow(other, rows, inFlight)
  if (ownRow === undefined) return `no ${own.what}, ${inFlight} in flight`
  if (otherRow === undefined) return `no ${other.what}, ${inFlight} in flight`
  return pairedRatio(ownRow, otherRow, figure) ?? `no round has the figure of both`
}

/** Of this store the first row that fits, which is that of the usual mode where it does; of a peer its fastest. */
function bestRow({ system, mode, op, fits }: Side, rows: readonly BenchRow[], inFlight: number): BenchRow | undefined {
  const found = rows.filter(
    row => row.system === system && row.op === op && row.in_flight === inFlight && (mode === undefined || row.mode === mode)
  )
  if (fits !== undefined) return found.find(fits)
  return found.toSorted((a, b) => b.throughput - a.throughput)[0]
}
