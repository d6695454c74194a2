import { Worker } from 'node:worker_threads'
import type { Outcome } from './run.ts'
import type { ScenarioOptions } from './scenario.ts'

/** Runs make little that lasts, and much that does not: with room for it, it dies young. A third more events per second than by default. */
const resourceLimits = Object.freeze({ maxYoungGenerationSizeMb: 96 })

export interface SeedPoolOptions {
  /** In the order in which they are run. */
  readonly scenarios: Iterable<ScenarioOptions>
  readonly threads: number
  readonly signal?: AbortSignal
  /** Told of each run that ended, in no order. */
  readonly onOutcome: (outcome: Outcome) => void
}

/**
 * Run many scenarios, each thread one at a time.
 * @returns once all have run, or those under way when the signal came
 * @throws {Error} a thread died
 */
export async function runSeeds({ scenarios, threads, signal, onOutcome }: SeedPoolOptions): Promise<void> {
  const waiting = scenarios[Symbol.iterator]()
  await Promise.all(Array.from({ length: threads }, () => runThread()))

  async function runThread(): Promise<void> {
    const worker = new Worker(new URL('./seed-worker.js', import.meta.url), { resourceLimits })
    try {
      await new Promise<void>((resolve, reject) => {
        const send = (): void => {
          const next = signal?.aborted === true ? undefined : waiting.next()
          if (next === undefined || next.done === true) resolve()
          else worker.postMessage(next.value)
        }
        worker.on('message', (outcome: Outcome) => {
          onOutcome(outcome)
          send()
        })
        worker.on('error', reject)
        worker.on('exit', code => reject(new Error(`a simulation thread ended with status ${code}`)))
        send()
      })
    } finally {
      await worker.terminate()
    }
  }
}
