import type { LinkWeather } from '../bus/memory-bus.ts'
import { type Random, SeededRandom } from '../runtime/random.ts'
import { drawFaults, type FaultKind, type PlanBounds, type PlannedFault } from './fault-plan.ts'
import { drawResize, faultsBeside, newcomersOfResize, type ResizeCourse } from './resize-course.ts'
import { type WorkloadName, workloadNames } from './workload.ts'

/** All that a run depends on. Plain data: printed, kept, replayed, and made smaller. */
export interface Scenario {
  readonly seed: number
  /** Of each datacenter. */
  readonly hosts: number
  /** Left out: one. */
  readonly datacenters?: number
  readonly threads: number
  readonly partitions: number
  /** What each client does. */
  readonly clients: readonly WorkloadName[]
  /** Of each client. */
  readonly operationsMax: number
  /** Mean pause of a client between operations. */
  readonly pauseMs: number
  /** Clients and faults begin and end. */
  readonly fromMs: number
  readonly untilMs: number
  /** Of all links, at first and after healing (then without loss and duplication). */
  readonly weather: LinkWeather
  /** Messages between threads are encoded and decoded as on the wire. The history is the same without, in less time. */
  readonly encodes: boolean
  readonly faults: readonly PlannedFault[]
  /** What happens to the cluster by order, beside the faults. */
  readonly course?: ResizeCourse
  /** After healing, all replicas of all keys have to be equal within this time, without any traffic of clients. */
  readonly healMsMax: number
}

export interface ScenarioOptions {
  readonly seed: number
  /** Default 5. */
  readonly hosts?: number
  /** Each has so many hosts, and a ring of its own; default 1. */
  readonly datacenters?: number
  /** Of virtual time, for clients and faults; default 5. */
  readonly minutes?: number
  readonly faults: readonly FaultKind[]
  /** Two hosts join and two leave, beside the faults; and one run in four has no faults. */
  readonly course?: CourseName
  /** Default: all of them. */
  readonly workloads?: readonly WorkloadName[]
  /** Default 6. */
  readonly clients?: number
  readonly operationsMax?: number
  /** Mean pause of a client between operations; default 60. */
  readonly pauseMs?: number
}

export const courseNames = Object.freeze(['resize'] as const)
export type CourseName = (typeof courseNames)[number]

/** The cluster has so long to form. */
const formMs = 8_000
/** Where each datacenter after the first copies one before it. */
const datacentersFormMs = 20_000
const pauseMsDefault = 60
/** One run in so many encodes its messages. */
const encodingShare = 4
const healMsMaxDefault = 120_000
/** Of runs with a course, so many have no faults: no request may fail there. */
const calmShare = 0.25

/** A run's circumstances, drawn from its seed. */
export function drawScenario(options: ScenarioOptions): Scenario {
  const { seed, hosts = 5, datacenters = 1, minutes = 5, workloads = workloadNames, clients = 6 } = options
  const dice = new SeededRandom(seed).fork('scenario')
  const threads = 1 + dice.below(2)
  const partitions = 8 << dice.below(2)
  const fromMs = datacenters === 1 ? formMs : datacentersFormMs
  const untilMs = fromMs + minutes * 60_000
  const first = dice.below(workloads.length)
  const names = Array.from({ length: hosts * datacenters }, (_, index) => `h${index + 1}`)
  const groups = Array.from({ length: datacenters }, (_, index) => names.slice(index * hosts, (index + 1) * hosts))
  const bounds = { hosts: names, datacenters: groups, threads, fromMs, untilMs }
  const beside = options.course === undefined ? undefined : drawCourse(options, bounds, dice.fork('course'))
  return {
    seed,
    hosts,
    ...(datacenters === 1 ? {} : { datacenters }),
    threads,
    partitions,
    clients: Array.from({ length: clients }, (_, index) => workloads[(first + index) % workloads.length]!),
    operationsMax: options.operationsMax ?? 1_000_000,
    pauseMs: options.pauseMs ?? pauseMsDefault,
    fromMs,
    untilMs,
    weather: drawWeather(beside?.isCalm === true ? [] : options.faults, dice),
    encodes: seed % encodingShare === 0,
    faults: beside?.faults ?? drawFaults(options.faults, bounds, dice.fork('faults')),
    ...(beside === undefined ? {} : { course: beside.course }),
    healMsMax: healMsMaxDefault
  }
}

interface DrawnCourse {
  readonly course: ResizeCourse
  readonly faults: readonly PlannedFault[]
  readonly isCalm: boolean
}

/** A course, and faults beside it: those of newcomers among them. */
function drawCourse({ faults: kinds }: ScenarioOptions, bounds: PlanBounds, dice: Random): DrawnCourse {
  const { hosts, fromMs } = bounds
  const newcomers = Array.from({ length: newcomersOfResize }, (_, index) => `h${hosts.length + index + 1}`)
  const names = [...hosts, ...newcomers]
  const course = drawResize(names, fromMs, dice)
  if (dice.next() < calmShare) return { course, faults: [], isCalm: true }
  const { all, first } = faultsBeside(kinds)
  const faults = [
    ...drawFaults(all, { ...bounds, hosts: names, datacenters: [names] }, dice.fork('faults')),
    ...drawFaults(first, bounds, dice.fork('losing'))
  ]
  return { course, faults: faults.sort((a, b) => a.atMs - b.atMs), isCalm: false }
}

/** What links are like all the time, where faults of that kind are wanted; a fault makes one of them worse for a while. */
function drawWeather(kinds: readonly FaultKind[], dice: Random): LinkWeather {
  const some = (kind: FaultKind, amount: number): number =>
    kinds.includes(kind) && dice.next() < 0.5 ? Math.round(1000 * amount * dice.next()) / 1000 : 0
  return {
    delayMinMs: 0.1,
    delayMaxMs: kinds.includes('delay') ? 1 + Math.round(20 * dice.next() ** 2) : 1,
    loss: some('loss', 0.02),
    duplication: some('duplication', 0.02),
    reordering: some('reordering', 0.5)
  }
}
