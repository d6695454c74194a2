/** Which key is next: 0 ≤ index < count. */
export type KeyChooser = () => number

/** Each key as likely as any other. */
export function uniformKeys(count: number, random: () => number): KeyChooser {
  return () => Math.floor(random() * count)
}

/** The greatest skew of a choice of keys: five of six are the first one. */
export const zipfMax = 3

/**
 * The key at rank i with a probability in proportion to 1 / i^theta: by rejection from the integral of that curve, which takes one or two draws.
 * @param theta 0 < theta ≤ `zipfMax`; 0.99 is what YCSB uses
 * @see Hörmann, Derflinger, Rejection-inversion to generate variates from monotone discrete distributions (ACM TOMACS 1996)
 */
export function zipfKeys(count: number, theta: number, random: () => number): KeyChooser {
  if (!(theta > 0 && theta <= zipfMax)) throw new RangeError(`theta is ${theta}: allowed is 0 < theta ≤ ${zipfMax}`)
  const weight = (rank: number): number => Math.exp(-theta * Math.log(rank))
  const integral = (rank: number): number => {
    const log = Math.log(rank)
    return expm1Over((1 - theta) * log) * log
  }
  const inverse = (area: number): number => Math.exp(log1pOver(Math.max(-1, area * (1 - theta))) * area)
  const first = integral(1.5) - 1
  const last = integral(count + 0.5)
  const sure = 2 - inverse(integral(2.5) - weight(2))
  return () => {
    for (;;) {
      const area = last + random() * (first - last)
      const at = inverse(area)
      const rank = Math.min(count, Math.max(1, Math.round(at)))
      if (rank - at <= sure || area >= integral(rank + 0.5) - weight(rank)) return rank - 1
    }
  }
}

/** (e^x − 1) / x, also near 0. */
function expm1Over(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.expm1(x) / x : 1 + x / 2
}

/** log(1 + x) / x, also near 0. */
function log1pOver(x: number): number {
  return Math.abs(x) > 1e-8 ? Math.log1p(x) / x : 1 - x / 2
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
