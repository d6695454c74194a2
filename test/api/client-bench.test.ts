import t from 'tap'
import { build } from 'hdr-histogram-js'
import { benchPlan, type BenchOptions } from '../../api/bench/bench-options.ts'
import { runBench } from '../../api/bench/bench.ts'
import { isLoopback } from '../../api/bench/carillon-target.ts'
import { drive, type LoadClock } from '../../api/bench/load.ts'
import { cpuPerOperation, readCpu, statOf, withDescendants } from '../../api/bench/process-cpu.ts'
import { cpuSum, formatBench, medianBy, percentileMs, ratiosOf, type BenchReport, type BenchRow } from '../../api/bench/report.ts'
import type { Target } from '../../api/bench/target.ts'
import { keysOf, uniformKeys, valuesOf, zipfKeys } from '../../api/bench/workload.ts'
import { SeededRandom } from '../../runtime/random.ts'

const cpu = { client: 10, hosts: 20, nats: 5 }
const row: BenchRow = {
  system: 'carillon',
  promise: 'W=2',
  op: 'put',
  in_flight: 64,
  rate: null,
  throughput: 1_000,
  p50_ms: 1,
  p90_ms: 1.5,
  p99_ms: 2,
  p999_ms: 3,
  max_ms: 4,
  cpu_us_per_op: cpu,
  operations: 5_000,
  errors: 0,
  errors_by_code: {},
  throughput_of_rounds: [900, 1_000, 1_100]
}

/** Time that goes on by `stepMs` with each turn. */
function turns(stepMs: number): LoadClock & { waits: (() => boolean)[] } {
  let nowMs = 0
  const waits: (() => boolean)[] = []
  return {
    waits,
    now: () => nowMs,
    async turn() {
      await new Promise(resolve => setImmediate(resolve))
      nowMs += stepMs
      for (const wait of waits.splice(0)) if (!wait()) waits.push(wait)
    }
  }
}

t.test('zipf: the first key has its share, all keys are in range, the skew falls off', async t => {
  const random = new SeededRandom(7)
  const count = 1_000
  const choose = zipfKeys(count, 0.99, () => random.next())
  const hits = new Array<number>(count).fill(0)
  const draws = 200_000
  for (let draw = 0; draw < draws; draw += 1) hits[choose()]! += 1
  t.equal(hits.length, count)
  let zeta = 0
  for (let rank = 1; rank <= count; rank += 1) zeta += 1 / rank ** 0.99
  for (const rank of [1, 2]) {
    const expected = draws / rank ** 0.99 / zeta
    t.ok(Math.abs(hits[rank - 1]! - expected) < expected * 0.1, `rank ${rank}: ${hits[rank - 1]} against ${Math.round(expected)}`)
  }
  t.ok(hits[0]! > hits[9]! && hits[9]! > hits[99]!)
  t.equal(zipfKeys(1, 0.5, () => 0.9)(), 0)
  t.throws(() => zipfKeys(10, 1, Math.random))
})

