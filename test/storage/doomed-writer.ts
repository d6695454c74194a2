import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Key } from '../../model/key.ts'
import { writerKey } from './ceaseless-writer.ts'

/** What a process that wrote without end was told before it died. */
export class Acknowledged {
  /** By key, the highest number that was acknowledged as committed or flushed … */
  readonly any = new Map<Key, number>()
  /** … and as flushed. */
  readonly flushed = new Map<Key, number>()
  highest = 0

  note(number: number): void {
    this.highest = Math.max(this.highest, number)
    raise(this.any, number)
    if (number % 3 !== 0) raise(this.flushed, number)
  }
}

function raise(map: Map<Key, number>, number: number): void {
  const key = writerKey(number)
  if (number > (map.get(key) ?? 0)) map.set(key, number)
}

/** Let a process write to `directory` until `kill`, called `afterMs` after its first acknowledgement, has ended it. */
export async function writeUntilKilled(
  directory: string,
  generation: number,
  afterMs: number,
  acknowledged: Acknowledged,
  kill: (child: ChildProcess) => void
): Promise<void> {
  const program = fileURLToPath(new URL('./store-process.js', import.meta.url))
  const first = acknowledged.highest + 100_000
  const child = spawn(process.execPath, [program, directory, String(generation), String(first)], {
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let said = ''
  let rest = ''
  let timer: NodeJS.Timeout | undefined
  let isKilled = false
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stdout.on('data', (chunk: Buffer) => {
    timer ??= setTimeout(() => {
      isKilled = true
      kill(child)
    }, afterMs)
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop()!
    for (const line of lines) acknowledged.note(Number(line))
  })
  await new Promise(resolve => child.on('close', resolve))
  clearTimeout(timer)
  if (!isKilled) throw new Error(`the writer ended by itself: ${said.slice(0, 2_000)}`)
}
