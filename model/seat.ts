import type { Member } from './membership.ts'
import { seatsMax } from './seat-rows.ts'
import { wireOfSeatBlocks, wireSpoken } from './wire-version.ts'

/** Rows that one host has at most. */
const rowsMax = 16
/** Rows of a first host whose weight is no number of rows itself: the others' are counted by it. */
const rowsUsual = 4
/** A seat is one number, in rows of members and in messages: its first row, and so many times this its further rows. */
const further = 4096

type Seating = Pick<Member, 'dc' | 'zone' | 'weight' | 'version'>

/** A host's seat: rows one after the other, of those that the hosts of its zone share out among themselves (`seat-rows.ts`). */
export interface SeatRows {
  readonly first: number
  readonly count: number
}

export function seatOf({ first, count }: SeatRows): number {
  return first + further * (count - 1)
}

export function rowsOfSeat(seat: number): SeatRows {
  return { first: seat % further, count: Math.floor(seat / further) + 1 }
}

export function seatsOverlap(one: number, other: number): boolean {
  const [a, b] = [rowsOfSeat(one), rowsOfSeat(other)]
  return a.first < b.first + b.count && b.first < a.first + a.count
}

/**
 * The seat for a host that joins: the first rows one after the other that no host of its datacenter and zone has, that has not left or been
 * removed; as many of them as its weight is of the others' weight for a row. So rows are alike, whatever the weights of hosts.
 * Two that join unaware of each other may take the same ones: their partitions then coincide more than they need to, and nothing else.
 * @returns undefined where there are no more rows; and, as long as some host is of a release that knows only seats of one row, where
 * the seated hosts have other weights
 */
export function freeSeat(members: readonly Member[], host: Seating): number | undefined {
  const present = members.filter(({ state }) => state !== 'left' && state !== 'removed')
  const seated = present.filter(({ dc, seat }) => dc === host.dc && seat !== undefined)
  const near = seated.filter(({ zone }) => zone === host.zone)
  const hasBlocks = (wireSpoken([...present, host].map(({ version }) => version)) ?? 0) >= wireOfSeatBlocks
  if (!hasBlocks && near.some(({ weight }) => weight !== host.weight)) return undefined
  const count = hasBlocks ? rowsFor(host.weight, seated) : 1
  const taken = new Set<number>()
  for (const { seat } of near) {
    const rows = rowsOfSeat(seat!)
    for (let row = rows.first; row < rows.first + rows.count; row++) taken.add(row)
  }
  let first = 0
  for (let row = 0; row < first + count; row++) if (taken.has(row)) first = row + 1
  return first + count > seatsMax && count > 1 ? undefined : seatOf({ first, count })
}

/** How many rows make a host of this weight alike to those that are seated. */
function rowsFor(weight: number, seated: readonly Member[]): number {
  const rows = seated.reduce((sum, { seat }) => sum + rowsOfSeat(seat!).count, 0)
  const isCount = Math.round(weight) >= 1 && Math.round(weight) <= rowsMax
  const unit = rows === 0 ? (isCount ? 1 : weight / rowsUsual) : seated.reduce((sum, member) => sum + member.weight, 0) / rows
  return Math.min(rowsMax, Math.max(1, Math.round(weight / unit)))
}
