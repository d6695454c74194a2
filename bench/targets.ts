import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Row } from './question.ts'
import { type Answer, answerOf } from './targets/answer.ts'
import { targetTable, withTable } from './targets/target-table.ts'

/*
 * `node build/bench/targets.js [--quick] [--write] [--json] [--only growth,cost] [--pairs 1000000] [--seconds 3] [--rounds 3]`: every target
 * that `carillon bench --peers` does not judge, one question after the other, each in a process of its own. The pairs are stored once.
 * Prints a Markdown table; `--write` puts it into docs/performance.md, between its comments. Exit status 1 where one was not measured.
 */
const questions = ['runtime', 'idle', 'prototype', 'growth', 'cost', 'repair', 'latency', 'join']
const passedOn = ['--pairs', '--seconds', '--rounds']
const document = fileURLToPath(new URL('../../docs/performance.md', import.meta.url))

const words = process.argv.slice(2)
const valueOf = (flag: string): string | undefined => (words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined)
const asked = valueOf('--only')?.split(',') ?? questions
for (const name of asked) if (!questions.includes(name)) throw new RangeError(`--only ${name}: there are ${questions.join(', ')}`)

const data = mkdtempSync(join(tmpdir(), 'carillon-targets-'))
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const flags = [
  ...(words.includes('--quick') ? ['--quick'] : []),
  ...passedOn.flatMap(flag => (words.includes(flag) ? [flag, valueOf(flag) ?? ''] : []))
]
const rows: Row[] = []
let machine: Answer['machine'] | undefined
const startMs = performance.now()
const minutes = (): string => ((performance.now() - startMs) / 60_000).toFixed(1)
try {
  for (const name of questions.filter(each => asked.includes(each))) {
    if (stop.signal.aborted) break
    try {
      const answer = await answerOf(`targets/${name}.js`, [...flags, '--data', data], stop.signal)
      rows.push(...answer.rows)
      machine = answer.machine
    } catch (error) {
      rows.push({ what: name, wanted: '', measured: '–', outcome: 'not measured', why: (error as Error).message })
    }
    process.stderr.write(`targets: ${name} is through after ${minutes()} min\n`)
  }
} finally {
  rmSync(data, { recursive: true, force: true })
}

const isWhole = !stop.signal.aborted && rows.every(({ outcome }) => outcome !== 'not measured')
const on = `${machine?.cores} × ${machine?.cpu}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}, Node ${machine?.node}; ${minutes()} minutes.`
const table = `${on}\n\n${targetTable(rows)}`
process.stdout.write(words.includes('--json') ? `${JSON.stringify({ machine, rows })}\n` : `${table}\n`)
if (words.includes('--write') && !stop.signal.aborted) writeFileSync(document, withTable(readFileSync(document, 'utf8'), table))
process.exitCode = isWhole ? 0 : 1
