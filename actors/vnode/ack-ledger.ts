import type { Address, Ref } from '../../bus/bus.ts'
import { limits } from '../../model/limits.ts'
import type { Store } from '../../storage/store.ts'
import type { StoredList } from './ack-protocol.ts'

/** What the ledger needs of the actor that uses it. */
interface Sender {
  now(): number
  send(to: Ref<StoredList>, message: StoredList): void
}

/** Acknowledgements for one coordinator. */
interface Batch {
  readonly to: Ref<StoredList>
  /** Flat pairs: correlation, and when. */
  readonly acks: number[]
}

/**
 * Acknowledgements that clients have already, on their way to the coordinators, who only leave hints and count by them: many in one message. One for each
 * data thread, since it serves many vnodes.
 */
export class AckLedger {
  readonly #batches = new Map<Address, Batch>()
  /** When somebody's timer is due. An actor that has ended may have none: then the next one has. */
  #dueMs = Number.NEGATIVE_INFINITY

  /** @returns whether the caller is to call `tell` in `limits.lateAcksMs` */
  add(to: Ref<never>, sender: Sender): boolean {
    const nowMs = sender.now()
    let batch = this.#batches.get(to.address)
    if (batch !== undefined && batch.to.incarnation !== to.incarnation) {
      this.#leave(batch, nowMs, sender)
      batch = undefined
    }
    if (batch === undefined) {
      batch = { to: { address: to.address, correlation: 0, incarnation: to.incarnation }, acks: [] }
      this.#batches.set(to.address, batch)
    }
    batch.acks.push(to.correlation, nowMs)
    if (batch.acks.length >= 2 * limits.lateAcksMax) this.#leave(batch, nowMs, sender)
    if (nowMs < this.#dueMs + limits.lateAcksMs || this.#batches.size === 0) return false
    this.#dueMs = nowMs + limits.lateAcksMs
    return true
  }

  /** Let all leave: when it is time, and when an actor ends, with which its timer does. */
  tell(sender: Sender): void {
    const nowMs = sender.now()
    for (const batch of this.#batches.values()) this.#leave(batch, nowMs, sender)
    this.#dueMs = Number.NEGATIVE_INFINITY
  }

  #leave({ to, acks }: Batch, nowMs: number, sender: Sender): void {
    this.#batches.delete(to.address)
    for (let at = 1; at < acks.length; at += 2) acks[at] = Math.max(0, Math.round((nowMs - acks[at]!) * 1000))
    sender.send(to, { kind: 'stored-list', acks })
  }
}

const byStore = new WeakMap<Store, AckLedger>()

export function ackLedgerOf(store: Store): AckLedger {
  let ledger = byStore.get(store)
  if (ledger === undefined) byStore.set(store, (ledger = new AckLedger()))
  return ledger
}
