import fc from 'fast-check'
import t from 'tap'
import {
  type AutoscaleMemory,
  type AutoscaleSettings,
  decide,
  type Decision,
  firstMemory,
  lastOf,
  type Observation
} from '../../../model/autoscale/autoscale.ts'
import { type HostLoad, loadBetween, type LoadSample, quantile } from '../../../model/autoscale/load.ts'

const idle: HostLoad = { requestsPerSecond: 0, refusedPerSecond: 0, cpu: 0, p99Ms: 0, disk: 0 }
const settings: AutoscaleSettings = {
  hostsMin: 3,
  hostsMax: 9,
  targets: { cpu: 0.6, requestsPerSecond: 0, p99Ms: 50, disk: 0.7 },
  shrinkBelow: 0.7,
  growLooks: 3,
  shrinkLooks: 10,
  cooldownMs: 30_000,
  waitMs: 300_000,
  vetoMs: 900_000
}
const lookMs = 5_000
const ready: AutoscaleMemory = {
  growing: 0,
  shrinking: 0,
  restUntilMs: 0,
  wanted: undefined,
  vetoed: { joinUntilMs: 0, leaveUntilMs: 0 }
}

const anySettings: fc.Arbitrary<AutoscaleSettings> = fc.record({
  hostsMin: fc.integer({ min: 1, max: 6 }),
  hostsMax: fc.integer({ min: 1, max: 20 }),
  targets: fc.record({
    cpu: fc.double({ min: 0.1, max: 1, noNaN: true }),
    requestsPerSecond: fc.constantFrom(0, 100, 5_000),
    p99Ms: fc.constantFrom(0, 20, 200),
    disk: fc.double({ min: 0.1, max: 1, noNaN: true })
  }),
  shrinkBelow: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
  growLooks: fc.integer({ min: 1, max: 5 }),
  shrinkLooks: fc.integer({ min: 1, max: 10 }),
  cooldownMs: fc.integer({ min: 0, max: 60_000 }),
  waitMs: fc.integer({ min: 1, max: 100_000 }),
  vetoMs: fc.integer({ min: 0, max: 100_000 })
})
const anyLoad: fc.Arbitrary<HostLoad> = fc.record({
  requestsPerSecond: fc.integer({ min: 0, max: 20_000 }),
  refusedPerSecond: fc.constantFrom(0, 0, 0, 5),
  cpu: fc.double({ min: 0, max: 1.2, noNaN: true }),
  p99Ms: fc.integer({ min: 0, max: 500 }),
  disk: fc.double({ min: 0, max: 1, noNaN: true })
})
const anyHosts = fc
  .array(
    fc.record({
      isUp: fc.integer({ min: 0, max: 9 }).map(one => one > 0),
      isWaiting: fc.integer({ min: 0, max: 9 }).map(one => one === 0),
      load: fc.option(anyLoad, { nil: undefined, freq: 8 })
    }),
    { maxLength: 20 }
  )
  .map(list => list.map((one, at) => ({ name: `host-${at + 1}`, ...one })))
const anyMemory: fc.Arbitrary<AutoscaleMemory> = fc.record({
  growing: fc.nat(10),
  shrinking: fc.nat(20),
  restUntilMs: fc.nat(100_000),
  wanted: fc.option(fc.record({ hosts: fc.nat(20), untilMs: fc.nat(100_000) }), { nil: undefined }),
  vetoed: fc.record({ joinUntilMs: fc.nat(100_000), leaveUntilMs: fc.nat(100_000) })
})
const anySeen: fc.Arbitrary<Observation> = fc.record({
  atMs: fc.nat(200_000),
  hosts: anyHosts,
  needed: fc.integer({ min: 1, max: 5 }),
  isMoving: fc.constantFrom(false, false, false, true),
  plan: fc.constantFrom(undefined, undefined, undefined, "an operator's plan is staged")
})

t.test(
  'autoscaler: anything seen → one step at most, never below N, the least or above the most, never beside a plan or a change, never against a veto',
  async () => {
    fc.assert(
      fc.property(anySettings, anyMemory, anySeen, (given, memory, seen) => {
        const { step, host, memory: then } = decide(given, memory, seen)
        if (step === 'hold') return host === undefined
        const { needed } = seen
        const hosts = seen.hosts.filter(one => !one.isWaiting)
        const waiting = seen.hosts.filter(one => one.isWaiting)
        const least = Math.max(given.hostsMin, needed)
        const isSettled = !seen.isMoving && seen.plan === undefined && hosts.every(one => one.isUp)
        const hasRested = hosts.every(one => one.load !== undefined) && seen.atMs >= memory.restUntilMs
        // Who was asked for, and has come, is let in at once.
        const isAskedFor = step === 'join' && memory.wanted !== undefined && memory.wanted.hosts > hosts.length
        const isCalm = isSettled && (hasRested || isAskedFor)
        const arrived = memory.wanted === undefined || memory.wanted.hosts === hosts.length || isAskedFor
        const { joinUntilMs, leaveUntilMs } = memory.vetoed
        if (seen.atMs < (step === 'shrink' ? leaveUntilMs : joinUntilMs)) return false
        const count = hosts.length + (step === 'shrink' ? -1 : 1)
        const most = Math.max(given.hostsMax, least, isAskedFor ? memory.wanted.hosts : 0)
        const isWithin =
          step === 'shrink'
            ? count >= least && waiting.length === 0 && hosts.some(({ name }) => name === host)
            : count <= most && (step === 'join' ? waiting.some(({ name }) => name === host) : waiting.length === 0)
        return isCalm && arrived && isWithin && then.wanted?.hosts === count && then.restUntilMs >= seen.atMs + given.cooldownMs
      }),
      { numRuns: 2_000 }
    )
  }
)

