import type { Ref } from '../../bus/bus.ts'
import type { CoordinatorContext } from '../coordinator/coordinator-state.ts'
import type { OwedListed } from './adopt-protocol.ts'
import { owedLedgerOf } from './owed-ledger.ts'

/** What this thread owes other datacenters, from its ledger. */
export function listOwed(replyTo: Ref<OwedListed>, context: CoordinatorContext): void {
  const ledger = owedLedgerOf(context.resources.store)
  const owed = [...ledger.pending()]
  const oldest = [...new Set(owed.map(({ tag }) => tag))].flatMap(tag => {
    const sinceMs = ledger.oldestMs(tag)
    return sinceMs === undefined ? [] : [{ tag, sinceMs }]
  })
  context.send(replyTo, { kind: 'owed-listed', owed, oldest, figures: ledger.figures })
}
