const pollMs = 20

export function passed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** @throws {Error} it does not hold within the time */
export async function until(what: string, holds: () => boolean | Promise<boolean>, msMax: number): Promise<void> {
  const deadlineMs = performance.now() + msMax
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${msMax} ms: ${what}`)
    await passed(pollMs)
  }
}
