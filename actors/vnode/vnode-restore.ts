import type { Ref } from '../../bus/bus.ts'
import { type Fault, fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import { emptySiblings } from '../../model/siblings.ts'
import { encodeSiblings } from '../../model/siblings-codec.ts'
import type { Context } from '../../runtime/actor.ts'
import type { Store } from '../../storage/store.ts'
import type { Settlement } from '../floor/floor-protocol.ts'
import type { StoreResources } from '../store-resources.ts'
import type { RestoreMessage } from './restore-protocol.ts'
import { SettledWrites } from './settled-writes.ts'
import type { VnodeMessage } from './vnode-protocol.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>

/** Marks of open restores lie behind this key … */
const restoresStart = '\0r' as Key
/** … and before this one. */
const restoresEnd = '\0s' as Key
const idPattern = /^[A-Za-z0-9_-]{1,64}$/
/** Says nothing as a record, so that whoever mends damaged records finds one that it can read. */
const mark = encodeSiblings(emptySiblings)

/** Keeps in mind, on the disk, that a restore is open in this partition. */
export function markRestore(partition: number, { kind, id, replyTo }: RestoreMessage, context: VnodeContext): void {
  if (!idPattern.test(id)) return context.send<Settlement>(replyTo, { kind: 'failed', fault: badId })
  const { store } = context.resources
  const key = `${restoresStart}${id}` as Key
  const writes = new SettledWrites(partition, store, why => tell(replyTo, why, context))
  if (kind === 'open-restore') store.write(partition, key, mark, 'flushed', writes.expect())
  else store.erase(partition, key, writes.expect())
  writes.close()
}

/** Whether records of a backup may still come to this partition. A mark that is damaged counts as well. */
export function isRestoreOpen(store: Store, partition: number): boolean {
  const { pairs, corrupt } = store.scan(partition, restoresStart, 1)
  return (pairs[0]?.key ?? restoresEnd) < restoresEnd || (corrupt[0] ?? restoresEnd) < restoresEnd
}

const badId = fault('bad_request', 'a restore is named by 1 to 64 of A-Z a-z 0-9 _ -', { outcome: 'refused' })

function tell(to: Ref<Settlement>, why: Fault | undefined, context: VnodeContext): void {
  context.send<Settlement>(to, why === undefined ? { kind: 'stored', durability: 'flushed' } : { kind: 'failed', fault: why })
}
