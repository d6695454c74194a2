import t from 'tap'
import { build } from 'hdr-histogram-js'
import { benchPlan, type BenchOptions } from '../../api/bench/bench-options.ts'
import { runBench } from '../../api/bench/bench.ts'
import { isLoopback } from '../../api/bench/carillon-target.ts'
import { drive, type LoadClock } from '../../api/bench/load.ts'
import { medianBy, percentileMs } from '../../api/bench/figures.ts'
import { cpuPerOperation, cpuSum, readCpu, statOf, withDescendants } from '../../api/bench/process-cpu.ts'
import { keysOf, uniformKeys, valuesOf, zipfKeys } from '../../api/bench/workload.ts'
import { SeededRandom } from '../../runtime/random.ts'

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

for (const skew of [0.5, 0.99, 1, 1.2, 3]) {
  t.test(`zipf ${skew}: the first keys have their share, all keys are in range, the skew falls off`, async t => {
    const random = new SeededRandom(7)
    const count = 1_000
    const choose = zipfKeys(count, skew, () => random.next())
    const hits = new Array<number>(count).fill(0)
    const draws = 100_000
    for (let draw = 0; draw < draws; draw += 1) hits[choose()]! += 1
    t.equal(hits.length, count)
    let zeta = 0
    for (let rank = 1; rank <= count; rank += 1) zeta += 1 / rank ** skew
    for (const rank of [1, 2, 3, 10]) {
      const expected = draws / rank ** skew / zeta
      const off = Math.abs(hits[rank - 1]! - expected)
      t.ok(off < 5 * Math.sqrt(expected), `rank ${rank}: ${hits[rank - 1]} against ${Math.round(expected)}`)
    }
    t.ok(hits[0]! > hits[9]! && hits[9]! > hits[99]!)
  })
}

t.test('zipf: one key alone; a skew that is none is refused', async t => {
  t.equal(zipfKeys(1, 0.5, () => 0.9)(), 0)
  t.throws(() => zipfKeys(10, 0, Math.random))
  t.throws(() => zipfKeys(10, 4, Math.random))
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
  const before = { client: 1_000, hosts: undefined, nats: 0, peer: 100 }
  const after = { client: 2_000, hosts: 5, nats: 55, peer: 400 }
  t.same(cpuPerOperation(before, after, 100), { client: 10, hosts: null, nats: 0.6, peer: 3 })
  t.same(cpuPerOperation(before, before, 0), { client: null, hosts: null, nats: null, peer: null })
  t.equal(readCpu([{ pid: 2 ** 30, role: 'hosts' }]).hosts, undefined)
  t.ok(readCpu([{ pid: process.pid, role: 'peer' }]).peer! > 0)
  t.equal(
    readCpu([
      { pid: process.pid, role: 'hosts' },
      { pid: 2 ** 30, role: 'hosts' }
    ]).hosts,
    undefined,
    'one of them has ended'
  )
  t.equal(cpuSum({ client: 1, hosts: null, nats: 2, peer: null }), null)
  t.equal(cpuSum({ client: 1, hosts: 2, nats: null, peer: null }), 3)
  t.equal(cpuSum({ client: 1, hosts: null, nats: null, peer: 5 }), 6)
  t.equal(cpuSum({ client: null, hosts: null, nats: null, peer: 5 }), null)
  for (const url of ['nats://127.0.0.1:7421', 'http://localhost:1', 'nats://[::1]:7421']) t.ok(isLoopback(url), url)
  for (const url of ['nats://10.0.0.1:7421', '127.0.0.1.example.org', '']) t.notOk(isLoopback(url), url)
})

t.test('report: median, percentiles', async t => {
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
    zipf: { zipf: 4 },
    rate: { rate: Number.NaN }
  })) {
    t.throws(() => benchPlan(options as unknown as BenchOptions), { code: 'bad_request', message: name })
  }
  await t.rejects(runBench({}), { code: 'bad_request' })
})
