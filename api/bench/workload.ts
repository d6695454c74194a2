/** Which key is next: 0 ≤ index < count. */
export type KeyChooser = () => number

/** Each key as likely as any other. */
export function uniformKeys(count: number, random: () => number): KeyChooser {
  return () => Math.floor(random() * count)
}

/**
 * The key at rank i with a probability in proportion to 1 / i^theta.
 * @param theta 0 < theta < 1; 0.99 is what YCSB uses
 * @see Gray et al., Quickly Generating Billion-Record Synthetic Databases (SIGMOD 1994)
 */
export function zipfKeys(count: number, theta: number, random: () => number): KeyChooser {
  if (!(theta > 0 && theta < 1)) throw new RangeError(`theta is ${theta}: allowed is 0 < theta < 1`)
  const zetaN = zeta(count, theta)
  const alpha = 1 / (1 - theta)
  const second = 1 + 0.5 ** theta
  const eta = (1 - (2 / count) ** (1 - theta)) / (1 - zeta(Math.min(2, count), theta) / zetaN)
  return () => {
    const u = random()
    const uz = u * zetaN
    if (uz < 1 || count === 1) return 0
    if (uz < second) return 1
    return Math.min(count - 1, Math.floor(count * (eta * u - eta + 1) ** alpha))
  }
}

function zeta(count: number, theta: number): number {
  let sum = 0
  for (let rank = 1; rank <= count; rank += 1) sum += 1 / rank ** theta
  return sum
}

/** Bytes that do not compress, and differ from value to value in their first eight. */
export function valuesOf(bytes: number, random: () => number): () => Uint8Array {
  const pattern = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += 1) pattern[at] = Math.floor(random() * 256)
  let serial = 0
  return () => {
    const value = pattern.slice()
    serial += 1
    for (let at = 0, left = serial; at < Math.min(bytes, 8); at += 1, left = Math.floor(left / 256)) value[at] = left % 256
    return value
  }
}

export function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `bench-${index.toString().padStart(8, '0')}`)
}
