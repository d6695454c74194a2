import { performance } from 'node:perf_hooks'
import type { Fault } from '../../model/fault.ts'
import { keyOfText, type Key } from '../../model/key.ts'
import type { Completion } from '../../storage/store.ts'
import type { Bench } from '../question.ts'

export const distinctKeys = 200_000

export interface Measured {
  readonly perSecond: number
  readonly cpuUs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export function partitionOfNumber(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 24
}

export function keysOf(count: number): Key[] {
  return Array.from({ length: count }, (_, number) => keyOfText('bench', `key-${String(number).padStart(10, '0')}`))
}

/** Keeps `inFlight` puts under way for `seconds`, or until `putsMax` were begun. */
class PutLoad implements Completion {
  readonly #put: (number: number, completion: Completion) => void
  readonly #began = performance.now()
  readonly #untilMs: number
  readonly #putsMax: number
  readonly #latencies: number[] = []
  readonly #starts: number[] = []
  readonly #cpu = process.cpuUsage()
  #oldest = 0
  #number = 0
  #ended = 0
  #underWay = 0
  #done: (measured: Measured) => void = () => {}
  readonly result: Promise<Measured>
  refused: Fault | undefined

  constructor(inFlight: number, seconds: number, put: (number: number, completion: Completion) => void, putsMax: number) {
    this.#put = put
    this.#putsMax = putsMax
    this.#untilMs = this.#began + seconds * 1000
    this.result = new Promise(resolve => (this.#done = resolve))
    for (let at = 0; at < inFlight; at++) this.#next()
  }

  #next(): void {
    this.#starts.push(performance.now())
    this.#underWay++
    this.#put(this.#number++, this)
  }

  settled(fault: Fault | undefined): void {
    const now = performance.now()
    this.#underWay--
    this.#ended++
    const start = this.#starts[this.#oldest++]!
    if ((this.#ended & 15) === 0) this.#latencies.push(now - start)
    if (fault !== undefined) this.refused = fault
    if (now < this.#untilMs && fault === undefined && this.#number < this.#putsMax) return this.#next()
    if (this.#underWay > 0) return
    const cpu = process.cpuUsage(this.#cpu)
    const sorted = Float64Array.from(this.#latencies).sort()
    this.#done({
      perSecond: (this.#ended / (now - this.#began)) * 1000,
      cpuUs: (cpu.user + cpu.system) / this.#ended,
      p50Ms: sorted[sorted.length >> 1] ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0
    })
  }
}

export function measurePuts(
  inFlight: number,
  seconds: number,
  put: (number: number, completion: Completion) => void,
  putsMax = Infinity
): PutLoad {
  return new PutLoad(inFlight, seconds, put, putsMax)
}

export function report(bench: Bench, what: string, { perSecond, cpuUs, p50Ms, p99Ms }: Measured, refused?: Fault): void {
  bench.row({
    what,
    cpu_ns: cpuUs * 1_000,
    per_second: perSecond,
    ...(p50Ms > 0 ? { p50_ms: p50Ms, p99_ms: p99Ms } : {}),
    ...(refused === undefined ? {} : { refused: refused.detail })
  })
}

export function measureReads(seconds: number, read: (number: number) => Uint8Array | undefined): Measured {
  const cpu = process.cpuUsage()
  const began = performance.now()
  let reads = 0
  let missing = 0
  while (performance.now() - began < seconds * 1000) {
    for (let at = 0; at < 1000; at++) if (read(Math.imul(reads + at, 7919) >>> 0) === undefined) missing++
    reads += 1000
  }
  if (missing > 0) throw new Error(`${missing} of ${reads} reads found nothing`)
  const used = process.cpuUsage(cpu)
  return { perSecond: (reads / (performance.now() - began)) * 1000, cpuUs: (used.user + used.system) / reads, p50Ms: 0, p99Ms: 0 }
}
