import fc from 'fast-check'
import assert from 'node:assert/strict'
import t from 'tap'
import { pairedRatio, ratiosOf } from '../../api/bench/ratios.ts'
import type { BenchRow } from '../../api/bench/row.ts'
import { judgedTargets } from '../../api/bench/targets.ts'
import { promised, round, row } from './bench-rows.ts'

t.test('ratio: of rounds of the same number, their median, least and most', async t => {
  const own = row('carillon', 'put', 64, [round(900), round(1_000), round(3_000)])
  const peer = row('redis', 'put', 64, [round(300), round(1_000), round(1_000)])
  t.same(pairedRatio(own, peer, 'throughput'), { median: 3, min: 1, max: 3 })
  const even = row('redis', 'put', 64, [round(450), round(1_000)])
  t.same(pairedRatio(own, even, 'throughput'), { median: 1.5, min: 1, max: 2 }, 'a round that the other lacks does not count')
  t.equal(pairedRatio(own, row('redis', 'put', 64, [round(300, 1, null)]), 'cpu'), undefined)
  t.equal(pairedRatio(own, row('redis', 'put', 64, [round(0)]), 'throughput'), undefined, 'nothing was done')
  t.equal(pairedRatio(row('carillon', 'put', 64, [round(0, 0)]), own, 'p50'), undefined, 'who does nothing is not quick')
  t.equal(pairedRatio(row('carillon', 'put', 64, [round(0, 0)]), own, 'throughput')?.median, 0)
})

t.test('ratio: median within its spread, and the same whatever the machine does to both alike', async t => {
  const figure = fc.integer({ min: 1, max: 1_000_000 })
  fc.assert(
    fc.property(fc.array(fc.tuple(figure, figure, fc.integer({ min: 1, max: 50 })), { minLength: 1, maxLength: 9 }), pairs => {
      const of = (factor: (slow: number) => number) => {
        const own = row(
          'carillon',
          'get',
          1,
          pairs.map(([a, , slow]) => round(a * factor(slow)))
        )
        const peer = row(
          'etcd',
          'get',
          1,
          pairs.map(([, b, slow]) => round(b * factor(slow)))
        )
        return pairedRatio(own, peer, 'throughput')!
      }
      const { median, min, max } = of(() => 1)
      assert.ok(min <= median && median <= max)
      assert.deepEqual(
        of(slow => slow),
        { median, min, max }
      )
    })
  )
  t.pass('holds')
})

t.test('ratios: the usual mode against each mode of each peer, of the same operation and load', async t => {
  const rows = [
    row('carillon', 'put', 64, [round(1_000, 1, 30), round(1_200, 1, 40)]),
    row('carillon', 'put', 64, [round(5_000)], { mode: 'committed' }),
    row('redis', 'put', 64, [round(500, 4, 60), round(400, 4, 50)], { mode: 'shared connection' }),
    row('redis', 'put', 64, [round(100, 4, null)], { mode: 'connection per client' }),
    row('redis', 'put', 1, [round(10)]),
    row('nats', 'request', 1, [round(10)])
  ]
  t.same(ratiosOf(rows), [
    {
      ...{
        peer: 'redis',
        peer_mode: 'shared connection',
        op: 'put',
        in_flight: 64,
        throughput: 2.5,
        p50: 0.25,
        p99: 0.25,
        cpu: 0.65
      },
      spread: { throughput: [2, 3], p50: [0.25, 0.25], p99: [0.25, 0.25], cpu: [0.5, 0.8] }
    },
    {
      ...{
        peer: 'redis',
        peer_mode: 'connection per client',
        op: 'put',
        in_flight: 64,
        throughput: 10,
        p50: 0.25,
        p99: 0.25,
        cpu: null
      },
      spread: { throughput: [10, 10], p50: [0.25, 0.25], p99: [0.25, 0.25], cpu: null }
    }
  ])
})

const puts = (load: number, throughput: number, more: Partial<BenchRow> = {}) =>
  row('carillon', 'put', load, [round(throughput)], { promised, ...more })
const gets = (load: number, throughput: number, more: Partial<BenchRow> = {}) =>
  row('carillon', 'get', load, [round(throughput)], { promised, ...more })

function outcomes(
  rows: readonly BenchRow[],
  bytes = 100,
  skipped: Parameters<typeof judgedTargets>[2] = []
): Map<string, string> {
  return new Map(
    judgedTargets(rows, bytes, skipped).map(({ what, figure, in_flight, wanted, ratio, outcome, why }) => [
      `${what}, ${in_flight}, ${figure} ${wanted}`,
      why === '' ? `${outcome}: ${ratio}` : `${outcome}: ${why}`
    ])
  )
}