t.test('workload: uniform keys are in range and spread; values have their size and differ', async t => {
  const random = new SeededRandom(8)
  const choose = uniformKeys(10, () => random.next())
  const hits = new Set(Array.from({ length: 200 }, choose))
  t.same([...hits].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  const value = valuesOf(100, () => random.next())
  const [first, second] = [value(), value()]
  t.equal(first.length, 100)
  t.notSame(first, second)
  t.equal(valuesOf(0, Math.random)().length, 0)
  t.equal(new Set(keysOf(100)).size, 100)
})

t.test('closed loop: so many under way and no more, errors by code, what ends after the time does not count', async t => {
  const clock = turns(1)
  let underWay = 0
  let most = 0
  let calls = 0
  const work = async () => {
    calls += 1
    if (calls % 5 === 0) throw Object.assign(new Error('no'), { code: 'overloaded' })
    underWay += 1
    most = Math.max(most, underWay)
    await clock.turn()
    underWay -= 1
  }
  const result = await drive(work, { inFlight: 4, rate: 0, seconds: 0.2 }, clock)
  t.equal(most, 4)
  t.equal(result.errors.get('overloaded'), Math.floor(calls / 5))
  t.ok(result.operations >= calls - Math.floor(calls / 5) - 4)
  t.equal(result.seconds, 0.2)
})

t.test('open loop: a stall counts for everything that should have started meanwhile', async t => {
  const clock = turns(1)
  const stallFromMs = 50
  const stallToMs = 150
  // Answers at once, but between 50 and 150 ms not before 150.
  const work = () =>
    new Promise<void>(resolve => {
      const isStalled = clock.now() >= stallFromMs && clock.now() < stallToMs
      if (!isStalled) resolve()
      else clock.waits.push(() => clock.now() >= stallToMs && (resolve(), true))
    })
  const result = await drive(work, { inFlight: 1, rate: 1_000, seconds: 0.3 }, clock)
  t.ok(Math.abs(result.operations - 300) <= 3, `${result.operations} operations`)
  t.ok(percentileMs(result.latencies, 100) >= 99)
  t.ok(percentileMs(result.latencies, 80) >= 30, 'a third waited, not one alone')
  t.ok(percentileMs(result.latencies, 50) <= 3)
})

t.test('load: stopped from outside, it ends', async t => {
  let stop = false
  const clock = turns(1)
  const result = await drive(
    async () => {
      await clock.turn()
      stop = clock.now() > 20
    },
    { inFlight: 2, rate: 0, seconds: 100 },
    clock,
    () => stop
  )
  t.ok(result.seconds < 1)
})

t.test('cpu: a line of /proc is read whatever the command is called', async t => {
  const line = '42 (a (b) c) S 7 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 11 0 100 1 1'
  t.same(statOf(line), { pid: 42, command: 'a (b) c', parent: 7, cpuMicroseconds: 2_000_000 })
  t.equal(statOf(''), undefined)
  t.equal(statOf('no process'), undefined)
})

t.test('cpu: what hosts started is theirs, their nats-servers apart', async t => {
  const of = (pid: number, parent: number, command: string) => ({ pid, parent, command, cpuMicroseconds: 0 })
  const all = [
    of(1, 0, 'init'),
    of(10, 1, 'node'),
    of(11, 10, 'sh'),
    of(12, 11, 'nats-server'),
    of(20, 1, 'node'),
    of(21, 20, 'nats-server')
  ]
  t.same(withDescendants([10, 99], all), [
    { pid: 10, role: 'hosts' },
    { pid: 11, role: 'hosts' },
    { pid: 12, role: 'nats' }
  ])
})

t.test('cpu: per operation, null where it cannot be told', async t => {
  const before = { client: 1_000, hosts: undefined, nats: 0 }
  t.same(cpuPerOperation(before, { client: 2_000, hosts: 5, nats: 55 }, 100), { client: 10, hosts: null, nats: 0.6 })
  t.same(cpuPerOperation(before, before, 0), { client: null, hosts: null, nats: null })
  t.equal(readCpu([{ pid: 2 ** 30, role: 'hosts' }]).hosts, undefined)
  t.equal(
    readCpu([
      { pid: process.pid, role: 'hosts' },
      { pid: 2 ** 30, role: 'hosts' }
    ]).hosts,
    undefined,
    'one of them has ended'
  )
  t.equal(cpuSum({ client: 1, hosts: null, nats: 2 }), null)
  t.equal(cpuSum({ client: 1, hosts: 2, nats: null }), 3)
  for (const url of ['nats://127.0.0.1:7421', 'http://localhost:1', 'nats://[::1]:7421']) t.ok(isLoopback(url), url)
  for (const url of ['nats://10.0.0.1:7421', '127.0.0.1.example.org', '']) t.notOk(isLoopback(url), url)
})

t.test('report: median, percentiles, ratios', async t => {
  t.equal(
    medianBy([3, 1, 2], each => each),
    2
  )
  t.equal(
    medianBy([4, 1, 2, 3], each => each),
    2
  )
  t.throws(() => medianBy([], () => 0))
  const latencies = build({ numberOfSignificantValueDigits: 3 })
  t.equal(percentileMs(latencies, 99), 0)
  for (let value = 1; value <= 1_000; value += 1) latencies.recordValue(value)
  t.ok(Math.abs(percentileMs(latencies, 50) - 0.5) < 0.01)
  const peer = { ...row, system: 'redis', throughput: 500, p50_ms: 4, cpu_us_per_op: { client: 50, hosts: 20, nats: null } }
  t.same(ratiosOf([row, peer, { ...peer, in_flight: 1 }]), [
    { peer: 'redis', op: 'put', in_flight: 64, throughput: 2, p50: 0.25, cpu: 0.5 }
  ])
})

t.test('report: a table for people', async t => {
  const report: BenchReport = {
    machine: { cpu: 'a CPU', cores: 2, memory_gb: 4, os: 'Linux', node: '20' },
    value_bytes: 100,
    keys: 10_000,
    zipf: 0.99,
    seconds: 5,
    rounds: 3,
    rows: [
      row,
      {
        ...row,
        system: 'redis',
        in_flight: null,
        rate: 5_000,
        errors: 3,
        errors_by_code: { timeout: 3 },
        cpu_us_per_op: { client: 1, hosts: null, nats: null }
      }
    ],
    ratios: [{ peer: 'redis', op: 'put', in_flight: 64, throughput: 2, p50: 0.25, cpu: null }]
  }
  const text = formatBench(report)
  for (const part of ['2 × a CPU', 'zipf 0.99', '1,000', '5,000/s', '3 timeout', '–', 'carillon ÷ peer', '2 ×'])
    t.match(text, part)
})

t.test('plan: defaults, and bad options that name themselves', async t => {
  t.same(benchPlan({}), {
    ops: ['put', 'get'],
    inFlight: [1, 64, 256],
    rate: 0,
    valueBytes: 100,
    keys: 10_000,
    zipf: 0,
    readShare: 0.5,
    seconds: 5,
    rounds: 3,
    warmUpSeconds: 1
  })
  for (const [name, options] of Object.entries({
    op: { ops: ['scan'] },
    ops: { ops: [] },
    inFlight: { inFlight: [0] },
    valueBytes: { valueBytes: -1 },
    keys: { keys: 0.5 },
    seconds: { seconds: 0 },
    rounds: { rounds: 0 },
    zipf: { zipf: 1 },
    rate: { rate: Number.NaN }
  })) {
    t.throws(() => benchPlan(options as unknown as BenchOptions), { code: 'bad_request', message: name })
  }
  await t.rejects(runBench({}), { code: 'bad_request' })
})

t.test(
  'bench: a peer alone is measured, with its keys stored before; what was started is stopped though the cluster fails',
  async t => {
    let stops = 0
    await t.rejects(
      runBench({
        servers: [],
        startCluster: async () => ({
          servers: ['not a server'],
          stop: async () => {
            stops += 1
          }
        })
      }),
      { code: 'bad_request' }
    )
    t.equal(stops, 1)
  }
)

t.test('bench: stopped before it began, there are no rows and nothing was started', async t => {
  const target: Target = {
    name: 'memory',
    promise: 'nothing',
    put: async () => {},
    get: async () => undefined,
    prepare: async () => {},
    processes: async () => [],
    close: async () => {}
  }
  const report = await runBench({
    servers: ['nats://127.0.0.1:1'],
    signal: AbortSignal.abort(),
    peers: { memory: async () => target }
  })
  t.same(report.rows, [])
  t.same(report.ratios, [])
})