/** A cluster under a load that hosts share: what a step asks for has come at the next look. */
function run(
  given: AutoscaleSettings,
  hosts: number,
  loadAt: (look: number) => number,
  looks: number
): { counts: number[]; decisions: Decision[] } {
  let count = hosts
  let memory = firstMemory(given, 0)
  const counts: number[] = []
  const decisions: Decision[] = []
  for (let look = 1; look <= looks; look++) {
    const cpu = loadAt(look) / count
    const names = Array.from({ length: count }, (_, at) => ({ name: `host-${at}`, isUp: true, load: { ...idle, cpu } }))
    const decision = decide(given, memory, { atMs: look * lookMs, hosts: names, needed: 3, isMoving: false })
    memory = decision.memory
    decisions.push(decision)
    if (decision.step === 'grow') count++
    if (decision.step === 'shrink') count--
    counts.push(count)
  }
  return { counts, decisions }
}

t.test(
  'autoscaler: a load that stays the same → it never goes out and in, and ends at the targets where the bounds let it',
  async () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 12 }), fc.double({ min: 0.01, max: 8, noNaN: true }), (hosts, total) => {
        const { decisions, counts } = run(settings, hosts, () => total, 400)
        const steps = new Set(decisions.filter(({ step }) => step !== 'hold').map(({ step }) => step))
        const last = counts.at(-1)!
        const isEnough = total / last <= 0.6 || last === settings.hostsMax
        return steps.size <= 1 && isEnough && last >= 3 && last <= settings.hostsMax
      }),
      { numRuns: 200 }
    )
  }
)

t.test('autoscaler: a spike shorter than its looks changes nothing; a step does, once for each rest, and back again', async t => {
  t.ok(run(settings, 3, look => (look === 20 || look === 21 ? 9 : 0.9), 100).counts.every(count => count === 3))
  const { counts, decisions } = run(settings, 3, look => (look > 20 && look < 200 ? 3 : 0.9), 500)
  t.equal(Math.max(...counts), 5, '3 cores of 0.6')
  t.equal(counts.at(-1), 3)
  const at = decisions.flatMap(({ step }, look) => (step === 'hold' ? [] : [look * lookMs]))
  t.ok(at.every((ms, index) => index === 0 || ms - at[index - 1]! >= settings.cooldownMs))
})

t.test('autoscaler: each resource alone makes it grow, and says so', async t => {
  const cases: [Partial<HostLoad>, RegExp][] = [
    [{ cpu: 0.7 }, /CPU at 117 %/],
    [{ p99Ms: 80 }, /p99 at 160 %/],
    [{ disk: 0.8 }, /disk at 114 %/],
    [{ refusedPerSecond: 3 }, /what is refused at 150 %/]
  ]
  for (const [load, why] of cases) {
    const hosts = ['a', 'b', 'c'].map(name => ({ name, isUp: true, load: { ...idle, ...load } }))
    const decision = decide(settings, { ...ready, growing: 2 }, { atMs: 1, hosts, needed: 3, isMoving: false })
    t.equal(decision.step, 'grow')
    t.match(decision.why, why)
  }
})

t.test('autoscaler: what it asked for does not come → it waits, then gives up, rests, and may ask again', async t => {
  const hosts = ['a', 'b', 'c'].map(name => ({ name, isUp: true, load: { ...idle, cpu: 0.9 } }))
  const look = (memory: AutoscaleMemory, atMs: number) => decide(settings, memory, { atMs, hosts, needed: 3, isMoving: false })
  const asked = look({ ...ready, growing: 2 }, 1_000)
  t.same(asked.memory.wanted, { hosts: 4, untilMs: 301_000 })
  t.match(look(asked.memory, 100_000).why, /waits for 4 hosts, there are 3/)
  const late = look(asked.memory, 301_000)
  t.match(late.why, /4 hosts did not come about/)
  t.equal(look({ ...late.memory, growing: 5 }, 302_000).step, 'hold')
  t.equal(look({ ...late.memory, growing: 5 }, 340_000).step, 'grow')
})

t.test('autoscaler: who goes is the one with the highest number', async t => {
  const of = (...names: string[]) => lastOf(names.map(name => ({ name })))
  t.equal(of('host-2', 'host-10', 'host-9'), 'host-10')
  t.equal(of('b', 'a'), 'b')
  t.equal(of('z', 'carillon-0'), 'carillon-0')
  t.equal(of(), undefined)
})

t.test('load: two samples say how busy a host was; none where it was started again, or no time has passed', async t => {
  const before: LoadSample = {
    atMs: 1_000,
    requests: 100,
    refused: 1,
    bounds: [0.001, 0.01, 0.1],
    took: [90, 10, 0, 0],
    cpuSeconds: 5,
    cores: 2,
    diskBytes: 100,
    diskUsedBytes: 40
  }
  const after: LoadSample = { ...before, atMs: 3_000, requests: 300, refused: 3, took: [180, 119, 1, 0], cpuSeconds: 7 }
  t.same(loadBetween(before, after), { requestsPerSecond: 100, refusedPerSecond: 1, cpu: 0.5, p99Ms: 10, disk: 0.4 })
  t.equal(loadBetween(after, before), undefined)
  t.equal(loadBetween(after, { ...after, atMs: 4_000, requests: 5 }), undefined)
  t.equal(loadBetween(after, after), undefined)
  t.equal(quantile([1, 2], [0, 0, 0], 0.99), 0)
  t.equal(quantile([1, 2], [0, 0, 5], 0.99), 4)
})
