import { execFile, execFileSync } from 'node:child_process'

/** Run a program of the system. @returns what it wrote @throws {Error} it failed: says what it wrote */
export function run(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, [...args], (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${program} ${args.join(' ')}: ${stderr.trim() || error.message}`))
    })
  })
}

/** Whether all of these programs can be found. @returns the first that cannot */
export function missingProgram(...programs: readonly string[]): string | undefined {
  return programs.find(program => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
      return false
    } catch {
      return true
    }
  })
}

/** Waits until `holds`, looking again and again. @returns milliseconds that it took @throws {Error} it does not within the time */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs: number): Promise<number> {
  const startMs = performance.now()
  while (!(await holds())) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await pause(50)
  }
  return performance.now() - startMs
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** Calls `work` for each, so many at a time. */
export async function eachOf<T>(items: Iterable<T>, atATime: number, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: atATime }, worker))
}
