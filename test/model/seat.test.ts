import fc from 'fast-check'
import t from 'tap'
import type { Member } from '../../model/membership.ts'
import { freeSeat, rowsOfSeat, seatOf, seatsOverlap } from '../../model/seat.ts'
import { seatsMax } from '../../model/seat-rows.ts'
import { versionTold } from '../../model/wire-version.ts'
import { newHost } from './random-clusters.ts'

const version = versionTold('0.3.0')
const some = newHost('h', 9, { version })

function seated(uid: number, seat: number | undefined, more: Partial<Member> = {}): Member {
  return newHost(`h${uid}`, uid, { version, ...(seat === undefined ? {} : { seat }), ...more })
}

t.test('a seat is one number and comes back as rows; one of a single row is that row’s number', async t => {
  for (const rows of [
    { first: 0, count: 1 },
    { first: 255, count: 1 },
    { first: 7, count: 16 }
  ])
    t.same(rowsOfSeat(seatOf(rows)), rows)
  t.equal(seatOf({ first: 31, count: 1 }), 31)
  t.ok(seatsOverlap(seatOf({ first: 2, count: 3 }), 4))
  t.notOk(seatsOverlap(seatOf({ first: 2, count: 3 }), 5))
  t.notOk(seatsOverlap(1, seatOf({ first: 2, count: 3 })))
})

t.test('freeSeat: equal hosts take a row each, the first that is free in the datacenter and zone', async t => {
  t.equal(freeSeat([], some), 0)
  t.equal(freeSeat([seated(1, 0), seated(2, 2)], some), 1)
  t.equal(freeSeat([seated(1, 0, { zone: 'z2' }), seated(2, 1, { dc: 'dc2' })], some), 0)
  t.equal(freeSeat([seated(1, 0, { state: 'left' }), seated(2, 1)], some), 0)
  t.equal(freeSeat([seated(1, undefined, { weight: 9 }), seated(2, 0)], some), 1, 'one without a seat does not matter')
})

t.test('freeSeat: a host takes as many rows as its weight is of what the others have for a row, side by side', async t => {
  t.equal(freeSeat([], { ...some, weight: 3 }), seatOf({ first: 0, count: 3 }))
  t.equal(freeSeat([seated(1, 0)], { ...some, weight: 2 }), seatOf({ first: 1, count: 2 }))
  t.equal(
    freeSeat([seated(1, 0), seated(2, 2)], { ...some, weight: 2 }),
    seatOf({ first: 3, count: 2 }),
    'past a gap that is too small'
  )
  t.equal(
    freeSeat([seated(1, 0, { weight: 4 })], { ...some, weight: 4 }),
    1,
    'hosts of an earlier release had one row for any weight'
  )
  t.equal(freeSeat([seated(1, seatOf({ first: 0, count: 4 }), { weight: 100 })], { ...some, weight: 25 }), 4)
  t.equal(freeSeat([], { ...some, weight: 100 }), seatOf({ first: 0, count: 4 }), 'weights may be anything')
  t.equal(freeSeat([seated(1, 0)], { ...some, weight: 0.25 }), 1)
  t.equal(freeSeat([seated(1, 0)], { ...some, weight: 900 }), seatOf({ first: 1, count: 16 }), 'never more than 16')
})

t.test('freeSeat: beside hosts that know seats of one row alone it is as they have it', async t => {
  const before = versionTold('0.2.0', { least: 1, most: 2 })
  t.equal(freeSeat([seated(1, 0, { version: before })], { ...some, weight: 2 }), undefined)
  t.equal(freeSeat([seated(1, 0, { version: before, weight: 2 })], { ...some, weight: 2 }), 1)
  t.equal(freeSeat([seated(1, 0, { version: before, state: 'left' })], { ...some, weight: 2 }), seatOf({ first: 0, count: 2 }))
})

t.test('property: hosts that come one after the other, and go, never share a row, as long as there are rows', async () => {
  const step = fc.record({ weight: fc.integer({ min: 1, max: 8 }), goes: fc.option(fc.nat(30)) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let hosts: Member[] = []
      for (const [uid, { weight, goes }] of steps.entries()) {
        const host = seated(uid, undefined, { weight })
        const seat = freeSeat(hosts, host)
        hosts.push(seat === undefined ? host : { ...host, seat })
        if (goes !== null) hosts = hosts.toSpliced(goes % hosts.length, 1)
      }
      const rows = hosts.flatMap(({ seat }) => {
        const { first, count } = seat === undefined ? { first: 0, count: 0 } : rowsOfSeat(seat)
        return Array.from({ length: count }, (_, at) => first + at)
      })
      return new Set(rows).size === rows.length && rows.every(row => row < seatsMax)
    })
  )
})
