import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterState } from '../actors/gossip/gossip-protocol.ts'
import type { ClusterFile } from '../actors/system-resources.ts'
import { isGone } from '../model/membership.ts'
import { versionTold, wireRefusal } from '../model/wire-version.ts'
import { replaceFile } from '../storage/durable-file.ts'

const formatVersion = 1

/**
 * Why a host must not be started with this directory: it has left the cluster or was removed, and what it keeps is of then. Let in with that, it
 * would bring back what was deleted since.
 * @returns undefined where it may
 */
export function departureOf(directory: string, uid: number): string | undefined {
  const state = clusterFileIn(directory)
    .load()
    ?.members.find(member => member.uid === uid)?.state
  if (state === undefined || !isGone(state)) return undefined
  const what = state === 'left' ? 'has left the cluster' : 'was removed from the cluster'
  return `it ${what}. To let it join anew, move ${directory} away, or give it another directory`
}

/** The host is to stay away. */
export class DepartedError extends Error {}

/**
 * Why this build must not be started with the directory: the other members that it remembers speak what it does not know.
 * @returns undefined where it may
 */
export function unspokenOf(directory: string, uid: number, release: string): string | undefined {
  const members = clusterFileIn(directory).load()?.members ?? []
  const others = members.filter(member => member.uid !== uid && !isGone(member.state))
  const why = wireRefusal(
    versionTold(release),
    others.map(member => member.version)
  )
  return why === undefined ? undefined : `this build cannot run it: ${why}`
}

/** Why a host must not be started with this datacenter: its data are those of another one's ring. undefined: nothing speaks against it. */
export function relocationOf(directory: string, uid: number, dc: string): string | undefined {
  const before = clusterFileIn(directory)
    .load()
    ?.members.find(member => member.uid === uid)?.dc
  if (before === undefined || before === dc) return undefined
  return `dc is ${dc}, and its data are of datacenter ${before}, whose ring counts on them. Set dc back; or let it leave, and join ${dc} with an empty directory`
}

/**
 * `cluster.json` in the data directory: who the members were, so that a host that starts again finds them.
 * Written when the membership changes, not with each heartbeat.
 * @throws {Error} at load: the file is not of a known version
 */
export function clusterFileIn(directory: string): ClusterFile {
  const path = join(directory, 'cluster.json')
  return {
    load() {
      if (!existsSync(path)) return undefined
      const { version, state } = JSON.parse(readFileSync(path, 'utf8')) as { version: number; state: ClusterState }
      if (version !== formatVersion)
        throw new Error(`${path} has version ${version}, this release knows ${formatVersion}: use the release that wrote it`)
      return state
    },
    save(state) {
      replaceFile(path, `${JSON.stringify({ version: formatVersion, state }, undefined, 2)}\n`)
    }
  }
}
