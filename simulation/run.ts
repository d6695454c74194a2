import type { RingView } from '../actors/ring/ring-view.ts'
import type { WorkMessage } from '../actors/work/work-protocol.ts'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import type { Key } from '../model/key.ts'
import type { AnyBehaviour, SupervisorSpec } from '../runtime/actor.ts'
import { client, elementsOf } from './client.ts'
import { FaultInjector } from './fault-injector.ts'
import { finalReader } from './final-reader.ts'
import { checkHints, hintsOnDisk } from './hint-check.ts'
import { checkOwed, owedOnDisk } from './owed-check.ts'
import { ReadCheck } from './read-check.ts'
import { type Disagreement, disagreements, keepsStrays } from './replica-check.ts'
import { checkRings } from './ring-check.ts'
import { ringObserver, type RingViews } from './ring-observer.ts'
import { type CourseOutcome, newcomersOfResize, ResizeOperator } from './resize-course.ts'
import type { Scenario } from './scenario.ts'
import { SimulatedCluster } from './simulated-cluster.ts'
import { NeverRests } from './simulation.ts'
import { StoreCheck } from './store-check.ts'
import type { Violation } from './violation.ts'
import type { SeenMessage } from './watched-system.ts'
import { workloads } from './workload.ts'
import { WriteHistory } from './write-history.ts'

/** What a run came to. */
export interface Outcome {
  readonly seed: number
  /** Messages handled and timers fired. */
  readonly events: number
  readonly traceHash: string
  /** Writes that clients began, and reads that were answered do not count. */
  readonly operations: number
  readonly acknowledged: number
  readonly refused: number
  readonly indeterminate: number
  /** From healing until all replicas held the same, and nobody kept a hint any more; Infinity where they did not in time. */
  readonly healedMs: number
  readonly violations: readonly Violation[]
  /** Where there was a course: when it was how far. */
  readonly course?: CourseOutcome & {
    /** It came to its end while clients worked and faults happened, not only after healing. */
    readonly wasUnderLoad: boolean
  }
}

/** Somebody who looks at a run while it happens. */
export interface RunObserver {
  readonly onMessage?: (seen: SeenMessage) => void
  readonly onFault?: (atMs: number, text: string) => void
  readonly onCluster?: (cluster: SimulatedCluster) => void
}

const settleMs = 5_000
const lookMs = 1_000
const silenceMs = 10_000
/** What a host owns no more it gives to all owners, whether they have it or not, and then forgets it: in this time, as a rule. */
const straysMsMax = 60_000
/** After replicas are equal, an exchange that was held up, or found old trees, may still carry what arrived otherwise meanwhile. */
const lateMs = 25_000
const readersMsMax = 30_000
const crashesShown = 3
/** Keys of a datacenter's own, for clients that demand to read what was acknowledged there. */
const strictKeys = 100_000

/** Run a scenario from the cluster's birth to the checks at its end. */
export function runScenario(scenario: Scenario, observer: RunObserver = {}): Outcome {
  return new Run(scenario, observer).run()
}

const nobody = { address: addressOf(threadAddressOf('operator', 'main'), 'nobody'), correlation: 0, incarnation: 0 }

class Run {
  readonly #scenario: Scenario
  readonly #cluster: SimulatedCluster
  readonly #history = new WriteHistory()
  readonly #check: ReadCheck
  readonly #storeCheck: StoreCheck
  readonly #injector: FaultInjector
  readonly #course: ResizeOperator | undefined
  readonly #views: RingViews = new Map()

