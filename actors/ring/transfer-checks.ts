import type { AnyBehaviour, Context } from '../../runtime/actor.ts'
import type { SystemResources } from '../system-resources.ts'
import type { BucketTable } from './bucket-table.ts'
import type { RingView } from './ring-view.ts'
import { transferCheck, type TransferCheckArguments, type TransferCheckReply } from './transfer-check.ts'

/** The supervisor under which checks run. */
const supervisor = 'work'
const silenceMs = 10_000
const againMinMs = 200
const againMaxMs = 5_000
const checkShutdownMs = 1_000

/** What the owner of the checks tells itself by timer. */
export interface CheckDue {
  readonly kind: 'check'
}

/** Compares what was taken over with each of its sources, one after the other, until each has once been seen to agree. */
export class TransferChecks<M extends { readonly kind: string }> {
  #left: number[] = []
  #arrival = ''
  #running: { readonly id: string; readonly name: string; heardMs: number } | undefined
  #nextId = 1
  #attempt = 0

  /** Sources that have not been compared. */
  get left(): number {
    return this.#left.length
  }

  /** Forget what was under way. */
  drop(context: Context<M | CheckDue, SystemResources>): void {
    this.#stop(context)
    this.#left = []
    this.#attempt = 0
  }

  /** @param sources uids, each once */
  begin(sources: readonly number[], arrival: string, context: Context<M | CheckDue, SystemResources>): void {
    this.drop(context)
    this.#left = [...sources]
    this.#arrival = arrival
  }

  /** Begin what is due, by the ring and the buckets as they are known now. One that has fallen silent is begun anew. */
  look(view: RingView | undefined, table: BucketTable, context: Context<M | CheckDue, SystemResources>): void {
    const [source] = this.#left
    if (source === undefined || view === undefined) return
    if (this.#running !== undefined) {
      if (context.now() - this.#running.heardMs < silenceMs) return
      context.log.warn({ source, arrival: this.#arrival }, 'a check of what was taken over has fallen silent: it begins anew')
      this.#stop(context)
    }
    const id = `${context.incarnation}-${this.#nextId++}`
    const name = `transfer-check-${id}`
    const args: TransferCheckArguments = { id, arrival: this.#arrival, view, table, source }
    const behaviour = transferCheck as AnyBehaviour
    const spec = { type: 'actor', name, behaviour, args, restart: 'transient', shutdownMs: checkShutdownMs } as const
    if (context.startChild(supervisor, spec) === undefined) return this.#later(context)
    this.#running = { id, name, heardMs: context.now() }
  }

  /** @returns whether one more is through: look for the next, where any are left */
  heard(message: TransferCheckReply, context: Context<M | CheckDue, SystemResources>): boolean {
    const running = this.#running
    if (running === undefined || message.id !== running.id) return false
    running.heardMs = context.now()
    if (message.kind === 'checking') return false
    this.#running = undefined
    if (message.again) {
      this.#attempt++
      this.#later(context)
      return false
    }
    this.#attempt = 0
    this.#left.shift()
    return true
  }

  #later(context: Context<M | CheckDue, SystemResources>): void {
    context.after(Math.min(againMinMs * 2 ** Math.min(this.#attempt, 16), againMaxMs), { kind: 'check' })
  }

  #stop(context: Context<M | CheckDue, SystemResources>): void {
    if (this.#running !== undefined) context.stopChild(supervisor, this.#running.name)
    this.#running = undefined
  }
}
