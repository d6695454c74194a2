import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask, type Bench } from '../question.ts'

const pairsDefault = 1_000_000
const pairsQuick = 20_000

/** What a question about targets was asked with, beside what every bench takes. */
export interface TargetSetting {
  /** Small and short: whether it works, not what it measures. */
  readonly isQuick: boolean
  readonly pairs: number
  /** Of each measurement. */
  readonly seconds: number
  readonly rounds: number
  /** Folder in which clusters have their data. */
  readonly data: string
  /** Call `end` when the question is answered, or interrupted; the last one first. */
  atEnd(end: () => Promise<void>): void
}

/**
 * A question about targets. `--quick`; `--pairs N` (1,000,000); `--seconds S` (3); `--rounds N` (3); `--data DIR` keeps the clusters'
 * data there, so that the next question finds the pairs stored; without it they lie in a temporary folder.
 */
export async function askTargets(
  question: string,
  answer: (bench: Bench, setting: TargetSetting) => Promise<void>
): Promise<void> {
  const words = process.argv.slice(2)
  const isQuick = words.includes('--quick')
  const given = words.indexOf('--data')
  const data = given < 0 ? mkdtempSync(join(tmpdir(), 'carillon-targets-')) : words[given + 1]!
  const ends: (() => Promise<void>)[] = [
    async () => {
      if (given < 0) rmSync(data, { recursive: true, force: true })
    }
  ]
  const end = async (): Promise<void> => {
    for (let one = ends.pop(); one !== undefined; one = ends.pop()) await one()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end().finally(() => process.exit(1)))
  try {
    await ask(question, bench =>
      answer(bench, {
        isQuick,
        pairs: bench.option('pairs', isQuick ? pairsQuick : pairsDefault),
        seconds: bench.option('seconds', isQuick ? 0.5 : 3),
        rounds: bench.option('rounds', isQuick ? 1 : 3),
        data,
        atEnd: one => void ends.push(one)
      })
    )
  } finally {
    await end()
  }
}

/** What is being done, for whoever waits. */
export function say(line: string): void {
  process.stderr.write(`targets: ${line}\n`)
}
