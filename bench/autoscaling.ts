import { writeFileSync } from 'node:fs'
import { liveThrough } from './autoscaling/day.ts'
import { dayOptions, hostsFor } from './autoscaling/day-options.ts'
import { dayPlot } from './autoscaling/day-plot.ts'
import { ask } from './question.ts'

/*
 * `node build/bench/autoscaling.js [--busy 100000] [--spike 1.8] [--plot FILE] [--json]`: the autoscaler's own decision, on a day of
 * traffic with a spike, beside clusters that stay as they are. Nothing is measured: what hosts can do is the model of docs/scaling.md.
 */
await ask('What would a day cost with and without the autoscaler, and how slow would it be?', async bench => {
  const options = dayOptions(bench.option('busy', 100_000), bench.option('spike', 1.8))
  const scaled = liveThrough(options)
  const forSpike = liveThrough({ ...options, hosts: hostsFor(options, true) }, false)
  const forDay = liveThrough({ ...options, hosts: hostsFor(options, false) }, false)
  for (const [what, day] of [
    ['scaled', scaled],
    ['fixed, for the spike', forSpike],
    ['fixed, for the day without it', forDay]
  ] as const)
    bench.row({
      what,
      host_hours: day.hostHours,
      hosts_most: day.hostsMost,
      grown: day.steps.grow,
      shrunk: day.steps.shrink,
      p99_ms_95: day.p99Ms95,
      overloaded_percent: day.overloadedShare * 100
    })
  const at = process.argv.indexOf('--plot')
  if (at >= 0) writeFileSync(process.argv[at + 1]!, dayPlot(scaled, forSpike))
})
