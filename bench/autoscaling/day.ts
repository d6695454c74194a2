import { type AutoscaleMemory, type AutoscaleSettings, decide, firstMemory, type Step } from '../../model/autoscale/autoscale.ts'
import type { HostLoad } from '../../model/autoscale/load.ts'
import { planDefaults } from '../scaling/cluster-plan.ts'
import { predict } from '../scaling/prediction.ts'
import { serviceTimes } from '../scaling/service-times.ts'

/** A day to be lived through: what is asked for, and by whom it is carried. */
export interface DayOptions {
  /** Requests a second at the quietest and the busiest time of an ordinary day, half of them gets. */
  readonly quiet: number
  readonly busy: number
  /** From when, in hours, for how long, and how many times as much. */
  readonly spike: { readonly fromHour: number; readonly hours: number; readonly times: number }
  readonly settings: AutoscaleSettings
  readonly periodMs: number
  /** From the order until a host is up with its data, and until one that leaves has given everything away. */
  readonly joinMs: number
  readonly leaveMs: number
  readonly hosts: number
}

export interface Minute {
  readonly hour: number
  readonly rate: number
  readonly hosts: number
  readonly utilisation: number
  readonly p99Ms: number
  readonly step: Step
}

export interface Day {
  readonly minutes: readonly Minute[]
  readonly hostHours: number
  readonly steps: { readonly grow: number; readonly shrink: number }
  /** Share of the requests that came while more was asked than the hosts could do. */
  readonly overloadedShare: number
  /** Of the minutes, weighted by their requests: 95 of 100 were no slower. */
  readonly p99Ms95: number
  readonly hostsMost: number
}

const dayMs = 86_400_000
const hourMs = 3_600_000
const secondsOfPlot = 60
/** What clients wait at most. */
const timeoutMs = 2_000

/** Requests a second at a time of day: least at 4 in the morning, most at 4 in the afternoon. */
export function rateAt(atMs: number, { quiet, busy, spike }: Pick<DayOptions, 'quiet' | 'busy' | 'spike'>): number {
  const hour = (atMs / hourMs) % 24
  const day = quiet + ((busy - quiet) * (1 - Math.cos((2 * Math.PI * (hour - 4)) / 24))) / 2
  const isSpike = hour >= spike.fromHour && hour < spike.fromHour + spike.hours
  return isSpike ? day * spike.times : day
}

/** What so many hosts can do, and the CPU of a request in ms: the model of docs/scaling.md, worked out once for each number. */
function figuresOf(hosts: number): { readonly throughput: number; readonly requestMs: number } {
  let figures = known.get(hosts)
  if (figures === undefined) {
    const { put, get, throughput } = predict({ ...planDefaults, hosts }, serviceTimes)
    const requestMs = (put.hostsUs + put.natsUs + get.hostsUs + get.natsUs) / 2 / 1_000
    known.set(hosts, (figures = { throughput, requestMs }))
  }
  return figures
}

const known = new Map<number, { readonly throughput: number; readonly requestMs: number }>()

/** Requests a second that so many hosts can do at all. */
export function capacityOfHosts(hosts: number): number {
  return figuresOf(hosts).throughput
}

/**
 * 99 of 100 are quicker, in ms: an exponential wait behind one server whose service takes the CPU of a request, twice over for what is
 * waited for at other hosts. A crude model: it has the one thing that matters here, that waits grow without bound as the hosts fill up.
 */
export function p99Of(utilisation: number, hosts: number): number {
  const serviceMs = 2 * figuresOf(hosts).requestMs
  return utilisation >= 1 ? timeoutMs : Math.min(timeoutMs, (serviceMs * Math.log(100)) / (1 - utilisation))
}

/** @param isScaled false: the hosts stay as many as they are */
export function liveThrough(options: DayOptions, isScaled = true): Day {
  const { settings, periodMs, joinMs, leaveMs } = options
  let hosts = options.hosts
  let memory: AutoscaleMemory = firstMemory(settings, 0)
  let moving: { readonly hosts: number; readonly untilMs: number } | undefined
  const minutes: Minute[] = []
  const steps = { grow: 0, shrink: 0 }
  let [hostMs, requests, overloaded] = [0, 0, 0]
  for (let atMs = 0; atMs < dayMs; atMs += periodMs) {
    if (moving !== undefined && atMs >= moving.untilMs) {
      hosts = moving.hosts
      moving = undefined
    }
    const rate = rateAt(atMs, options)
    const utilisation = rate / capacityOfHosts(hosts)
    const p99Ms = p99Of(utilisation, hosts)
    // One that comes has to be paid for before it carries anything.
    hostMs += Math.max(hosts, moving?.hosts ?? 0) * periodMs
    requests += rate * periodMs
    if (utilisation > 1) overloaded += rate * periodMs
    let step: Step = 'hold'
    if (isScaled) {
      const load: HostLoad = {
        requestsPerSecond: rate / hosts,
        refusedPerSecond: utilisation > 1 ? (rate - capacityOfHosts(hosts)) / hosts : 0,
        cpu: Math.min(1, utilisation),
        p99Ms,
        disk: 0
      }
      const members = Array.from({ length: hosts }, (_, at) => ({ name: `host-${at + 1}`, isUp: true, load }))
      const decision = decide(settings, memory, {
        atMs,
        hosts: members,
        needed: planDefaults.replicas,
        isMoving: moving !== undefined
      })
      memory = decision.memory
      step = decision.step
      if (step === 'grow' || step === 'shrink') {
        steps[step]++
        moving = step === 'grow' ? { hosts: hosts + 1, untilMs: atMs + joinMs } : { hosts: hosts - 1, untilMs: atMs + leaveMs }
      }
    }
    if (atMs % (secondsOfPlot * 1_000) < periodMs) minutes.push({ hour: atMs / hourMs, rate, hosts, utilisation, p99Ms, step })
  }
  return {
    minutes,
    hostHours: hostMs / hourMs,
    steps,
    overloadedShare: overloaded / requests,
    p99Ms95: weightedQuantile(minutes, 0.95),
    hostsMost: Math.max(...minutes.map(minute => minute.hosts))
  }
}

function weightedQuantile(minutes: readonly Minute[], share: number): number {
  const sorted = [...minutes].sort((a, b) => a.p99Ms - b.p99Ms)
  const total = sorted.reduce((sum, { rate }) => sum + rate, 0)
  let below = 0
  for (const { rate, p99Ms } of sorted) {
    below += rate
    if (below >= total * share) return p99Ms
  }
  return sorted.at(-1)?.p99Ms ?? 0
}
