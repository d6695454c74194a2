import fc from 'fast-check'
import t from 'tap'
import { MetricRegistry, metricSeriesMax } from '../../runtime/metrics.ts'
import { prometheusText } from '../../runtime/prometheus.ts'
import { SeededRandom } from '../../runtime/random.ts'
import { newSpanContext, parseTraceparent, traceparentOf } from '../../runtime/trace.ts'

t.test('metrics: counters, gauges and histograms of two threads are added up into one Prometheus page', async t => {
  const threads = [1, 2].map(n => {
    const metrics = new MetricRegistry()
    metrics.counter('puts_total', 'Puts', { outcome: 'ok' }).add(n)
    metrics.counter('puts_total', 'Puts', { outcome: 'ok' }).add()
    metrics.gauge('depth', 'Depth').set(n * 10)
    metrics.observe('seen', 'Seen', () => n)
    const histogram = metrics.histogram('put_seconds', 'Time of a "put"\\', [0.1, 1], { level: 'a"b' })
    for (const value of [0.1, 0.5, 7]) histogram.record(value)
    return metrics.snapshot()
  })
  const lines = (await prometheusText(structuredClone(threads), { host: 'h1' })).split('\n')
  for (const line of [
    '# TYPE carillon_puts_total counter',
    'carillon_puts_total{outcome="ok",host="h1"} 5',
    'carillon_depth{host="h1"} 30',
    'carillon_seen{host="h1"} 3',
    '# TYPE carillon_put_seconds histogram',
    'carillon_put_seconds_bucket{host="h1",level="a\\"b",le="0.1"} 2',
    'carillon_put_seconds_bucket{host="h1",level="a\\"b",le="1"} 4',
    'carillon_put_seconds_bucket{host="h1",level="a\\"b",le="+Inf"} 6',
    'carillon_put_seconds_sum{host="h1",level="a\\"b"} 15.2',
    'carillon_put_seconds_count{host="h1",level="a\\"b"} 6'
  ]) {
    t.ok(lines.includes(line), line)
  }
})

t.test('metrics: a label without bounds, or one name for two kinds → an error with a sentence', t => {
  const metrics = new MetricRegistry()
  for (let i = 0; i < metricSeriesMax; i += 1) metrics.counter('x_total', 'X', { id: `${i}` })
  t.throws(() => metrics.counter('x_total', 'X', { id: 'more' }), /its labels are not bounded/)
  t.throws(() => metrics.gauge('x_total', 'X'), /x_total is a counter already, not a gauge/)
  t.end()
})

t.test('trace: a traceparent survives parsing and making; what is none is ignored', t => {
  const random = new SeededRandom(3)
  const root = newSpanContext(random)
  const child = newSpanContext(random, root)
  t.equal(child.traceId, root.traceId)
  t.not(child.spanId, root.spanId)
  t.match(parseTraceparent(traceparentOf(child)), { traceId: child.traceId, spanId: child.spanId, traceFlags: 1 })
  const id = '0af7651916cd43dd8448eb211c80319c'
  for (const bad of [
    '',
    'x',
    `00-${id}-b7ad6b7169203331`,
    `ff-${id}-b7ad6b7169203331-01`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${id}-${'0'.repeat(16)}-01`,
    `00-${id}-b7ad6b7169203331-01-more`,
    `00-${id.toUpperCase()}-b7ad6b7169203331-01`
  ]) {
    t.equal(parseTraceparent(bad), undefined, bad)
  }
  t.ok(parseTraceparent(`01-${id}-b7ad6b7169203331-01-more`), 'a later version may carry more')
  fc.assert(fc.property(fc.string(), text => parseTraceparent(text) === undefined))
  t.end()
})
