import type { Siblings } from '../../model/siblings.ts'

/** Of each vnode id, the lowest counter among the versions that came from other replicas since a floor was prepared. */
export type CameVersions = Map<number, number>

/** Versions that were not seen here before. */
export function noteCame(came: CameVersions, local: Siblings, incoming: Siblings): void {
  for (const { vnode, counter } of incoming.versions) {
    if (local.versions.some(version => version.vnode === vnode && version.counter === counter)) continue
    came.set(vnode, Math.min(came.get(vnode) ?? Number.POSITIVE_INFINITY, counter))
  }
}
