import type { GossipMessage } from '../actors/gossip/gossip-protocol.ts'
import { planIn } from '../model/plan.ts'
import type { Random } from '../runtime/random.ts'
import { nobody } from './fault-injector.ts'
import type { FaultKind } from './fault-plan.ts'
import type { Machine, SimulatedCluster } from './simulated-cluster.ts'

/** Two hosts join, and when they are up two of all leave. Plain data, as faults are. */
export interface ResizeCourse {
  /** The first newcomer comes; the second so long after it. */
  readonly growAtMs: number
  readonly apartMs: number
  /** Newcomers wait until a plan with their joins is committed. */
  readonly asksFirst: boolean
  /** From when all are up until two are told to leave. */
  readonly restMs: number
  readonly leaving: readonly string[]
  /** By one plan; else each is told by itself. */
  readonly isPlanned: boolean
}

/** How far it came; undefined: not yet. */
export interface CourseOutcome {
  readonly grownMs: number | undefined
  readonly shrunkMs: number | undefined
}

export const newcomersOfResize = 2
const growMsMin = 3_000
const growMsMax = 15_000
const apartMsMax = 6_000
const restMsMin = 2_000
const restMsMax = 12_000
const lookMs = 250
/** An operator who had no answer says it again. */
const orderMs = 2_000

/** Changes of the ring that a course leaves to itself. */
const own: readonly FaultKind[] = ['join', 'leave', 'remove', 'replace', 'weight']
/** What takes a host's disk back to before it came would make it another host under the same identity: only for those that were there. */
const ofFirstHosts: readonly FaultKind[] = ['wipe', 'restore', 'corrupt']

/** The kinds of faults beside a course, for all hosts and for those that are there from the start. */
export function faultsBeside(kinds: readonly FaultKind[]): {
  readonly all: readonly FaultKind[]
  readonly first: readonly FaultKind[]
} {
  return {
    all: kinds.filter(kind => !own.includes(kind) && !ofFirstHosts.includes(kind)),
    first: kinds.filter(kind => ofFirstHosts.includes(kind))
  }
}

export function drawResize(names: readonly string[], fromMs: number, dice: Random): ResizeCourse {
  const first = dice.below(names.length)
  const second = (first + 1 + dice.below(names.length - 1)) % names.length
  return {
    growAtMs: fromMs + growMsMin + dice.below(growMsMax - growMsMin),
    apartMs: dice.below(apartMsMax),
    asksFirst: dice.next() < 0.3,
    restMs: restMsMin + dice.below(restMsMax - restMsMin),
    leaving: [names[first]!, names[second]!],
    isPlanned: dice.next() < 0.7
  }
}

/** Carries a course out: looks again and again how far it is, from the rows on the hosts' disks, and says again what was not heard. */
export class ResizeOperator {
  readonly #cluster: SimulatedCluster
  readonly #course: ResizeCourse
  readonly #newcomers: readonly Machine[]
  readonly #chance: Random
  readonly #order: (host: string, message: GossipMessage) => void
  #members: readonly string[] = []
  #grownMs: number | undefined
  #shrunkMs: number | undefined
  #orderAtMs = 0

  /** @param order tells a host's gossip agent */
  constructor(
    cluster: SimulatedCluster,
    course: ResizeCourse,
    newcomers: readonly Machine[],
    order: (host: string, message: GossipMessage) => void
  ) {
    this.#cluster = cluster
    this.#course = course
    this.#newcomers = newcomers
    this.#chance = cluster.random.fork('resize')
    this.#order = order
  }

  get outcome(): CourseOutcome {
    return { grownMs: this.#grownMs, shrunkMs: this.#shrunkMs }
  }

  get isOver(): boolean {
    return this.#shrunkMs !== undefined
  }

  /** Hosts that have a place in the ring, as a client that looks at it a few times a second knows them. */
  get members(): readonly string[] {
    return this.#members
  }

  begin(): void {
    const { simulation } = this.#cluster
    const { growAtMs, apartMs } = this.#course
    for (const [index, { name }] of this.#newcomers.entries())
      simulation.at(growAtMs + index * apartMs, () => this.#cluster.arrive(name))
    this.#look()
  }

  #look(): void {
    const { clock, simulation, machines } = this.#cluster
    const nowMs = clock.now()
    this.#members = machines.filter(machine => this.#hasPlace(machine)).map(({ name }) => name)
    if (this.#grownMs === undefined) this.#grow(nowMs)
    else if (nowMs >= this.#grownMs + this.#course.restMs) this.#shrink(nowMs, this.#course.leaving)
    if (!this.isOver) simulation.at(nowMs + lookMs, () => this.#look())
  }

  #grow(nowMs: number): void {
    if (this.#isFull()) this.#grownMs = nowMs
    else if (this.#course.asksFirst && this.#isTimeToOrder(nowMs))
      this.#plan(this.#newcomers.filter(({ hasCome }) => hasCome).map(({ name }) => ({ kind: 'join', host: name })))
  }

  #shrink(nowMs: number, leaving: readonly string[]): void {
    const still = leaving.filter(name => !this.#cluster.isGone(name))
    if (still.length === 0) {
      this.#shrunkMs = nowMs
      this.#members = this.#cluster.present.map(({ name }) => name)
    } else if (this.#isTimeToOrder(nowMs)) {
      if (this.#course.isPlanned) this.#plan(still.map(host => ({ kind: 'leave', host })))
      else for (const name of still) this.#order(name, { kind: 'leave', order: 'begin', replyTo: nobody })
    }
  }

  #isTimeToOrder(nowMs: number): boolean {
    if (nowMs < this.#orderAtMs) return false
    this.#orderAtMs = nowMs + orderMs
    return true
  }

  /** Stages what is missing and commits it, all at a host that happens to be able to listen. */
  #plan(changes: readonly { readonly kind: 'join' | 'leave'; readonly host: string }[]): void {
    const { machines, simulation, clock } = this.#cluster
    const able = machines.filter(({ isRunning, name }) => isRunning && !this.#cluster.host(name).isPaused)
    const asked = able[this.#chance.below(Math.max(1, able.length))]
    // Whoever knows a plan that is committed would only refuse.
    if (asked === undefined || planIn(asked.saved?.members ?? [])?.plan.isCommitted === true) return
    for (const change of changes)
      this.#order(asked.name, { kind: 'plan', order: { what: 'stage', change }, replyTo: nobody as never })
    simulation.at(clock.now() + orderMs / 2, () =>
      this.#order(asked.name, { kind: 'plan', order: { what: 'commit' }, replyTo: nobody as never })
    )
  }

  /** Whether some host that runs knows everyone, by the disk that each has now, as up by its own word. */
  #isFull(): boolean {
    const { machines } = this.#cluster
    return (
      machines.every(({ hasCome }) => hasCome) &&
      machines.some(({ saved, isRunning }) => {
        const rows = saved?.members ?? []
        const isUp = ({ uid }: Machine): boolean =>
          rows.some(row => row.uid === uid && row.standing === 'up' && row.isWaiting !== true)
        return isRunning && machines.every(isUp)
      })
    )
  }

  #hasPlace({ hasCome, uid, name }: Machine): boolean {
    if (!hasCome || this.#cluster.isGone(name)) return false
    const rows = this.#cluster.machines.flatMap(({ saved }) => saved?.members.find(member => member.uid === uid) ?? [])
    return rows.some(({ standing }) => standing === 'up') && rows.every(({ standing }) => standing !== 'drained')
  }
}
