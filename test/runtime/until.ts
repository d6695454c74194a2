/** Wait for a condition, with a bound. @throws where it does not come true */
export async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const since = performance.now()
  while (!(await condition())) {
    if (performance.now() - since > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
