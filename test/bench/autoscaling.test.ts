import { readFileSync } from 'node:fs'
import t from 'tap'
import { liveThrough, rateAt } from '../../bench/autoscaling/day.ts'
import { dayOptions, hostsFor } from '../../bench/autoscaling/day-options.ts'
import { dayPlot } from '../../bench/autoscaling/day-plot.ts'

const options = dayOptions(100_000, 1.8)
const scaled = liveThrough(options)
const forSpike = liveThrough({ ...options, hosts: hostsFor(options, true) }, false)
const forDay = liveThrough({ ...options, hosts: hostsFor(options, false) }, false)

t.test('autoscaling: a day with a spike → cheaper than hosts for the spike, and hosts enough for all but its begin', async t => {
  t.ok(scaled.hostHours < forSpike.hostHours * 0.6, `${scaled.hostHours} of ${forSpike.hostHours} host-hours`)
  t.ok(scaled.overloadedShare < 0.03)
  t.equal(scaled.minutes.length, 24 * 60)
  t.ok(scaled.minutes.every(({ hosts }) => hosts >= options.settings.hostsMin))
})

t.test('autoscaling: a day without a spike → never more than the hosts can do, out in the morning and in at night', async t => {
  const calm = liveThrough(dayOptions(100_000, 1))
  t.equal(calm.overloadedShare, 0)
  const steps = calm.minutes.filter(({ step }) => step !== 'hold')
  t.ok(
    steps.every(({ step, hour }) => (step === 'grow') === (hour > 4 && hour <= 17)),
    'it does not swing'
  )
})

t.test('autoscaling: traffic is least at 4 and most at 16, and the spike is what it says', async t => {
  t.equal(rateAt(4 * 3_600_000, options), options.quiet)
  t.equal(rateAt(16 * 3_600_000, options), options.busy)
  t.equal(rateAt(12 * 3_600_000, options), 1.8 * rateAt(12 * 3_600_000, { ...options, spike: { ...options.spike, times: 1 } }))
})

t.test('docs/autoscaling.md: table and plot are those of the simulated day', async t => {
  const document = readFileSync('docs/autoscaling.md', 'utf8')
  for (const [what, day] of [
    ['scaled', scaled],
    ['fixed, for the spike', forSpike],
    ['fixed, for the day without it', forDay]
  ] as const) {
    const cells = [
      Math.round(day.hostHours),
      day.hostsMost,
      day.p99Ms95.toFixed(0),
      `${(day.overloadedShare * 100).toFixed(1)} %`
    ]
    t.ok(document.includes(`| ${what} | ${cells.join(' | ')} |`), `| ${what} | ${cells.join(' | ')} |`)
  }
  const plot = dayPlot(scaled, forSpike)
  t.equal(readFileSync('docs/plots/autoscaling.svg', 'utf8'), plot)
  t.notMatch(plot, /NaN|undefined|Infinity/)
})
