import { mix32 } from './hash.ts'
import { sortLowest } from './lowest.ts'

/** Rows that the hosts of a zone share out; a host beyond them draws its row from its name. */
export const seatsMax = 256

/** Below 1, which no score reaches. */
const scoreMax = 1 - 2 ** -40

/**
 * Scores for hosts that know each other's places: row k is made for a host that joins hosts with rows 0 to k - 1, and stays what it is.
 *
 * Independent draws leave some partitions crowded and some bare, and so load hosts unevenly. Row k gives its lowest scores to those
 * partitions whose first place was won with the highest score so far, the next ones by the second places, and so on for `depth` places.
 * So it takes from each host before it alike, and all hosts end even. Which rows a host has is its seat (`seat.ts`), part of the membership; with
 * empty seats the ring is less even (by about the square root of their share), never wrong.
 * @param depth places in a preference list
 * @param seed rows of different zones have nothing to do with each other
 * @returns scores between 0 and 1, one a partition, each row a shuffled row of equal steps
 */
export function seatRows(partitions: number, depth: number, seed: number, count: number): readonly Float64Array[] {
  const rows: Float64Array[] = []
  /** The `depth` lowest scores of each partition so far, ascending. */
  const lowest = new Float64Array(partitions * depth).fill(1)
  const random = new Uint32Array(partitions)
  const order = new Float64Array(partitions)
  const isTaken = new Uint8Array(partitions)
  for (let seat = 0; seat < count; seat++) {
    const rowSeed = mix32(seed, seat)
    const row = new Float64Array(partitions)
    isTaken.fill(0)
    let step = 0
    for (let place = 0; place < depth && step < partitions; place++) {
      // Sorted as plain numbers: highest score of this place first, then at random.
      shuffle(random, mix32(rowSeed, place))
      for (let partition = 0; partition < partitions; partition++) {
        const least = isTaken[partition] === 1 ? 2 : 1 - lowest[partition * depth + place]!
        order[partition] = Math.floor(least * 0x10_0000) * 0x1_0000_0000 + random[partition]! * 0x1_0000 + partition
      }
      const width = Math.min(partitions - step, Math.max(1, Math.round(partitions / (seat + 1))))
      sortLowest(order, width)
      shuffle(random.subarray(0, width), mix32(rowSeed, 0x100 + place))
      for (let at = 0; at < width; at++) {
        const partition = order[at]! % 0x1_0000
        isTaken[partition] = 1
        const score = scoreOfStep(step + random[at]!, rowSeed, partition, partitions)
        row[partition] = score
        insert(lowest, partition * depth, depth, score)
      }
      step += width
    }
    shuffle(random, mix32(rowSeed, 0x200))
    for (const partition of random) {
      if (isTaken[partition] === 0) row[partition] = scoreOfStep(step++, rowSeed, partition, partitions)
    }
    rows.push(row)
  }
  return rows
}

/**
 * Scores of a host that has several rows: the lowest of them, for each partition. They are spread about as those of one row are, so that it is told
 * from another host by its share alone.
 */
export function blockRow(rows: readonly Float64Array[]): Float64Array {
  const [only, ...others] = rows
  if (only === undefined) throw new RangeError('a host has at least one row')
  if (others.length === 0) return only
  const scores = Float64Array.from(only)
  for (const row of others)
    for (let partition = 0; partition < scores.length; partition++)
      if (row[partition]! < scores[partition]!) scores[partition] = row[partition]!
  for (let partition = 0; partition < scores.length; partition++) {
    // The chance that the lowest of so many draws is below this one: by products, which are the same bits on every machine.
    let none = 1
    for (let row = 0; row < rows.length; row++) none *= 1 - scores[partition]!
    scores[partition] = Math.min(1 - none, scoreMax)
  }
  return scores
}

/** A host's scores where it has no seat: as even as one row can be that knows nothing of the others. */
export function namedRow(partitions: number, seed: number): Float64Array {
  const steps = new Uint32Array(partitions)
  shuffle(steps, seed)
  return Float64Array.from(steps, (step, partition) => scoreOfStep(step, seed, partition, partitions))
}

/** Within its step a score is random, or equal hosts would tie and the first name always win. */
function scoreOfStep(step: number, seed: number, partition: number, partitions: number): number {
  return (step + (mix32(seed ^ 0x5bd1e995, partition) + 0.5) / 0x1_0000_0000) / partitions
}

/** 0, 1, 2, … in an order that follows from `seed`. */
function shuffle(steps: Uint32Array, seed: number): void {
  for (let at = 0; at < steps.length; at++) steps[at] = at
  for (let at = steps.length - 1; at > 0; at--) {
    const other = Math.floor((mix32(seed, at) * (at + 1)) / 0x1_0000_0000)
    const step = steps[at]!
    steps[at] = steps[other]!
    steps[other] = step
  }
}

function insert(lowest: Float64Array, start: number, depth: number, score: number): void {
  let at = start + depth - 1
  if (score >= lowest[at]!) return
  for (; at > start && lowest[at - 1]! > score; at--) lowest[at] = lowest[at - 1]!
  lowest[at] = score
}
