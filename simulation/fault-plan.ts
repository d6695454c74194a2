import type { Random } from '../runtime/random.ts'

/** Everything that can go wrong, by the name that `--faults` takes. */
export const faultKinds = Object.freeze([
  'delay',
  'loss',
  'duplication',
  'reordering',
  'cut',
  'partition',
  'dc-cut',
  'kill',
  'power',
  'thread',
  'pause',
  'skew',
  'disk-full',
  'disk-failing',
  'join',
  'leave',
  'remove',
  'replace',
  'weight',
  'wipe',
  'restore',
  'corrupt'
] as const)

export type FaultKind = (typeof faultKinds)[number]

/** One thing that goes wrong, from `atMs` on for `lastsMs`. Plain data: it can be printed, kept and left out. */
export type PlannedFault = { readonly atMs: number; readonly lastsMs: number } & (
  | {
      /** One link, one way. `amount`: added milliseconds at most, or a chance. */
      readonly kind: 'delay' | 'loss' | 'duplication' | 'reordering'
      readonly from: string
      readonly to: string
      readonly amount: number
    }
  /** Nothing passes, one way. */
  | { readonly kind: 'cut'; readonly from: string; readonly to: string }
  /** Nothing passes from one group to another. `isOneWay`: from the first to the others only. */
  | { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[]; readonly isOneWay: boolean }
  /** Nothing passes between datacenters; within each all is well. */
  | { readonly kind: 'dc-cut'; readonly groups: readonly (readonly string[])[]; readonly isOneWay: boolean }
  /** The process dies; the power fails, and what was not flushed is lost. It starts again when the fault is over. */
  | { readonly kind: 'kill' | 'power'; readonly host: string }
  /** The machine dies, and comes back under its name and address with an empty disk, as another host. */
  | { readonly kind: 'wipe'; readonly host: string }
  /** The disk goes back to what it was `ageMs` before. */
  | { readonly kind: 'restore'; readonly host: string; readonly ageMs: number }
  | { readonly kind: 'pause' | 'disk-full' | 'disk-failing'; readonly host: string }
  /** The wall clock of a host is wrong by so much. */
  | { readonly kind: 'skew'; readonly host: string; readonly offsetMs: number }
  /** One of its threads dies and is started again. */
  | { readonly kind: 'thread'; readonly host: string; readonly thread: string }
  /** Bits of so many records flip. */
  | { readonly kind: 'corrupt'; readonly host: string; readonly records: number }
  /** A new host joins. */
  | { readonly kind: 'join' }
  /** A host is told to leave; `isTakenBack`: and when the fault is over, to stay. */
  | { readonly kind: 'leave'; readonly host: string; readonly isTakenBack: boolean }
  /** A machine dies, and the others are told to remove its host. Where they have not done so in time, it is started again. */
  | {
      readonly kind: 'remove'
      readonly host: string
      /** A newcomer takes its place, rather than the others. */
      readonly hasSuccessor?: boolean
    }
  /** A newcomer takes the place of a host that lives; another weight is given to one: by plans that may be paused, or aborted. */
  | { readonly kind: 'replace'; readonly host: string; readonly isPaused: boolean; readonly isAborted: boolean }
  | {
      readonly kind: 'weight'
      readonly host: string
      readonly weight: number
      readonly isPaused: boolean
      readonly isAborted: boolean
    }
)

export interface PlanBounds {
  readonly hosts: readonly string[]
  /** The hosts of each datacenter; left out: there is one. */
  readonly datacenters?: readonly (readonly string[])[]
  readonly threads: number
  readonly fromMs: number
  readonly untilMs: number
}

/** Faults of each kind, for each minute; at least one. */
const perMinute: Readonly<Record<FaultKind, number>> = Object.freeze({
  delay: 3,
  loss: 4,
  duplication: 2,
  reordering: 2,
  cut: 3,
  partition: 3,
  'dc-cut': 2,
  kill: 4,
  power: 3,
  thread: 3,
  pause: 3,
  skew: 2,
  'disk-full': 1,
  'disk-failing': 1,
  join: 0,
  leave: 0,
  remove: 0,
  replace: 0,
  weight: 0,
  wipe: 0,
  restore: 0,
  corrupt: 0
})

/**
 * What destroys data that was acknowledged. A run has one of them at most: what two of three replicas hold survives the loss of one.
 */
const destructive: readonly FaultKind[] = ['wipe', 'restore', 'corrupt', 'remove']

const joinsMax = 2
const leavesMax = 2
const replacementsMax = 1
const weightsMax = 2
const hourMs = 3_600_000

