import type { Random } from '../../runtime/random.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { Ground } from './ground.ts'
import type { Cut, Loss } from './network.ts'
import type { FaultKind } from './options.ts'
import { pause } from './shell.ts'

/** One fault, all drawn: the same seed gives the same ones, whatever the cluster does. */
export interface PlannedFault {
  readonly kind: FaultKind
  readonly atMs: number
  readonly durationMs: number
  /** In the order in which they are chosen where some are under another fault. */
  readonly hosts: readonly number[]
  /** So many of them. */
  readonly count: number
  readonly cuts: readonly Cut[]
  /** What exactly, where a kind has several. */
  readonly variant: string
}

const startMsMin = 500
const gapMsMin = 1_500
const gapMsMax = 6_000
const durationMsMin = 1_000
const durationMsMax = 20_000
const pauseMsMax = 30_000
const hourMs = 3_600_000

/** What of the ground a kind needs; the others need nothing. */
const needs: Readonly<Partial<Record<FaultKind, keyof Ground>>> = Object.freeze({
  partition: 'network',
  'one-way': 'network',
  'non-transitive': 'network',
  loss: 'network',
  'disk-full': 'disks',
  power: 'disks'
})

/** Why a kind of fault cannot be injected here. */
export function obstacleOf(kind: FaultKind, ground: Ground): string | undefined {
  const needed = needs[kind]
  return needed === undefined ? undefined : ground[needed]
}

/** @param spanMs faults begin within it, and all but the last ones end within it */
export function planFaults(kinds: readonly FaultKind[], hosts: number, spanMs: number, random: Random): PlannedFault[] {
  const plan: PlannedFault[] = []
  if (kinds.length === 0) return plan
  const bag: FaultKind[] = []
  for (let atMs = startMsMin + random.below(gapMsMin); atMs < spanMs; atMs += gapMsMin + random.below(gapMsMax - gapMsMin)) {
    // Every kind has its turn before one comes again.
    if (bag.length === 0) bag.push(...shuffle(kinds.length, random).map(number => kinds[number - 1]!))
    const kind = bag.pop()!
    const longest = Math.min(kind === 'pause' ? pauseMsMax : durationMsMax, Math.max(spanMs / 4, 2 * durationMsMin))
    const durationMs = Math.floor(durationMsMin + random.next() ** 2 * (longest - durationMsMin))
    plan.push({ kind, atMs, durationMs, ...drawn(kind, hosts, random) })
  }
  return plan
}

type Drawn = Pick<PlannedFault, 'hosts' | 'count' | 'cuts' | 'variant'>

function drawn(kind: FaultKind, hosts: number, random: Random): Drawn {
  const shuffled = shuffle(hosts, random)
  const minority = 1 + random.below(Math.max(1, Math.floor(hosts / 2)))
  return draws[kind](shuffled, minority, random)
}

const befalls = (hosts: readonly number[], count: number, variant = ''): Drawn => ({ hosts, count, cuts: [], variant })
const parts = (hosts: readonly number[], cuts: readonly Cut[], variant = ''): Drawn => ({
  hosts,
  count: hosts.length,
  cuts,
  variant
})

/** By kind, from the hosts in a drawn order and the size of a minority. */
const draws: Readonly<Record<FaultKind, (hosts: readonly number[], minority: number, random: Random) => Drawn>> = Object.freeze({
  kill: (hosts, minority) => befalls(hosts, minority),
  nats: hosts => befalls(hosts, 1),
  thread: (hosts, _, random) => befalls(hosts, 1, pick(['exit', 'block', 'throw'], random)),
  pause: (hosts, _, random) => befalls(hosts, 1, pick(['both', 'host', 'nats'], random)),
  clock: (hosts, _, random) => befalls(hosts, 1, `${Math.floor((random.next() * 2 - 1) * hourMs)} ms`),
  'disk-full': (hosts, minority) => befalls(hosts, Math.min(minority, 2)),
  power: (hosts, _, random) => befalls(hosts, random.next() < 0.4 ? hosts.length : 1),
  partition(hosts, minority) {
    const some = hosts.slice(0, minority)
    return parts(some, cutsBetween(some, hosts.slice(minority), 'both', 'all'))
  },
  'one-way'(hosts, _, random) {
    const [first, second] = hosts as [number, number]
    return random.next() < 0.5
      ? parts([first, second], cutsBetween([first], [second], 'away', 'all'), 'pair')
      : parts([first], cutsBetween([first], hosts.slice(1), 'away', 'all'), 'hears, is not heard')
  },
  'non-transitive'(hosts) {
    const pair = hosts.slice(0, 2)
    return parts(pair, cutsBetween(pair.slice(0, 1), pair.slice(1), 'both', 'all'))
  },
  loss(hosts, _, random) {
    const loss = pick([4, 8, 16] as const, random)
    return parts(hosts.slice(0, 1), cutsBetween(hosts.slice(0, 1), hosts.slice(1), 'both', loss), `one packet in ${loss}`)
  }
})

