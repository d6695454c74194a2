/** Bytes that may be allocated between two looks: less than V8's young generation, so that nothing is collected meanwhile. */
const sampleBytesMax = 2 * 1024 * 1024
const operationsMax = 20_000
const samples = 9

/** Bytes of the heap and outside of it (Buffers) that are in use; exact right after a collection only. */
function bytesInUse(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** @returns the bytes in use once all garbage is gone; undefined where Node was started without --expose-gc */
export function bytesKept(): number | undefined {
  if (globalThis.gc === undefined) return undefined
  // What the first one lets go of may free more.
  globalThis.gc()
  globalThis.gc()
  return bytesInUse()
}

/**
 * Bytes that one operation allocates, kept or not: the median of some samples, without what looking costs.
 * @param run does so many operations
 * @returns undefined where Node was started without --expose-gc
 */
export function allocatedBytes(run: (operations: number) => void): number | undefined {
  if (globalThis.gc === undefined) return undefined
  run(1)
  const looking = median(Array.from({ length: samples }, () => growth(() => {})))
  let operations = 64
  // As many as fit: the more, the less a single look matters.
  while (operations < operationsMax && growth(() => run(operations)) < sampleBytesMax / 4) operations *= 2
  const grown = median(Array.from({ length: samples }, () => growth(() => run(operations))))
  const bytes = Math.max(0, (grown - looking) / operations)
  // A few hundred bytes more or less in all are the engine's own.
  return bytes * operations < 1_024 ? 0 : bytes
}

function growth(work: () => void): number {
  globalThis.gc!()
  const before = bytesInUse()
  work()
  return bytesInUse() - before
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
