import type { BenchRatio } from './ratios.ts'
import type { BenchRow } from './row.ts'
import type { SkippedPeer } from './target.ts'
import type { JudgedTarget } from './targets.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory_gb: number
  readonly os: string
  readonly node: string
}

/** A system that was measured. */
export interface MeasuredSystem {
  readonly system: string
  /** '' where it is not known. */
  readonly version: string
  /** What it does less than this store, or more; '' for nothing. */
  readonly less: string
}

export interface BenchReport {
  readonly machine: Machine
  readonly value_bytes: number
  readonly keys: number
  readonly zipf: number
  readonly seconds: number
  readonly rounds: number
  readonly systems: readonly MeasuredSystem[]
  readonly rows: readonly BenchRow[]
  /** These where peers were asked for. */
  readonly skipped?: readonly SkippedPeer[]
  readonly ratios?: readonly BenchRatio[]
  readonly targets?: readonly JudgedTarget[]
}
