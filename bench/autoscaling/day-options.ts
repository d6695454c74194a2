import { capacityOfHosts, type DayOptions, rateAt } from './day.ts'

const quietShare = 0.25
const minuteMs = 60_000

/** An ordinary day with a spike at noon; settings as hosts have them by default, with room to grow. */
export function dayOptions(busy: number, spikeTimes: number): DayOptions {
  const options: DayOptions = {
    quiet: busy * quietShare,
    busy,
    spike: { fromHour: 12, hours: 1.5, times: spikeTimes },
    settings: {
      hostsMin: 3,
      hostsMax: 200,
      targets: { cpu: 0.6, requestsPerSecond: 0, p99Ms: 0, disk: 0.7 },
      shrinkBelow: 0.7,
      growLooks: 3,
      shrinkLooks: 12,
      cooldownMs: 2 * minuteMs,
      waitMs: 15 * minuteMs,
      vetoMs: 15 * minuteMs
    },
    periodMs: 5_000,
    joinMs: 2 * minuteMs,
    leaveMs: 2 * minuteMs,
    hosts: 3
  }
  return { ...options, hosts: fewest(options, rateAt(0, options)) }
}

/** The fewest hosts that keep to their target of CPU at the busiest time. @param isWithSpike of the whole day */
export function hostsFor(options: DayOptions, isWithSpike: boolean): number {
  const day = isWithSpike ? options : { ...options, spike: { ...options.spike, times: 1 } }
  let most = 0
  for (let atMs = 0; atMs < 24 * 60 * minuteMs; atMs += minuteMs) most = Math.max(most, rateAt(atMs, day))
  return fewest(options, most)
}

function fewest({ settings }: DayOptions, rate: number): number {
  let hosts = settings.hostsMin
  while (rate / capacityOfHosts(hosts) > settings.targets.cpu && hosts < settings.hostsMax) hosts++
  return hosts
}
