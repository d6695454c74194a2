import fc from 'fast-check'
import t from 'tap'
import { aboutOf, briefOf, memberOf, MemberList } from '../../model/member-list.ts'
import { hostStates, type Member, standings, successorOf, withState } from '../../model/membership.ts'
import { arrivalOf } from '../../model/ring-change.ts'

const epoch = fc.constantFrom('', '00000001', 'deadbeef')
const member: fc.Arbitrary<Member> = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  uid: fc.integer({ min: 1, max: 5 }),
  incarnation: fc.integer({ min: 1, max: 3 }),
  state: fc.constantFrom(...hostStates),
  standing: fc.constantFrom(...standings),
  dc: fc.constant('dc1'),
  zone: fc.constantFrom('z1', 'z2'),
  weight: fc.integer({ min: 1, max: 2 }),
  heartbeat: fc.nat(9),
  threads: fc.constant(1),
  http: fc.constant(''),
  nats: fc.constant(''),
  route: fc.constant(''),
  version: fc.constant(''),
  pid: fc.constantFrom(1, 2),
  seen: epoch,
  arrived: epoch
})

t.test('member list: its digest is that of what it holds, whatever it held before and in whatever order it came', async () => {
  fc.assert(
    fc.property(fc.array(member, { maxLength: 20 }), rows => {
      const list = new MemberList()
      for (const row of rows) list.set(row)
      const again = new MemberList()
      for (const row of [...list.members].reverse()) again.set(row)
      return list.digest === again.digest && JSON.stringify(list.members) === JSON.stringify(again.members)
    })
  )
})

t.test('member list: another row, another digest', async () => {
  fc.assert(
    fc.property(member, member, (a, b) => {
      const [one, other] = [new MemberList(), new MemberList()]
      one.set(a)
      other.set(b)
      const isSame = JSON.stringify(a) === JSON.stringify(b)
      return isSame === (one.digest === other.digest)
    })
  )
})

t.test('brief: with a row of the same `about` it gives the row back', async () => {
  fc.assert(
    fc.property(member, member, (row, other) => {
      const known = { ...row, incarnation: other.incarnation, state: other.state, heartbeat: other.heartbeat, seen: other.seen }
      const brief = briefOf({ member: row, about: aboutOf(row), digest: 0 })
      return aboutOf(known) === brief.about && JSON.stringify(memberOf(brief, known)) === JSON.stringify(row)
    })
  )
})

t.test(
  'successor: who joins under the name of a member with a later ticket; none of its own kind, and none that is gone',
  async t => {
    const [row] = fc.sample(member, 1)
    const old = withState({ ...row!, name: 'a', uid: 1, incarnation: 3 }, 'up')
    const young = withState({ ...old, uid: 2, incarnation: 4 }, 'joining')
    t.equal(successorOf(old, [old, young]), young)
    t.equal(successorOf(young, [old, young]), undefined)
    t.equal(successorOf(old, [old, withState(young, 'removed')]), undefined)
    t.equal(successorOf(old, [old, { ...young, name: 'b' }]), undefined)
    t.not(arrivalOf('00000001', 1), arrivalOf('00000001', 2))
    t.match(arrivalOf('deadbeef', 7), /^[0-9a-f]{8}$/)
  }
)
