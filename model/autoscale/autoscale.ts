import type { HostLoad } from './load.ts'

/** Targets are for a host that is as busy as it should be at most. 0: no target. */
export interface AutoscaleTargets {
  /** Share of the cores. */
  readonly cpu: number
  readonly requestsPerSecond: number
  readonly p99Ms: number
  /** Share of the disk. */
  readonly disk: number
}

export interface AutoscaleSettings {
  readonly hostsMin: number
  readonly hostsMax: number
  readonly targets: AutoscaleTargets
  /** A host less must leave the others below this share of their targets: what lies between it and 1 is where nothing is done. */
  readonly shrinkBelow: number
  /** Looks in a row that must say the same before anything is done. */
  readonly growLooks: number
  readonly shrinkLooks: number
  /** After a change has ended, and after one was asked for in vain. */
  readonly cooldownMs: number
  /** So long a host that was asked for may take to appear. */
  readonly waitMs: number
  /** So long it does not submit again what an operator has aborted. */
  readonly vetoMs: number
}

/** One look at the cluster. */
export interface Observation {
  readonly atMs: number
  /** All members. */
  readonly hosts: readonly ObservedHost[]
  /** The most replicas that any bucket asks for. */
  readonly needed: number
  /** A change of the ring is under way. */
  readonly isMoving: boolean
  /** The plan that is there, its own or an operator's, as a sentence's end; undefined: there is none. */
  readonly plan?: string | undefined
}

export interface ObservedHost {
  readonly name: string
  /** It has its place on the ring, and nobody doubts that it lives. */
  readonly isUp: boolean
  /** It has come, and is nobody's owner until a plan lets it join: neither one host more nor one that is away. */
  readonly isWaiting?: boolean
  /** undefined: it did not say, or has been up for too short a time. */
  readonly load: HostLoad | undefined
}

/** What is remembered from one look to the next. */
export interface AutoscaleMemory {
  readonly growing: number
  readonly shrinking: number
  /** Nothing is done before. */
  readonly restUntilMs: number
  /** What was asked for and has not come about: hosts there shall be, and by when. */
  readonly wanted: { readonly hosts: number; readonly untilMs: number } | undefined
  /** An operator has aborted what it submitted: nobody joins, or leaves, before. */
  readonly vetoed: { readonly joinUntilMs: number; readonly leaveUntilMs: number }
}

/** `join`: one that waits takes its place. `grow`: whoever starts hosts is asked for one. */
export type Step = 'hold' | 'grow' | 'join' | 'shrink'

export interface Decision {
  readonly step: Step
  /** A sentence's end, with the figures that decided. */
  readonly why: string
  /** How much of its target the most used resource uses: 1 is all of it. undefined where it is not known. */
  readonly pressure: number | undefined
  /** Whom to let in, or go. */
  readonly host: string | undefined
  readonly memory: AutoscaleMemory
}

/** A new autoscaler rests first: the one before it may have done something a moment ago. */
export function firstMemory(settings: AutoscaleSettings, atMs: number): AutoscaleMemory {
  return { growing: 0, shrinking: 0, restUntilMs: atMs + settings.cooldownMs, wanted: undefined, vetoed: noVeto }
}

const noVeto = Object.freeze({ joinUntilMs: 0, leaveUntilMs: 0 })

/**
 * An operator has taken back what it submitted: that is not submitted again for a while, whatever the load is. The other way is open.
 * @param step which was aborted
 */
export function vetoed(
  settings: AutoscaleSettings,
  before: AutoscaleMemory,
  step: 'join' | 'shrink',
  atMs: number
): AutoscaleMemory {
  const untilMs = atMs + settings.vetoMs
  const kept = step === 'join' ? { ...before.vetoed, joinUntilMs: untilMs } : { ...before.vetoed, leaveUntilMs: untilMs }
  return { ...before, wanted: undefined, restUntilMs: Math.max(before.restUntilMs, atMs + settings.cooldownMs), vetoed: kept }
}

/**
 * One host more, one less, or neither.
 *
 * It grows when some resource was above its target for `growLooks` in a row, and shrinks when every resource, shared by one host less, would
 * have been below `shrinkBelow` of it for `shrinkLooks`. So a load that stays the same never makes it go out and in again. It does nothing while
 * there is a plan, while a host is away or not up, while the ring changes, while what it asked for has not come, and for a while after each step.
 * Where a host waits to be let in, that one joins before another is asked for; and nobody leaves, since whoever takes hosts away might take
 * that one.
 */
