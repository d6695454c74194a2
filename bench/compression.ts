import { candidates, asyncDeflate, type Candidate } from './compression/codecs.ts'
import { trainedDictionary } from './compression/dictionary.ts'
import { type ValueSet, valueSets } from './compression/values.ts'
import { ask, type Bench, cpuNs } from './question.ts'

const dictionaryBytes = 4 * 1024
const inFlight = 16

/** @throws {Error} what comes back is not what went in: then no figure of it counts */
function check({ name, squeeze, restore }: Candidate, values: readonly Uint8Array[]): void {
  for (const value of values) {
    const bytes = squeeze(value)
    if (bytes !== undefined && !Buffer.from(restore(bytes, value.length)).equals(value)) throw new Error(`${name} loses data`)
  }
}

function measure(bench: Bench, { name, values }: ValueSet, candidate: Candidate): void {
  check(candidate, values)
  const pairs = values.map(value => ({ value, bytes: candidate.squeeze(value) }))
  const plain = sum(values.map(value => value.length))
  const stored = sum(pairs.map(({ value, bytes }) => bytes?.length ?? value.length))
  bench.measure(
    `${name}: ${candidate.name}`,
    operations => {
      for (let at = 0; at < operations; at++) candidate.squeeze(values[at % values.length]!)
    },
    { ratio: stored / plain }
  )
  const smaller = pairs.filter(({ bytes }) => bytes !== undefined)
  if (smaller.length === 0) return
  bench.measure(`${name}: … and back`, operations => {
    for (let at = 0; at < operations; at++) {
      const { value, bytes } = smaller[at % smaller.length]!
      candidate.restore(bytes!, value.length)
    }
  })
}

/** CPU of all threads, Node's pool among them. */
async function measureAsync(bench: Bench, { name, values }: ValueSet): Promise<void> {
  const bytes = await Promise.all(values.map(asyncDeflate.squeeze))
  const rounds = Math.max(1, Math.round(bench.roundMs / 10))
  const cpuOf = async (work: (at: number) => Promise<unknown>): Promise<number> => {
    const before = cpuNs()
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < rounds * values.length) await work(next++ % values.length)
    }
    await Promise.all(Array.from({ length: inFlight }, worker))
    return (cpuNs() - before) / (rounds * values.length)
  }
  const operations = rounds * values.length
  bench.row({ what: `${name}: ${asyncDeflate.name}`, cpu_ns: await cpuOf(at => asyncDeflate.squeeze(values[at]!)), operations })
  bench.row({ what: `${name}: … and back`, cpu_ns: await cpuOf(at => asyncDeflate.restore(bytes[at]!)), operations })
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/*
 * `node --expose-gc build/bench/compression.js [--records 8000] [--kinds 8] [--ms 100] [--json]`: `ratio` is what is left of all values of
 * a kind, those that do not get smaller stored as they are. The dictionary is trained with other values of the same kind, 4 KB of it.
 */
await ask('What does it cost to make a value smaller, and by how much does it get smaller?', async bench => {
  const sets = await valueSets(bench.option('records', 8_000))
  for (const set of sets.slice(0, bench.option('kinds', sets.length))) {
    const bytes = Math.round(sum(set.values.map(value => value.length)) / set.values.length)
    const dictionary = trainedDictionary(set.samples, dictionaryBytes)
    const named = { ...set, name: `${set.name} (${bytes} B)` }
    for (const candidate of candidates(dictionary)) measure(bench, named, candidate)
    await measureAsync(bench, named)
  }
})
