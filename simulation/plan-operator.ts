import type { PlanOrder, WantedChange } from '../actors/gossip/gossip-protocol.ts'
import { isGone, type Member } from '../model/membership.ts'
import { planIn } from '../model/plan.ts'
import type { Random } from '../runtime/random.ts'
import type { Machine, SimulatedCluster } from './simulated-cluster.ts'

/** An operator who had no answer says it again. */
const orderMs = 2_000

/** What becomes of a plan while it is carried out. */
export interface PlanCourse {
  readonly atMs: number
  readonly lastsMs: number
  /** Paused after half of the time, and resumed in the end. */
  readonly isPaused: boolean
  /** What is not done in the end is taken back. */
  readonly isAborted: boolean
}

/** Stages changes, commits, pauses and aborts them, each time at a host that happens to be able to listen. */
export class PlanOperator {
  readonly #cluster: SimulatedCluster
  readonly #chance: Random
  readonly #order: (host: string, order: PlanOrder) => void

  constructor(cluster: SimulatedCluster, chance: Random, order: (host: string, order: PlanOrder) => void) {
    this.#cluster = cluster
    this.#chance = chance
    this.#order = order
  }

  /** @param isDone by what hosts have on their disks: it is not asked for again */
  carryOut(course: PlanCourse, change: () => WantedChange | undefined, isDone: () => boolean): { begin(): void; end(): void } {
    const { simulation, clock } = this.#cluster
    const endMs = course.atMs + course.lastsMs
    const pausedMs = course.isPaused ? course.atMs + course.lastsMs / 2 : endMs
    const ask = (): void => {
      const nowMs = clock.now()
      if (nowMs >= endMs || isDone()) return
      if (nowMs >= pausedMs) this.#tellSomebody({ what: 'pause' })
      else {
        const wanted = change()
        const host = this.#somebody()
        // Whoever knows a plan that is committed would only refuse.
        if (wanted !== undefined && host !== undefined && planIn(host.saved?.members ?? [])?.plan.isCommitted !== true) {
          this.#order(host.name, { what: 'stage', change: wanted })
          simulation.at(nowMs + orderMs / 2, () => this.#tellSomebody({ what: 'commit' }))
        }
      }
      simulation.at(nowMs + orderMs, ask)
    }
    return {
      begin: ask,
      end: () => {
        if (course.isAborted) this.#tellSomebody({ what: 'abort' })
        this.#tellSomebody({ what: 'resume' })
      }
    }
  }

  /** No plan stands still for want of a word that was lost. */
  resume(): void {
    for (const { name, isRunning } of this.#cluster.present) if (isRunning) this.#order(name, { what: 'resume' })
  }

  /** The row of a machine's host, as some host has it on its disk. */
  rowOf({ uid, saved }: Machine): Member | undefined {
    return saved?.members.find(member => member.uid === uid)
  }

  /** Whether some host knows that this one has the weight, or is gone. */
  hasWeight(machine: Machine, weight: number): boolean {
    const row = this.rowOf(machine)
    return row !== undefined && (isGone(row.state) || (row.weight === weight && row.nextWeight === undefined))
  }

  #tellSomebody(order: PlanOrder): void {
    const host = this.#somebody()
    if (host !== undefined) this.#order(host.name, order)
  }

  #somebody(): Machine | undefined {
    const able = this.#cluster.machines.filter(({ isRunning, name }) => isRunning && !this.#cluster.host(name).isPaused)
    return able[this.#chance.below(Math.max(1, able.length))]
  }
}
