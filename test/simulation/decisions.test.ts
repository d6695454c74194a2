import t from 'tap'
import { type FaultKind, faultKinds, type PlannedFault } from '../../simulation/fault-plan.ts'
import { runScenario } from '../../simulation/run.ts'
import { drawScenario, type Scenario } from '../../simulation/scenario.ts'

const hourMs = 3_600_000

/** Wall clocks that jump an hour ahead and back, on three of five hosts, at different times. */
function jumps({ fromMs, untilMs }: Scenario): PlannedFault[] {
  const spanMs = untilMs - fromMs
  return [-hourMs, hourMs, hourMs / 2].map((offsetMs, index) => ({
    kind: 'skew',
    host: `h${index + 1}`,
    offsetMs,
    atMs: fromMs + Math.floor((spanMs * index) / 6),
    lastsMs: Math.floor(spanMs / 2)
  }))
}

const scenario = (seed: number, faults: readonly FaultKind[]) => drawScenario({ seed, minutes: 0.1, faults })

t.test('I11: the same run with wall clocks that jump by an hour → the same messages at the same times', async t => {
  for (const seed of [1, 2]) {
    const plain = scenario(seed, ['delay', 'loss', 'kill', 'cut'])
    const skewed = { ...plain, faults: [...plain.faults, ...jumps(plain)] }
    const [a, b] = [messagesOf(plain), messagesOf(skewed)]
    t.equal(a.length, b.length)
    t.equal(
      a.findIndex((line, index) => line !== b[index]),
      -1,
      `seed ${seed}: no message differs`
    )
    t.ok(a.length > 3_000)
  }
})

/** Every message of a run, without the times of day that are in some. */
function messagesOf(scenario: Scenario): string[] {
  const lines: string[] = []
  runScenario(scenario, {
    onMessage: ({ atMs, from, to, message, isArrival }) => {
      lines.push(`${atMs} ${from} ${to.address} ${to.correlation} ${message.kind} ${isArrival}`)
    }
  })
  return lines
}

t.test('I29: all faults, all workloads: the same seed gives the same history, another seed another one', async t => {
  const first = runScenario(scenario(7, faultKinds))
  t.same(runScenario(scenario(7, faultKinds)), first)
  t.not(runScenario(scenario(8, faultKinds)).traceHash, first.traceHash)
})

t.test('messages that are shared, not encoded → the same history: no actor changes what it was told, or has told', async t => {
  for (const seed of [11, 12, 13]) {
    const plain = scenario(seed, faultKinds)
    t.equal(
      runScenario({ ...plain, encodes: false }).traceHash,
      runScenario({ ...plain, encodes: true }).traceHash,
      `seed ${seed}`
    )
  }
})