/** Draw a plan. The same dice, kinds and bounds give the same plan. */
export function drawFaults(kinds: readonly FaultKind[], bounds: PlanBounds, random: Random): PlannedFault[] {
  const faults: PlannedFault[] = []
  const minutes = (bounds.untilMs - bounds.fromMs) / 60_000
  const losing = destructive.filter(kind => kinds.includes(kind))
  const lost = losing.length === 0 ? undefined : losing[random.fork('destructive').below(losing.length)]
  for (const kind of faultKinds) {
    if (!kinds.includes(kind)) continue
    // Dice of its own for each kind: leaving one out of the list leaves the others as they were.
    const dice = random.fork(kind)
    const usual = perMinute[kind] * minutes
    let count = Math.floor(usual * 2 * dice.next()) + (usual > 0 && dice.next() < 0.5 ? 1 : 0)
    if (kind === 'dc-cut' && (bounds.datacenters?.length ?? 1) < 2) count = 0
    if (kind === 'join') count = dice.below(joinsMax + 1)
    if (kind === 'leave') count = dice.below(leavesMax + 1)
    if (kind === 'replace') count = dice.below(replacementsMax + 1)
    if (kind === 'weight') count = dice.below(weightsMax + 1)
    if (destructive.includes(kind)) count = kind === lost ? 1 : 0
    for (let drawn = 0; drawn < count; drawn++) faults.push(drawFault(kind, bounds, dice))
  }
  return faults.sort((a, b) => a.atMs - b.atMs)
}

function drawFault(kind: FaultKind, bounds: PlanBounds, dice: Random): PlannedFault {
  const { hosts, threads, fromMs, untilMs } = bounds
  const atMs = Math.floor(fromMs + dice.next() * (untilMs - fromMs))
  // Mostly short, now and then long.
  const lastsMs = Math.floor(Math.min(untilMs - atMs, 200 + (dice.next() < 0.3 ? 15_000 : 3_000) * dice.next()))
  const times = { atMs, lastsMs }
  const host = hosts[dice.below(hosts.length)]!
  const to = hosts[(hosts.indexOf(host) + 1 + dice.below(Math.max(1, hosts.length - 1))) % hosts.length]!
  switch (kind) {
    case 'delay':
      return { kind, ...times, from: host, to, amount: Math.floor(10 + 490 * dice.next() ** 2) }
    case 'loss':
    case 'duplication':
    case 'reordering':
      return { kind, ...times, from: host, to, amount: Math.round(100 * (0.05 + 0.45 * dice.next())) / 100 }
    case 'cut':
      return { kind, ...times, from: host, to }
    case 'partition': {
      const order = hosts.map(name => ({ name, at: dice.next() })).sort((a, b) => a.at - b.at)
      const size = 1 + dice.below(Math.max(1, hosts.length - 1))
      const groups = [order.slice(0, size), order.slice(size)].map(group => group.map(({ name }) => name))
      return { kind, ...times, groups, isOneWay: dice.next() < 0.25 }
    }
    case 'dc-cut':
      return { kind, ...longer(times, untilMs, dice), groups: bounds.datacenters ?? [], isOneWay: dice.next() < 0.2 }
    case 'skew':
      return { kind, ...times, host, offsetMs: Math.round((2 * dice.next() - 1) * hourMs) }
    case 'thread':
      return { kind, ...times, host, thread: dice.next() < 0.3 ? 'system' : `data-${dice.below(threads)}` }
    case 'corrupt':
      return { kind, ...times, host, records: 1 + dice.below(5) }
    case 'restore':
      return { kind, ...times, host, ageMs: Math.floor(dice.next() * (atMs - fromMs)) }
    case 'join':
      return { kind, ...times }
    case 'leave':
      return { kind, ...longer(times, untilMs, dice), host, isTakenBack: dice.next() < 0.3 }
    case 'remove':
      return { kind, ...longer(times, untilMs, dice), host, ...(dice.next() < 0.4 ? { hasSuccessor: true } : {}) }
    case 'replace':
      return { kind, ...longer(times, untilMs, dice), host, isPaused: dice.next() < 0.3, isAborted: dice.next() < 0.3 }
    case 'weight': {
      const weight = Math.round(100 * 2 ** (4 * dice.next() - 2)) / 100
      return { kind, ...longer(times, untilMs, dice), host, weight, isPaused: dice.next() < 0.3, isAborted: dice.next() < 0.3 }
    }
    default:
      return { kind, ...times, host }
  }
}

/** What takes the hosts a while. */
function longer({ atMs }: { readonly atMs: number }, untilMs: number, dice: Random): { atMs: number; lastsMs: number } {
  return { atMs, lastsMs: Math.floor(Math.min(untilMs - atMs, 5_000 + 55_000 * dice.next())) }
}

/** A fault in a line, for people. */
export function faultText(fault: PlannedFault): string {
  const { atMs, lastsMs, kind, ...rest } = fault
  const details = Object.entries(rest).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`
  )
  return `${(atMs / 1000).toFixed(3)} s ${kind}${details.length === 0 ? '' : `: ${details.join(', ')}`}; for ${(lastsMs / 1000).toFixed(3)} s`
}
