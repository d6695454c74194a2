import type { Ref } from '../../bus/bus.ts'
import type { Settlement } from '../floor/floor-protocol.ts'

/**
 * What a vnode is told while a backup is being restored. A restore is *open* in a partition for as long as records of the backup may still
 * come: events that no store of this cluster holds, and that are not obsolete. Until it is closed no floor of the partition is raised.
 * @see docs/decisions/0022-backup-and-restore.md
 */
export type RestoreMessage =
  /** Answered by `stored` once it is flushed that the restore is open; by `failed`. */
  | { readonly kind: 'open-restore'; readonly id: string; readonly replyTo: Ref<Settlement> }
  /** All of it has come, or it is given up. Answered by `stored`, also where it was not open; by `failed`. */
  | { readonly kind: 'close-restore'; readonly id: string; readonly replyTo: Ref<Settlement> }