function cutsBetween(those: readonly number[], others: readonly number[], ways: 'both' | 'away', loss: Loss): Cut[] {
  return those.flatMap(one =>
    others.flatMap(other => [{ from: one, to: other, loss }, ...(ways === 'both' ? [{ from: other, to: one, loss }] : [])])
  )
}

/** Injects it, waits, takes it back. @param told of the hosts that it befalls; of none where too many are under another fault */
export async function carryOut(
  fault: PlannedFault,
  cluster: ChaosCluster,
  busy: Set<number>,
  told: (hosts: readonly number[]) => void
): Promise<void> {
  if (fault.cuts.length > 0) {
    told(fault.hosts)
    await cluster.network?.cut(fault.cuts)
    await pause(fault.durationMs)
    return await cluster.network?.mend(fault.cuts)
  }
  const free = fault.hosts.filter(number => !busy.has(number)).slice(0, fault.count)
  // A power cut of all is one only if it is of all.
  const hosts = fault.kind === 'power' && free.length < fault.count ? [] : free
  told(hosts)
  for (const number of hosts) busy.add(number)
  try {
    await Promise.all(hosts.map(number => begin(fault, cluster, number)))
    if (fault.kind === 'power' && hosts.length > 0) await cluster.losePower(hosts)
    await pause(fault.durationMs)
    for (const number of hosts) end(fault, cluster, number)
  } finally {
    for (const number of hosts) busy.delete(number)
  }
}

async function begin({ kind, variant, durationMs }: PlannedFault, cluster: ChaosCluster, number: number): Promise<void> {
  const host = cluster.host(number)
  switch (kind) {
    case 'kill':
      return host.kill(durationMs)
    case 'nats':
      host.killNats()
      return
    case 'pause':
      return host.freeze(variant as 'both' | 'host' | 'nats')
    case 'thread':
      return host.inject({
        thread: 'data-0',
        fault: variant === 'throw' ? { kind: 'throw', times: 3 } : { kind: variant as 'exit' | 'block' }
      })
    case 'disk-full':
      return await cluster.disks[number - 1]?.fill()
    case 'clock':
      return cluster.setClock(number, Number.parseInt(variant))
    default:
  }
}

function end({ kind }: PlannedFault, cluster: ChaosCluster, number: number): void {
  const host = cluster.host(number)
  if (kind === 'pause') host.thaw()
  else if (kind === 'disk-full') cluster.disks[number - 1]?.free()
  else if (kind === 'clock') cluster.setClock(number, 0)
  else if (kind === 'power') host.up()
}

/** @param hosts that it befell; left out: none, since they were under other faults */
export function textOf({ kind, atMs, durationMs, variant }: PlannedFault, hosts: readonly number[]): string {
  const what = variant === '' ? kind : `${kind} (${variant})`
  const whom =
    hosts.length === 0 ? 'left out: its hosts are under other faults' : hosts.map(number => `host-${number}`).join(', ')
  return `${(atMs / 1000).toFixed(1).padStart(6)} s  ${what}, ${(durationMs / 1000).toFixed(1)} s: ${whom}`
}

function shuffle(count: number, random: Random): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  for (let at = count - 1; at > 0; at--) {
    const other = random.below(at + 1)
    ;[numbers[at], numbers[other]] = [numbers[other]!, numbers[at]!]
  }
  return numbers
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)]!
}
