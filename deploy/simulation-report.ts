import type { Terminal } from '../api/cli/terminal.ts'
import { faultText } from '../simulation/fault-plan.ts'
import { type Outcome, runScenario } from '../simulation/run.ts'
import type { Scenario } from '../simulation/scenario.ts'
import { shrink } from '../simulation/shrink.ts'
import { TraceLog } from '../simulation/trace-log.ts'
import { keyText } from '../simulation/violation.ts'

const shrinkRunsMax = 400
const traceTailLines = 60
const violationsShown = 5

/** What tools rely on, see docs/cli.md. */
export function reportOf({ traceHash, healedMs, violations, course, ...figures }: Outcome): Record<string, unknown> {
  return {
    ...figures,
    trace_hash: traceHash,
    healed_ms: Number.isFinite(healedMs) ? healedMs : null,
    ...(course === undefined
      ? {}
      : { course: { grown_ms: course.grownMs ?? null, shrunk_ms: course.shrunkMs ?? null, under_load: course.wasUnderLoad } }),
    violations: violations.map(({ invariant, atMs, key, text }) => ({
      invariant,
      at_ms: atMs,
      key: key === undefined ? null : keyText(key),
      text
    }))
  }
}

/** For people. @param showsTail whether to add what was said about the first key that was violated */
export async function describe(terminal: Terminal, scenario: Scenario, outcome: Outcome, showsTail: boolean): Promise<void> {
  const { events, operations, acknowledged, refused, indeterminate, violations, traceHash } = outcome
  const faults = scenario.faults.map(fault => `  ${faultText(fault)}\n`).join('')
  await terminal.output.write(
    `seed ${outcome.seed}: ${scenario.hosts} hosts, ${(scenario.untilMs - scenario.fromMs) / 60_000} minutes, ${scenario.clients.length} clients, ${scenario.faults.length} faults\n${faults}` +
      `${events} events, trace ${traceHash}\n` +
      `${operations} writes: ${acknowledged} acknowledged, ${refused} refused, ${indeterminate} of unknown outcome\n`
  )
  if (Number.isFinite(outcome.healedMs))
    await terminal.output.write(`all replicas were equal ${outcome.healedMs / 1000} s after healing\n`)
  for (const { invariant, atMs, text } of violations.slice(0, violationsShown))
    await terminal.output.write(`${invariant}, at ${(atMs / 1000).toFixed(3)} s: ${text}\n`)
  const [first] = violations
  if (first === undefined) return
  if (violations.length > violationsShown) await terminal.output.write(`and ${violations.length - violationsShown} more\n`)
  if (first.key === undefined || !showsTail) return
  await terminal.output.write(
    `\nThe last of what was said about ${keyText(first.key)} (all of it, and all else: --trace FILE):\n`
  )
  await terminal.output.write(`${tailOf(scenario, first.key, first.atMs).join('\n')}\n\n`)
}

/** The run once more, for the lines about one key until the violation. */
function tailOf(scenario: Scenario, key: string, untilMs: number): string[] {
  const lines: string[] = []
  let isOver = false
  const log = new TraceLog(line => {
    if (!isOver) lines.push(line)
    if (lines.length > 2 * traceTailLines) lines.splice(0, traceTailLines)
  }, key as never)
  runScenario(scenario, {
    onFault: log.onFault,
    onMessage: seen => {
      isOver ||= seen.atMs > untilMs
      log.onMessage(seen)
    }
  })
  return lines.slice(-traceTailLines)
}

/** Make it smaller, tell how it goes, print the scenario that is left. */
export async function printShrunk(terminal: Terminal, scenario: Scenario): Promise<void> {
  await terminal.errors.write(`shrinking, in ${shrinkRunsMax} runs at most …\n`)
  const told: Promise<void>[] = []
  const result = shrink(scenario, {
    run: candidate => runScenario(candidate),
    runsMax: shrinkRunsMax,
    onStep: ({ faults, clients, hosts, fromMs, untilMs }, runs) => {
      const seconds = (untilMs - fromMs) / 1000
      const line = `run ${runs}: ${faults.length} faults, ${clients.length} clients, ${hosts} hosts, ${seconds} s\n`
      told.push(terminal.errors.write(line))
    }
  })
  await Promise.all(told)
  const faults = result.scenario.faults.map(fault => `  ${faultText(fault)}\n`).join('')
  await terminal.errors.write(`after ${result.runs} runs:\n${faults}${result.violation.invariant}: ${result.violation.text}\n`)
  await terminal.errors.write('Keep the next line in a file and run it with --scenario FILE:\n')
  await terminal.output.write(`${JSON.stringify(result.scenario)}\n`)
}