  constructor(scenario: Scenario, observer: RunObserver) {
    this.#scenario = scenario
    const { seed, hosts, datacenters = 1, threads, partitions, weather, encodes } = scenario
    this.#check = new ReadCheck(this.#history, () => this.#cluster.clock.now())
    this.#storeCheck = new StoreCheck(this.#check)
    this.#cluster = new SimulatedCluster({
      seed,
      hosts,
      datacenters,
      threads,
      partitions,
      weather,
      encode: encodes,
      onWrite: write => this.#storeCheck.wrote(write)
    })
    this.#injector = new FaultInjector(this.#cluster, text => observer.onFault?.(this.#cluster.clock.now(), text))
    this.#course = this.#courseOf(scenario)
    observer.onCluster?.(this.#cluster)
    this.#cluster.simulation.watch(observer.onMessage)
  }

  run(): Outcome {
    let healedMs = Number.POSITIVE_INFINITY
    try {
      healedMs = this.#play()
    } catch (error) {
      if (!(error instanceof NeverRests)) throw error
      this.#check.report('it comes to rest', undefined, error.message)
    }
    return this.#outcome(healedMs)
  }

  /** From the birth of the cluster to the checks. @returns see `Outcome.healedMs` */
  #play(): number {
    const { fromMs, untilMs, faults } = this.#scenario
    const cluster = this.#cluster
    const { simulation } = cluster
    for (const { name } of cluster.machines) cluster.start(name)
    this.#startObserver()
    simulation.run(fromMs)
    this.#startClients()
    this.#injector.schedule(faults)
    this.#course?.begin()
    simulation.run(untilMs)
    this.#heal()
    const healedMs = this.#awaitCourse() ? this.#awaitAgreement(cluster.clock.now()) : Number.POSITIVE_INFINITY
    if (Number.isFinite(healedMs)) this.#awaitSilence()
    for (const text of checkHints(cluster, this.#names(), Number.isFinite(healedMs))) {
      this.#check.report('I13', undefined, text)
    }
    for (const text of checkOwed(cluster, this.#names(), Number.isFinite(healedMs))) {
      this.#check.report('I13', undefined, text)
    }
    this.#readAll()
    for (const { actor, error } of cluster.crashes.slice(0, crashesShown)) {
      this.#check.report('no actor crashes', undefined, `${actor} crashed: ${error}`)
    }
    return healedMs
  }

  #outcome(healedMs: number): Outcome {
    const cluster = this.#cluster
    const { attempts, acknowledged, refused, indeterminate } = this.#history
    return {
      seed: this.#scenario.seed,
      events: cluster.simulation.events,
      traceHash: cluster.traceHash,
      operations: attempts,
      acknowledged,
      refused,
      indeterminate,
      healedMs,
      violations: this.#check.violations,
      ...this.#courseOutcome()
    }
  }

  #courseOutcome(): Pick<Outcome, 'course'> {
    if (this.#course === undefined) return {}
    const { outcome } = this.#course
    const { shrunkMs = Number.POSITIVE_INFINITY } = outcome
    return { course: { ...outcome, wasUnderLoad: shrunkMs < this.#scenario.untilMs } }
  }

  #courseOf({ course }: Scenario): ResizeOperator | undefined {
    if (course === undefined) return undefined
    const newcomers = Array.from({ length: newcomersOfResize }, () =>
      this.#cluster.add({ asksFirst: course.asksFirst, hasCome: false })
    )
    return new ResizeOperator(this.#cluster, course, newcomers, (host, message) => this.#injector.order(host, message))
  }

  /** What faults held up comes about once all is healed. @returns false where it does not */
  #awaitCourse(): boolean {
    const course = this.#course
    if (course === undefined || this.#cluster.simulation.runUntil(() => course.isOver, this.#scenario.healMsMax, lookMs))
      return true
    const { grownMs } = course.outcome
    const what = grownMs === undefined ? 'two hosts do not join' : 'two hosts do not leave'
    this.#check.report('I16', undefined, `${what}, ${this.#scenario.healMsMax / 1000} s after all was healed`)
    return false
  }

  /** Whether nothing may go wrong: then no request may fail, whoever joins or leaves. */
  get #isCalm(): boolean {
    const { faults, weather } = this.#scenario
    return faults.length === 0 && weather.loss === 0 && weather.duplication === 0 && weather.reordering === 0
  }

  #startObserver(): void {
    const hosts = (): string[] => this.#names()
    const tree = treeOf(ringObserver, { hosts, views: this.#views })
    this.#cluster.simulation.host('observer').thread('client', { tree })
  }

  #startClients(): void {
    const { clients, hosts, datacenters = 1, threads, untilMs, pauseMs, operationsMax } = this.#scenario
    const names = this.#cluster.machines.slice(0, hosts * datacenters).map(machine => machine.name)
    for (const [index, workload] of clients.entries()) {
      const home = index % datacenters
      const own = names.slice(home * hosts, (home + 1) * hosts)
      const args = {
        name: `c${index + 1}`,
        workload: workloads[workload],
        hosts: () => this.#course?.members ?? own,
        firstKey: workloads[workload].isStrict ? home * strictKeys : 0,
        threads,
        history: this.#history,
        check: this.#check,
        untilMs,
        pauseMs,
        operationsMax,
        areQuorumsSound: () => !this.#injector.hasLostData,
        ...(this.#isCalm ? { onFailure: (key: Key, text: string) => this.#check.report('no request fails', key, text) } : {})
      }
      this.#cluster.simulation.host(args.name).thread('client', { tree: treeOf(client, args) })
    }
  }

  #heal(): void {
    const { weather } = this.#scenario
    this.#injector.heal()
    this.#cluster.network.setWeather({ ...weather, loss: 0, duplication: 0 })
  }

  /** As an operator does who has a doubt: records that nobody reads are verified once a day only. */
  #scrub(): void {
    const { system } = this.#cluster.simulation.host('operator').threads.get('main') ?? {}
    const operator = system ?? this.#cluster.simulation.host('operator').thread('main')
    for (const host of this.#names()) {
      const to = { address: addressOf(threadAddressOf(host, 'system'), 'work-keeper'), correlation: 0, incarnation: 0 }
      operator.signal<WorkMessage>(to, { kind: 'run', kinds: ['scrub'], replyTo: nobody })
    }
  }

  #names(): string[] {
    return this.#cluster.present.map(machine => machine.name)
  }

  /** @returns how long it took, without any client's help */
  #awaitAgreement(healedAtMs: number): number {
    const cluster = this.#cluster
    cluster.simulation.run(healedAtMs + settleMs)
    if (this.#scenario.faults.some(fault => fault.kind === 'corrupt')) this.#scrub()
    let rings: string[] = []
    let differing: Disagreement[] = []
    const isQuiet = (): boolean => {
      rings = this.#datacenters().flatMap(names => checkRings(this.#views, names))
      const views = this.#ringViews()
      differing = views.length === 0 ? [] : disagreements(cluster, views, views[0]!.replicas)
      const isNothingKept = (name: string): boolean => hintsOnDisk(cluster, name) === 0 && owedOnDisk(cluster, name) === 0
      return rings.length === 0 && differing.length === 0 && this.#names().every(isNothingKept)
    }
    if (cluster.simulation.runUntil(isQuiet, this.#scenario.healMsMax, lookMs)) return cluster.clock.now() - healedAtMs
    for (const text of rings) this.#check.report('I16', undefined, text)
    for (const { key, text } of differing) this.#check.report('I9', key, text)
    return Number.POSITIVE_INFINITY
  }

  /** Once all are equal, repair has nothing to do: nothing of users is written any more. */
  #awaitSilence(): void {
    const { clock, simulation } = this.#cluster
    simulation.run(clock.now() + lateMs)
    const keepsNone = (): boolean => !this.#names().some(name => keepsStrays(this.#cluster, this.#ringViews(), name))
    simulation.runUntil(keepsNone, straysMsMax, lookMs)
    const before = this.#storeCheck.writes
    simulation.run(clock.now() + silenceMs)
    const writes = this.#storeCheck.writes - before
    if (writes > 0)
      this.#check.report('I15', undefined, `${writes} records were written in ${silenceMs} ms with nothing to repair`)
  }

  /** One of each datacenter. */
  #ringViews(): RingView[] {
    return this.#datacenters().flatMap(([name = '']) => this.#views.get(name) ?? [])
  }

  /** The hosts of each. */
  #datacenters(): string[][] {
    const names = new Map<string, string[]>()
    for (const { dc, name } of this.#cluster.present) names.set(dc, [...(names.get(dc) ?? []), name])
    return [...names.values()]
  }

  /** Every key at R = N. */
  #readAll(): void {
    const cluster = this.#cluster
    const finals = new Map<Key, string[]>()
    const keys = [...this.#history.keys.keys()]
    const tree = treeOf(finalReader, { hosts: this.#names(), keys, level: 'all', finals })
    cluster.simulation.host('reader').thread('client', { tree })
    cluster.simulation.runUntil(() => finals.size === keys.length, readersMsMax)
    for (const key of keys) {
      const values = finals.get(key)
      if (values === undefined) this.#check.report('I5', key, `${key} cannot be read after healing`)
      else this.#final(key, values)
    }
  }

  #final(key: Key, values: readonly string[]): void {
    const { acknowledged, events } = this.#history.of(key)
    this.#check.read(key, values, { acknowledged, isFinal: true }, 'the last read')
    if (!values.some(value => value.includes('|'))) return
    const elements = new Set(elementsOf(values).split(','))
    for (const { fate, element } of events) {
      if (fate !== 'acknowledged' || elements.has(element)) continue
      this.#check.report('I5', key, `element ${element} of ${key} was acknowledged and is in none of the values`)
    }
  }
}

function treeOf(behaviour: AnyBehaviour, args: unknown): SupervisorSpec {
  return {
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 0,
    periodMs: 1000,
    children: [{ type: 'actor', name: 'main', behaviour, args }]
  }
}