t.test('targets: at the bound they are met, beyond it missed', async t => {
  const etcd = (load: number) => row('etcd', 'put', load, [round(1_000)])
  const found = outcomes([puts(64, 5_000), puts(256, 4_990), etcd(64), etcd(256)])
  t.equal(found.get('flushed put, W=2, against etcd, 64, throughput ≥ 5'), 'met: 5')
  t.equal(found.get('flushed put, W=2, against etcd, 256, throughput ≥ 5'), 'missed: 4.99')
  t.match(found.get('quorum get, R=2, against etcd, 64, throughput ≥ 12'), 'not measured: no gets with N=3, R=2, 64 in flight')
  t.equal(found.get('put, W=2, against NATS JetStream KV, 256, throughput ≥ 3.5'), 'not measured: nats-kv was not asked for')
})

t.test('targets: against Dynomite’s best mode at that load, with the CPU of that mode', async t => {
  const mode = (name: string, throughput: number, cpu: number) =>
    row('dynomite', 'put', 256, [round(throughput, 1, cpu)], { mode: name })
  const own = row('carillon', 'put', 256, [round(80_000, 1, 20)], { promised })
  const found = outcomes([own, mode('connection per client', 24_000, 60), mode('shared connection', 41_000, 40)])
  t.equal(found.get('put, W=2, against Dynomite’s best mode, 256, throughput ≥ 2'), 'missed: 1.95')
  t.equal(found.get('put, W=2, against Dynomite’s best mode, 256, cpu ≤ 0.6'), 'met: 0.5')
})

t.test('targets: each mode of Redis by its name, R=1 by the mode that promises it', async t => {
  const redis = (op: 'put' | 'get', mode: string, throughput: number) => row('redis', op, 256, [round(throughput)], { mode })
  const found = outcomes([
    puts(256, 60_000),
    gets(256, 70_000),
    gets(256, 112_000, { mode: 'R=1', promised: { ...promised, r: 1 } }),
    redis('put', 'connection per client', 20_000),
    redis('put', 'shared connection', 72_000),
    redis('get', 'connection per client', 200_000),
    redis('get', 'shared connection', 100_000)
  ])
  t.equal(found.get('put, W=2, against Redis SET + WAIT 1, a connection per client, 256, throughput ≥ 3'), 'met: 3')
  t.equal(found.get('put, W=2, against Redis SET + WAIT 1, grouped, 256, throughput ≥ 1'), 'missed: 0.833')
  t.equal(found.get('get, R=1, against Redis GET on a shared connection, 256, throughput ≥ 1'), 'met: 1.12')
})

t.test('targets: flushed against committed, whichever of them is the usual one', async t => {
  const committed = { ...promised, durability: 'committed' } as const
  const name = 'flushed puts against committed ones, 64, throughput ≥ 0.9'
  t.equal(outcomes([puts(64, 900), puts(64, 1_000, { mode: 'committed', promised: committed })]).get(name), 'met: 0.9')
  t.equal(outcomes([puts(64, 1_000, { promised: committed }), puts(64, 800, { mode: 'flushed' })]).get(name), 'missed: 0.8')
})

t.test('targets: latencies against the request and reply of the same run', async t => {
  const at = (p50: number) => row('carillon', 'put', 1, [round(1_000, p50)], { promised })
  const request = row('nats', 'request', 1, [round(3_000, 0.3)])
  const name = 'put against one NATS request and reply, 1, p50 ≤ 1.9'
  t.equal(outcomes([at(0.57), request]).get(name), 'met: 1.9')
  t.equal(outcomes([at(0.6), request]).get(name), 'missed: 2')
})

t.test('targets: other promises, other sizes, peers left out → not measured, and why', async t => {
  const etcd = row('etcd', 'put', 64, [round(1_000)])
  const name = 'flushed put, W=2, against etcd, 64, throughput ≥ 5'
  t.equal(
    outcomes([puts(64, 9_000, { promised: { ...promised, w: 1 } }), etcd]).get(name),
    'not measured: no flushed puts with N=3, W=2, 64 in flight'
  )
  const { promised: _, ...unknown } = puts(64, 9_000)
  t.match(outcomes([unknown, etcd]).get(name), 'not measured')
  t.equal(outcomes([puts(64, 9_000), etcd], 1_000).get(name), 'not measured: it is for values of 100 bytes, these are of 1000')
  const skipped = [{ peer: 'etcd', reason: 'no program', is_failure: false }]
  t.equal(outcomes([puts(64, 9_000)], 100, skipped).get(name), 'not measured: etcd was left out')
})
