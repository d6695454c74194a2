import { readdirSync, readFileSync } from 'node:fs'
import type { TargetProcess } from './target.ts'

/** /proc counts in hundredths of a second on every Linux (USER_HZ). */
const microsecondsPerTick = 10_000

export interface ProcessStat {
  readonly pid: number
  readonly command: string
  readonly parent: number
  /** User and system time of all its threads, in microseconds. */
  readonly cpuMicroseconds: number
}

/**
 * @param text of /proc/PID/stat
 * @returns undefined where it is none
 * @see proc(5)
 */
export function statOf(text: string): ProcessStat | undefined {
  // The command stands in parentheses and may hold some itself, and spaces.
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < open) return undefined
  const pid = Number(text.slice(0, open))
  const fields = text.slice(close + 2).split(' ')
  const parent = Number(fields[1])
  const ticks = Number(fields[11]) + Number(fields[12])
  if (!Number.isInteger(pid) || !Number.isInteger(parent) || !Number.isFinite(ticks)) return undefined
  return { pid, command: text.slice(open + 1, close), parent, cpuMicroseconds: ticks * microsecondsPerTick }
}

/** @returns undefined where there is no such process, or no /proc */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return statOf(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

/** The hosts' processes, and what they started: their nats-servers by name, all else as theirs. */
export function withDescendants(hostPids: readonly number[], all: readonly ProcessStat[]): TargetProcess[] {
  const children = new Map<number, ProcessStat[]>()
  for (const stat of all) {
    const siblings = children.get(stat.parent)
    if (siblings === undefined) children.set(stat.parent, [stat])
    else siblings.push(stat)
  }
  const known = new Set(all.map(stat => stat.pid))
  const found = new Map<number, TargetProcess>()
  const visit = (pid: number, role: TargetProcess['role']) => {
    if (found.has(pid)) return
    found.set(pid, { pid, role })
    for (const child of children.get(pid) ?? []) visit(child.pid, child.command.startsWith('nats-server') ? 'nats' : role)
  }
  for (const pid of hostPids) if (known.has(pid)) visit(pid, 'hosts')
  return [...found.values()]
}

export function allProcesses(): ProcessStat[] {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return []
  }
  const stats: ProcessStat[] = []
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue
    const stat = readStat(Number(name))
    if (stat !== undefined) stats.push(stat)
  }
  return stats
}

/** CPU used so far, in microseconds; undefined of a role that has no process here, or one that has ended. */
export interface CpuReading {
  readonly client: number
  readonly hosts: number | undefined
  readonly nats: number | undefined
  readonly peer: number | undefined
}

export function readCpu(processes: readonly TargetProcess[]): CpuReading {
  const { user, system } = process.cpuUsage()
  return {
    client: user + system,
    hosts: cpuOf(processes, 'hosts'),
    nats: cpuOf(processes, 'nats'),
    peer: cpuOf(processes, 'peer')
  }
}

function cpuOf(processes: readonly TargetProcess[], role: TargetProcess['role']): number | undefined {
  let sum: number | undefined
  for (const { pid, role: own } of processes) {
    if (own !== role) continue
    const stat = readStat(pid)
    // What an ended process has used is not known any more.
    if (stat === undefined) return undefined
    sum = (sum ?? 0) + stat.cpuMicroseconds
  }
  return sum
}

/** Microseconds for one operation; null where it cannot be told. */
export interface CpuPerOperation {
  readonly client: number | null
  readonly hosts: number | null
  readonly nats: number | null
  /** All processes of another system. */
  readonly peer: number | null
}

export function cpuPerOperation(before: CpuReading, after: CpuReading, operations: number): CpuPerOperation {
  const of = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined || operations === 0 ? null : Math.round(((to - from) / operations) * 10) / 10
  return {
    client: of(before.client, after.client),
    hosts: of(before.hosts, after.hosts),
    nats: of(before.nats, after.nats),
    peer: of(before.peer, after.peer)
  }
}

/** Of all processes; null where those of the system cannot be told. */
export function cpuSum({ client, hosts, nats, peer }: CpuPerOperation): number | null {
  if (client === null) return null
  if (peer !== null) return client + peer
  return hosts === null ? null : client + hosts + (nats ?? 0)
}
