import { cpus } from 'node:os'
import { allocatedBytes, median } from './allocation.ts'

/** One line of an answer. */
export interface Row {
  readonly what: string
  /** CPU of this process, user and system, of all its threads, for each operation. */
  readonly cpu_ns?: number | undefined
  /** Allocated for each operation, on the heap and outside of it; missing without --expose-gc, or where other threads take part. */
  readonly bytes?: number | undefined
  readonly operations?: number | undefined
  /** Anything else, with its unit in its name. */
  readonly [figure: string]: string | number | undefined
}

/** What a bench may do: measure, and tell what it found. */
export interface Bench {
  /** CPU of one round, or time of one window, in ms. */
  readonly roundMs: number
  /** `--name VALUE` of the command line. */
  option(name: string, otherwise: number): number
  /** A synchronous operation: CPU and allocation of one of them. @param run does so many of them, one after the other */
  measure(what: string, run: (operations: number) => void, figures?: Readonly<Record<string, number>>): void
  row(row: Row): void
}

const rounds = 5
const roundMsDefault = 100
const firstOperations = 64
/** What does nothing is never through with a round. */
const operationsMax = 1e12

/** CPU of this process so far, user and system, in ns. */
export function cpuNs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1_000
}

/**
 * One bench: a file that asks one question. Prints the question and a row for each figure; `--json` one object. `--ms N` is the CPU of
 * a round; the figure is the median of five.
 */
export async function ask(question: string, answer: (bench: Bench) => void | Promise<void>): Promise<void> {
  const words = process.argv.slice(2)
  const option = (name: string, otherwise: number): number => {
    const at = words.indexOf(`--${name}`)
    const value = at < 0 ? otherwise : Number(words[at + 1])
    if (!Number.isFinite(value) || value <= 0) throw new RangeError(`--${name} is ${words[at + 1]}: a number above 0 is wanted`)
    return value
  }
  const roundMs = option('ms', roundMsDefault)
  const rows: Row[] = []
  const machine = {
    cpu: cpus()[0]?.model ?? '',
    cores: cpus().length,
    node: process.version,
    exposes_gc: globalThis.gc !== undefined
  }
  const isJson = words.includes('--json')
  if (!isJson) {
    console.log(question)
    console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`)
    if (!machine.exposes_gc) console.log('without --expose-gc: no figures of memory')
  }
  const row = (one: Row): void => {
    rows.push(one)
    if (!isJson) console.log(lineOf(one))
  }
  await answer({
    roundMs,
    option,
    row,
    measure(what, run, figures = {}) {
      const { ns, operations } = cpuOf(run, roundMs)
      row({ what, cpu_ns: ns, bytes: allocatedBytes(run), operations, ...figures })
    }
  })
  if (isJson) console.log(JSON.stringify({ question, machine, rows: rows.map(rounded) }))
}

/** Rounds of as many operations as take `roundMs`; the ones before them warm the code up. */
function cpuOf(run: (operations: number) => void, roundMs: number): { ns: number; operations: number } {
  let operations = firstOperations
  for (;;) {
    const used = nsOf(run, operations)
    if (used >= roundMs * 1e6) break
    if (operations > operationsMax) throw new Error(`${operations} operations took ${used} ns: they do nothing`)
    // CPU is counted in steps: of a very short round it may seem to be none.
    operations = used < roundMs * 1e5 ? operations * 8 : Math.ceil((operations * roundMs * 1.05e6) / used)
  }
  const ns = median(Array.from({ length: rounds }, () => nsOf(run, operations) / operations))
  return { ns, operations: operations * rounds }
}

function nsOf(run: (operations: number) => void, operations: number): number {
  const before = cpuNs()
  run(operations)
  return cpuNs() - before
}

function rounded(row: Row): Row {
  const cells = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'number' ? Number(value.toPrecision(4)) : value
  ])
  return Object.fromEntries(cells) as Row
}

function lineOf({ what, cpu_ns: ns, bytes, ...figures }: Row): string {
  const cells = [what.padEnd(46)]
  if (ns !== undefined) cells.push(`${nanoseconds(ns)} CPU`.padStart(14))
  if (bytes !== undefined) cells.push(`${bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} B`.padStart(9))
  for (const [name, value] of Object.entries(figures)) {
    if (value !== undefined && name !== 'operations')
      cells.push(`${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
  }
  return cells.join('  ')
}

function nanoseconds(ns: number): string {
  return ns < 1e3 ? `${ns.toFixed(1)} ns` : ns < 1e6 ? `${(ns / 1e3).toFixed(2)} µs` : `${(ns / 1e6).toFixed(2)} ms`
}
