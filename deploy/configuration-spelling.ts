/** The name of `known` that `given` was most likely meant to be; undefined where none is near. Case and separators do not count. */
export function nearestName(given: string, known: readonly string[], distanceMax = 3): string | undefined {
  const wanted = bare(given).slice(0, 64)
  let best: string | undefined
  let bestDistance = Math.min(distanceMax, Math.floor(wanted.length / 2)) + 1
  for (const name of known) {
    const distance = editDistance(wanted, bare(name), bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.\s]/g, '')
}

/** Insertions, deletions, replacements and swaps of neighbours; `bound` where it is that or more. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound
  let older: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, older[j - 2]! + 1)
      row.push(cost)
    }
    older = previous
    previous = row
  }
  return Math.min(previous[b.length]!, bound)
}
