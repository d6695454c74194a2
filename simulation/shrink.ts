import type { Outcome } from './run.ts'
import type { Scenario } from './scenario.ts'
import type { Violation } from './violation.ts'

export interface Shrunk {
  readonly scenario: Scenario
  readonly violation: Violation
  /** Runs that it took. */
  readonly runs: number
}

export interface ShrinkOptions {
  readonly run: (scenario: Scenario) => Outcome
  readonly runsMax: number
  /** Told after each step that made it smaller. */
  readonly onStep?: (scenario: Scenario, runs: number) => void
}

const hostsMin = 3
const spanMsMin = 200

/**
 * Make a failing scenario smaller, as long as it violates the same invariant: fewer faults, calmer links, fewer clients and operations,
 * less time, fewer hosts.
 * @see Zeller, Hildebrandt, Simplifying and Isolating Failure-Inducing Input (2002), for the faults
 * @throws {RangeError} the scenario does not violate anything
 */
export function shrink(scenario: Scenario, options: ShrinkOptions): Shrunk {
  let runs = 0
  const failure = (candidate: Scenario, invariant?: string): Violation | undefined => {
    runs++
    const { violations } = options.run(candidate)
    return invariant === undefined ? violations[0] : violations.find(found => found.invariant === invariant)
  }
  const first = failure(scenario)
  if (first === undefined) throw new RangeError('the scenario violates nothing: there is nothing to shrink')
  let best = scenario
  let violation = first
  const accepts = (candidate: Scenario): boolean => {
    if (runs >= options.runsMax) return false
    const found = failure(candidate, first.invariant)
    if (found === undefined) return false
    best = candidate
    violation = found
    options.onStep?.(best, runs)
    return true
  }
  for (let before: Scenario | undefined; before !== best && runs < options.runsMax; ) {
    before = best
    shorten(
      () => best,
      () => violation,
      accepts
    )
    dropFaults(() => best, accepts)
    calm(() => best, accepts)
    dropClients(() => best, accepts)
    dropHost(() => best, accepts)
    dropOperations(() => best, accepts)
  }
  return { scenario: best, violation, runs }
}

type Current = () => Scenario
type Accepts = (candidate: Scenario) => boolean

/** Ends not long after the violation; then by halves. */
function shorten(current: Current, violation: () => Violation, accepts: Accepts): void {
  const { atMs } = violation()
  const { fromMs, untilMs } = current()
  if (atMs > fromMs && atMs + 1_000 < untilMs) accepts(endingAt(current(), Math.ceil(atMs + 1_000)))
  for (let share = 0.5; share < 0.95; share += 0.2) {
    while (current().untilMs - fromMs > spanMsMin && accepts(endingAt(current(), spanned(current(), share))));
  }
}

function spanned({ fromMs, untilMs }: Scenario, share: number): number {
  return Math.floor(fromMs + (untilMs - fromMs) * share)
}

function endingAt(scenario: Scenario, untilMs: number): Scenario {
  const faults = scenario.faults
    .filter(fault => fault.atMs < untilMs)
    .map(fault => ({ ...fault, lastsMs: Math.min(fault.lastsMs, untilMs - fault.atMs) }))
  return { ...scenario, untilMs, faults }
}

/** Leave out runs of faults, long ones first, down to single ones. */
function dropFaults(current: Current, accepts: Accepts): void {
  for (let size = Math.ceil(current().faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < current().faults.length; ) {
      const faults = current().faults.filter((_, index) => index < at || index >= at + size)
      if (!accepts({ ...current(), faults })) at += size
    }
  }
}

function calm(current: Current, accepts: Accepts): void {
  const { weather } = current()
  for (const name of ['loss', 'duplication', 'reordering'] as const) {
    if (weather[name] > 0) accepts({ ...current(), weather: { ...current().weather, [name]: 0 } })
  }
  if (weather.delayMaxMs > 1) accepts({ ...current(), weather: { ...current().weather, delayMaxMs: 1 } })
}

function dropClients(current: Current, accepts: Accepts): void {
  for (let at = 0; at < current().clients.length && current().clients.length > 1; ) {
    const clients = current().clients.filter((_, index) => index !== at)
    if (!accepts({ ...current(), clients })) at++
  }
}

/** The last of them, where no fault names it. */
function dropHost(current: Current, accepts: Accepts): void {
  while (current().hosts > hostsMin) {
    const { hosts, faults } = current()
    const name = `"h${hosts}"`
    if (faults.some(fault => JSON.stringify(fault).includes(name))) return
    if (!accepts({ ...current(), hosts: hosts - 1 })) return
  }
}

function dropOperations(current: Current, accepts: Accepts): void {
  const first = Math.min(current().operationsMax, 1_000)
  for (let operationsMax = first; operationsMax >= 1; operationsMax = Math.floor(operationsMax / 2)) {
    if (operationsMax < current().operationsMax && !accepts({ ...current(), operationsMax })) return
  }
}
