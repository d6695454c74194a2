/** So few numbers are sorted rather than divided further. */
const sortedAtOnce = 64

/**
 * Puts the lowest numbers first, ascending; the others follow in any order. Where few of many are wanted it costs little more than to look at
 * each of them twice.
 * @param numbers none of them NaN
 * @param count 0 ≤ count ≤ numbers.length
 * @see Hoare: Algorithm 65, Find (1961)
 */
export function sortLowest(numbers: Float64Array, count: number): void {
  // Those before `first` are among the lowest, those behind `last` are not needed to tell which are.
  let first = 0
  let last = numbers.length - 1
  while (last - first > sortedAtOnce && last >= count) {
    const pivot = medianOf(numbers[first]!, numbers[(first + last) >>> 1]!, numbers[last]!)
    let low = first
    let high = last
    while (low <= high) {
      while (numbers[low]! < pivot) low++
      while (numbers[high]! > pivot) high--
      if (low > high) break
      const other = numbers[low]!
      numbers[low++] = numbers[high]!
      numbers[high--] = other
    }
    if (count < low) last = low - 1
    else first = low
  }
  numbers.subarray(0, first).sort()
  numbers.subarray(first, last + 1).sort()
}

function medianOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
