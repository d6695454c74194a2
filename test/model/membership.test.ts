import fc from 'fast-check'
import t from 'tap'
import {
  hostStates,
  mergeMember,
  mergeMembership,
  ringMembers,
  standings,
  withState,
  type Member
} from '../../model/membership.ts'
import { membershipEpoch } from '../../model/ring-change.ts'

const member: fc.Arbitrary<Member> = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  uid: fc.integer({ min: 1, max: 4 }),
  incarnation: fc.integer({ min: 1, max: 3 }),
  state: fc.constantFrom(...hostStates),
  standing: fc.constantFrom(...standings),
  dc: fc.constant('dc1'),
  zone: fc.constantFrom('z1', 'z2'),
  weight: fc.integer({ min: 1, max: 2 }),
  heartbeat: fc.nat(2),
  threads: fc.constant(1),
  http: fc.constant(''),
  nats: fc.constant(''),
  route: fc.constant(''),
  version: fc.constant(''),
  pid: fc.constantFrom(1, 2),
  seen: fc.constantFrom('', 'x'),
  arrived: fc.constantFrom('', 'x')
})
const some: Member = {
  name: 'a',
  uid: 1,
  incarnation: 1,
  state: 'up',
  standing: 'up',
  dc: 'dc1',
  zone: 'z1',
  weight: 1,
  heartbeat: 5,
  threads: 1,
  http: '',
  nats: '',
  route: '',
  version: '',
  pid: 1,
  seen: '',
  arrived: ''
}
const view = fc.array(member, { maxLength: 5 }).map(members => mergeMembership([], members))
const text = JSON.stringify

t.test('merge: commutative, associative, idempotent, ascending by uid, and itself where nothing is new', async () => {
  fc.assert(
    fc.property(view, view, view, (a, b, c) => {
      const ab = mergeMembership(a, b)
      return (
        text(ab) === text(mergeMembership(b, a)) &&
        text(mergeMembership(ab, c)) === text(mergeMembership(a, mergeMembership(b, c))) &&
        mergeMembership(a, a) === a &&
        mergeMembership(ab, b) === ab &&
        ab.every((each, at) => at === 0 || ab[at - 1]!.uid < each.uid)
      )
    }),
    { numRuns: 3000 }
  )
})

t.test('I16 merge: removed is final for its uid, whatever incarnation comes later', async () => {
  fc.assert(
    fc.property(member, member, (a, b) => {
      const removed = withState({ ...a, uid: b.uid }, 'removed')
      return mergeMember(removed, b).state === 'removed' && mergeMember(b, removed).state === 'removed'
    })
  )
})

t.test('I16 merge: a suspicion stands against any heartbeat of its incarnation, and a higher incarnation refutes it', async t => {
  const suspected = withState(some, 'suspect')
  t.equal(mergeMember({ ...some, heartbeat: 99 }, suspected), suspected)
  const refuted = { ...some, incarnation: 2, heartbeat: 0 }
  t.equal(mergeMember(suspected, refuted), refuted)
  t.equal(mergeMember(refuted, withState(some, 'down')), refuted)
  t.match(mergeMember(some, { ...some, heartbeat: 6 }), { heartbeat: 6 })
})

t.test('withState: suspicion keeps the standing; joining, up and leaving are one', async t => {
  t.match(withState(some, 'down'), { state: 'down', standing: 'up' })
  t.match(withState(withState(some, 'leaving'), 'suspect'), { state: 'suspect', standing: 'leaving' })
  t.equal(withState(some, 'up'), some)
})

t.test('I18 epoch: not moved by heartbeats, suspicion, order or addresses; moved by whatever the ring follows from', async t => {
  const other = { ...some, name: 'b', uid: 2 }
  const epoch = membershipEpoch([some, other])
  t.match(epoch, /^[0-9a-f]{8}$/)
  t.equal(membershipEpoch([other, { ...some, heartbeat: 99, incarnation: 4, pid: 7, http: 'x', seen: 'y' }]), epoch)
  t.equal(membershipEpoch([withState(some, 'suspect'), withState(other, 'down')]), epoch)
  t.equal(membershipEpoch([some, other, withState({ ...some, name: 'c', uid: 3 }, 'removed')]), epoch)
  const changes: Member[] = [
    { ...some, weight: 2 },
    { ...some, zone: 'z2' },
    { ...some, dc: 'dc2' },
    { ...some, name: 'c' },
    { ...some, uid: 9 },
    { ...some, seat: 1 },
    withState(some, 'leaving'),
    withState(some, 'joining'),
    withState(some, 'left')
  ]
  t.equal(new Set([epoch, ...changes.map(changed => membershipEpoch([changed, other]))]).size, changes.length + 1)
})

t.test(
  'I17 ringMembers: of two identities with one name the higher incarnation holds the place, and removal of it gives it back',
  async t => {
    const old = { ...some, incarnation: 3 }
    const wiped = { ...some, uid: 7, incarnation: 4 }
    t.same(ringMembers([wiped, old]), [wiped])
    t.same(ringMembers([old, wiped]), [wiped])
    t.same(ringMembers([old, withState(wiped, 'removed')]), [old])
  }
)
