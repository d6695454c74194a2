import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { median } from './allocation.ts'
import { ask } from './question.ts'
import { type Cell, cellsOf, changeNames } from './write-path/cells.ts'
import { written, type Written, type WrittenOrder } from './write-path/written.ts'

/*
 * `node build/bench/write-path.js [--puts 200000] [--keys 100000] [--rounds 3] [--only segment,sync] [--data DIR] [--json]`: the store of a
 * data thread with its table writer, one setting changed at a time, in alternating rounds; figures are medians. Files lie in the working
 * directory unless DIR is given, for the disk under /tmp may be memory.
 */
const orderWord = '--order'
const mb = 1024 * 1024

function inProcess(order: WrittenOrder): Promise<Written> {
  return new Promise((resolve, reject) => {
    const words = [...process.execArgv, fileURLToPath(import.meta.url), orderWord, JSON.stringify(order)]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const output = text(child.stdout)
    child.once('error', reject)
    child.once('exit', code => {
      if (code !== 0) reject(new Error(`${order.cell.what}: ended with ${code}`))
      else output.then(said => resolve(JSON.parse(said) as Written)).catch(reject)
    })
  })
}

/** Of several stores at once: their puts together, what each of them takes, the worst p99. */
function together(parts: readonly Written[]): Written {
  const mean = (figure: (part: Written) => number): number =>
    parts.reduce((total, part) => total + figure(part), 0) / parts.length
  return {
    puts: mean(part => part.puts),
    perSecond: mean(part => part.perSecond) * parts.length,
    cpuUs: mean(part => part.cpuUs),
    p50Ms: mean(part => part.p50Ms),
    p99Ms: Math.max(...parts.map(part => part.p99Ms)),
    rawBytes: mean(part => part.rawBytes),
    writtenBytes: mean(part => part.writtenBytes),
    tableBytes: mean(part => part.tableBytes),
    logBytes: mean(part => part.logBytes),
    pairs: mean(part => part.pairs)
  }
}

const words = process.argv.slice(2)
const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
const order = after(orderWord)
if (order !== undefined) {
  process.stdout.write(JSON.stringify(await written(JSON.parse(order) as WrittenOrder)))
} else {
  const names = after('--only')?.split(',') ?? changeNames
  for (const name of names)
    if (!changeNames.includes(name)) throw new RangeError(`--only ${name}: there are ${changeNames.join(', ')}`)
  const data = mkdtempSync(join(after('--data') ?? process.cwd(), '.bench-'))
  try {
    await ask('What does a put cost on its way to the disk, by the settings of log, memory table and LMDB?', async bench => {
      const rounds = bench.option('rounds', 3)
      const figures = new Map<Cell, Written[]>(cellsOf(names).map(cell => [cell, []]))
      for (let round = 1; round <= rounds; round++) {
        for (const [cell, found] of figures) {
          const parts = Array.from({ length: cell.stores }, (_, store) => {
            const directory = join(data, `${round}-${found.length}-${store}`)
            return inProcess({ cell, directory, puts: bench.option('puts', 200_000), keys: bench.option('keys', 100_000) })
          })
          found.push(together(await Promise.all(parts)))
          for (let store = 0; store < cell.stores; store++)
            rmSync(join(data, `${round}-${found.length - 1}-${store}`), { recursive: true })
        }
      }
      for (const [{ what }, found] of figures) {
        const figure = (of: (one: Written) => number): number => median(found.map(of))
        bench.row({
          what,
          cpu_ns: figure(one => one.cpuUs) * 1_000,
          per_second: figure(one => one.perSecond),
          p50_ms: figure(one => one.p50Ms),
          p99_ms: figure(one => one.p99Ms),
          written_per_byte_put: figure(one => one.writtenBytes / one.rawBytes),
          table_bytes_a_pair: figure(one => one.tableBytes / one.pairs),
          log_files_mb: figure(one => one.logBytes / mb)
        })
      }
    })
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}
