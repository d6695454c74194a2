import type { Replica, ReplicaSet } from '../ring/ring-index.ts'

/** A host that keeps a hint for an owner: its slot comes behind those of the replicas, in the order of the list. */
export interface StandIn {
  readonly replica: Replica
  /** Slot of the owner. */
  readonly target: number
}

export const noStandIns: readonly StandIn[] = Object.freeze([])

export function replicaAt({ replicas }: ReplicaSet, standIns: readonly StandIn[], slot: number): Replica | undefined {
  return slot < replicas.length ? replicas[slot] : standIns[slot - replicas.length]?.replica
}

/** Slot of the owner that the host in `slot` is, or stands in for. */
export function ownerSlotOf({ replicas }: ReplicaSet, standIns: readonly StandIn[], slot: number): number {
  return standIns[slot - replicas.length]?.target ?? slot
}

/** Uid of the host for which the one in `slot` keeps a hint. */
export function targetOf(set: ReplicaSet, standIns: readonly StandIn[], slot: number): number {
  const { host } = set.replicas[ownerSlotOf(set, standIns, slot)] as Replica
  return host.uid
}

/** Slot of this host as an owner, else as a stand-in. */
export function mintingSlot({ replicas, selfSlot }: ReplicaSet, standIns: readonly StandIn[]): number {
  if (replicas[selfSlot]?.isPresent === true) return selfSlot
  return replicas.length + standIns.findIndex(standIn => standIn.replica.isSelf)
}

export function hasStandIn(standIns: readonly StandIn[], target: number): boolean {
  return standIns.some(standIn => standIn.target === target)
}

/** The next healthy host beyond the preference list that stands in for nobody yet. */
export function freeFallback({ fallbacks }: ReplicaSet, standIns: readonly StandIn[]): Replica | undefined {
  return fallbacks.find(replica => !standIns.some(standIn => standIn.replica === replica))
}
