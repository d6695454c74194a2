import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Row } from '../question.ts'

/** What a bench prints with `--json`. */
export interface Answer {
  readonly question: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string }
  readonly rows: readonly Row[]
}

/**
 * Ask a bench in a process of its own; what it says beside its answer is passed on.
 * @param file below `bench/`, as built
 * @throws {Error} it ended without an answer
 */
export function answerOf(file: string, words: readonly string[], signal?: AbortSignal): Promise<Answer> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path, ...words, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
    // It ends its hosts, then itself.
    const stop = (): void => void child.kill('SIGTERM')
    signal?.addEventListener('abort', stop, { once: true })
    child.once('error', reject)
    child.once('close', (status, by) => {
      signal?.removeEventListener('abort', stop)
      if (status === 0) resolve(JSON.parse(out) as Answer)
      else reject(new Error(`${file} ended with ${by ?? `exit status ${status}`}`))
    })
  })
}
