import fc from 'fast-check'
import assert from 'node:assert/strict'
import t from 'tap'
import { plotSvg, tickStep } from '../../api/bench/plot.ts'
import { ratiosOf } from '../../api/bench/ratios.ts'
import type { BenchReport } from '../../api/bench/report.ts'
import { markdownBench } from '../../api/bench/report-markdown.ts'
import { formatBench } from '../../api/bench/report-text.ts'
import { judgedTargets } from '../../api/bench/targets.ts'
import { promised, round, row } from './bench-rows.ts'

const rows = [
  row('carillon', 'put', 64, [round(1_000)], { promised }),
  row('redis', 'put', 64, [round(500)], {
    ...{ mode: 'shared <connection>', in_flight: null, rate: 5_000, errors: 3, errors_by_code: { timeout: 3 } },
    cpu_us_per_op: { client: 1, hosts: null, nats: null, peer: 30 }
  }),
  row('nats', 'request', 1, [round(3_000)])
]
const skipped = [{ peer: 'etcd', reason: 'etcd is not on the PATH', is_failure: false }]
const report: BenchReport = {
  machine: { cpu: 'a "CPU"', cores: 2, memory_gb: 4, os: 'Linux', node: '20' },
  ...{ value_bytes: 100, keys: 10_000, zipf: 0.99, seconds: 5, rounds: 3 },
  systems: [
    { system: 'carillon', version: '1', less: '' },
    { system: 'redis', version: '7.0', less: 'forgets' }
  ],
  rows,
  skipped,
  ratios: ratiosOf([rows[0]!, row('redis', 'put', 64, [round(500, 4, null)])]),
  targets: judgedTargets(rows, 100, skipped)
}

t.test('report: tables for people', async t => {
  const text = formatBench(report)
  for (const part of ['2 × a "CPU"', 'zipf 0.99', '1,000', '5,000/s', '3 timeout', '–', 'carillon ÷ peer', '2 ×', '30.0'])
    t.match(text, part)
  for (const part of ['redis 7.0: forgets', 'etcd was left out: etcd is not on the PATH', 'not measured: etcd was left out'])
    t.match(text, part)
})

t.test('markdown: the same tables, each line with as many cells as its head', async t => {
  const text = markdownBench(report)
  for (const part of ['redis 7.0', '| 1,000 |', '5,000/s', '- redis forgets.', '- etcd was left out: etcd is not on the PATH.'])
    t.match(text, part)
  const tables = text.split('\n\n').filter(part => part.startsWith('|'))
  t.equal(tables.length, 3)
  for (const each of tables) {
    const cells = each
      .split('\n')
      .filter(line => line !== '')
      .map(line => line.replaceAll('\\|', '').split('|').length)
    t.equal(new Set(cells).size, 1, each.slice(0, 40))
  }
})

t.test('plot: every system, operation and load in well-formed SVG, for light and dark', async t => {
  const svg = plotSvg(report)
  for (const part of [
    '<svg xmlns=',
    'viewBox=',
    'prefers-color-scheme: dark',
    'operations per second',
    'put, 64 in flight',
    'put, 5000 per second'
  ])
    t.match(svg, part)
  t.match(svg, 'redis, shared &lt;connection&gt;')
  t.match(svg, 'a &quot;CPU&quot;')
  t.notMatch(svg, /NaN|Infinity|undefined|request/)
  const open: string[] = []
  for (const [, end, name, alone] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (end === '/') t.equal(open.pop(), name)
    else if (alone !== '/') open.push(name!)
  }
  t.same(open, [])
  t.match(plotSvg({ ...report, rows: [] }), '</svg>', 'nothing was measured')
})

t.test('plot: ticks are 1, 2 or 5 times a power of ten, about five of them', async t => {
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 1e9, noNaN: true }), most => {
      const step = tickStep(most)
      assert.match(step.toExponential(3), /^(1|2|5)\.000e/)
      assert.ok(step * 5 >= most * 0.999 && step * 2 <= most * 1.001)
    })
  )
  t.equal(tickStep(0), 1)
})