export function decide(settings: AutoscaleSettings, before: AutoscaleMemory, seen: Observation): Decision {
  const { atMs } = seen
  const hosts = seen.hosts.filter(({ isWaiting }) => isWaiting !== true)
  const waiting = firstOf(seen.hosts.filter(({ isWaiting }) => isWaiting === true))
  const least = Math.max(settings.hostsMin, seen.needed)
  const most = Math.max(settings.hostsMax, least)
  const reset = { ...before, growing: 0, shrinking: 0 }
  const hold = (why: string, memory: AutoscaleMemory, pressure?: number): Decision => ({
    step: 'hold',
    why,
    pressure,
    host: undefined,
    memory
  })
  const unsettled = unsettledOf(seen)
  // Whatever is under way now: the rest after it begins when it has ended.
  if (unsettled !== undefined)
    return hold(unsettled, { ...reset, restUntilMs: Math.max(before.restUntilMs, atMs + settings.cooldownMs) })
  const { wanted, vetoed } = before
  const joined = (why: string, name: string, pressure?: number): Decision => {
    const wantedThen = { hosts: hosts.length + 1, untilMs: atMs + settings.waitMs }
    const memory = { ...reset, restUntilMs: atMs + settings.cooldownMs, wanted: wantedThen }
    return { step: 'join', why, pressure, host: name, memory }
  }
  if (wanted !== undefined && hosts.length < wanted.hosts && waiting !== undefined && atMs >= vetoed.joinUntilMs)
    return joined(`${wanted.hosts} hosts are wanted, and ${waiting} has come`, waiting)
  if (wanted !== undefined && hosts.length !== wanted.hosts) {
    if (atMs < wanted.untilMs) return hold(`waits for ${wanted.hosts} hosts, there are ${hosts.length}`, reset)
    return hold(`${wanted.hosts} hosts did not come about`, {
      ...reset,
      wanted: undefined,
      restUntilMs: atMs + settings.cooldownMs
    })
  }
  const known: AutoscaleMemory = { ...before, wanted: undefined }
  const loads = hosts.flatMap(({ load }) => (load === undefined ? [] : [load]))
  if (loads.length < hosts.length)
    return hold(`${hosts.length - loads.length} hosts have not said how busy they are`, { ...known, growing: 0, shrinking: 0 })
  const { pressure, of } = pressureOf(settings.targets, loads)
  const text = `${of} at ${Math.round(pressure * 100)} % of its target on ${hosts.length} hosts`
  const isTooFew = hosts.length < least
  const isTooMany = hosts.length > most
  const wouldBe = (pressure * hosts.length) / Math.max(1, hosts.length - 1)
  const memory: AutoscaleMemory = {
    ...known,
    growing: isTooFew || (pressure > 1 && !isTooMany) ? before.growing + 1 : 0,
    shrinking: isTooMany || (wouldBe < settings.shrinkBelow && !isTooFew) ? before.shrinking + 1 : 0
  }
  if (atMs < before.restUntilMs) return hold(`rests; ${text}`, memory, pressure)
  const done = (hostsThen: number): AutoscaleMemory => ({
    ...known,
    growing: 0,
    shrinking: 0,
    restUntilMs: atMs + settings.cooldownMs,
    wanted: { hosts: hostsThen, untilMs: atMs + settings.waitMs }
  })
  if (memory.growing >= settings.growLooks) {
    if (hosts.length >= most) return hold(`${text}, and there are ${most} hosts, which is the most`, memory, pressure)
    const why = isTooFew ? `there are ${hosts.length} hosts, and ${least} is the least` : text
    if (atMs < vetoed.joinUntilMs) return hold(`an operator has aborted a join; ${text}`, memory, pressure)
    if (waiting !== undefined) return joined(why, waiting, pressure)
    return { step: 'grow', why, pressure, host: undefined, memory: done(hosts.length + 1) }
  }
  if (memory.shrinking >= settings.shrinkLooks && hosts.length > least) {
    const why = isTooMany ? `there are ${hosts.length} hosts, and ${most} is the most` : text
    if (atMs < vetoed.leaveUntilMs) return hold(`an operator has aborted a leave; ${text}`, memory, pressure)
    if (waiting !== undefined) return hold(`${waiting} waits to join, so nobody leaves; ${text}`, memory, pressure)
    return { step: 'shrink', why, pressure, host: lastOf(hosts), memory: done(hosts.length - 1) }
  }
  return hold(text, memory, pressure)
}

function unsettledOf({ hosts, isMoving, plan }: Observation): string | undefined {
  if (plan !== undefined) return plan
  const away = hosts.find(({ isUp, isWaiting }) => !isUp && isWaiting !== true)
  if (hosts.length === 0) return 'knows no hosts'
  if (away !== undefined) return `${away.name} is not up`
  return isMoving ? 'the ring changes' : undefined
}

/** Means over the hosts, but for disks: a full one is full. What mailboxes refuse is above any target. */
function pressureOf(targets: AutoscaleTargets, loads: readonly HostLoad[]): { pressure: number; of: string } {
  const mean = (of: (load: HostLoad) => number): number => loads.reduce((sum, load) => sum + of(load), 0) / loads.length
  const most = (of: (load: HostLoad) => number): number => Math.max(...loads.map(of))
  const share = (value: number, target: number): number => (target > 0 ? value / target : 0)
  const uses: readonly (readonly [string, number])[] = [
    [
      'CPU',
      share(
        mean(load => load.cpu),
        targets.cpu
      )
    ],
    [
      'the rate of requests',
      share(
        mean(load => load.requestsPerSecond),
        targets.requestsPerSecond
      )
    ],
    // The slowest host is what clients wait for.
    [
      'p99',
      share(
        most(load => load.p99Ms),
        targets.p99Ms
      )
    ],
    [
      'disk',
      share(
        most(load => load.disk),
        targets.disk
      )
    ],
    ['what is refused', mean(load => load.refusedPerSecond) > 0 ? refusalPressure : 0]
  ]
  return uses.reduce<{ pressure: number; of: string }>(
    (top, [of, pressure]) => (pressure > top.pressure ? { pressure, of } : top),
    { pressure: 0, of: uses[0]![0] }
  )
}

const refusalPressure = 1.5

/** Of names with a number the highest: what a StatefulSet takes away first, and what a local cluster started last. */
export function lastOf(hosts: readonly Pick<ObservedHost, 'name'>[]): string | undefined {
  return ordered(hosts).at(-1)
}

function firstOf(hosts: readonly ObservedHost[]): string | undefined {
  return ordered(hosts)[0]
}

function ordered(hosts: readonly Pick<ObservedHost, 'name'>[]): string[] {
  const ordinal = (name: string): number => Number(/([0-9]{1,9})$/.exec(name)?.[1] ?? -1)
  const order = (a: string, b: string): number => ordinal(a) - ordinal(b) || (a < b ? -1 : a > b ? 1 : 0)
  return hosts.map(({ name }) => name).sort(order)
}
