import fc from 'fast-check'
import t from 'tap'
import {
  type HostState,
  isGone,
  type Member,
  ringMembers,
  type Standing,
  standings,
  withStanding,
  withState
} from '../../model/membership.ts'
import {
  arrivalOf,
  atTurn,
  beingRemoved,
  changesOf,
  membershipEpoch,
  movingNow,
  promiseOf,
  ticketOf
} from '../../model/ring-change.ts'

const host = (uid: number, more: Partial<Member> = {}): Member => ({
  name: `h${uid}`,
  uid,
  incarnation: 1,
  state: 'up',
  standing: 'up',
  dc: 'dc1',
  zone: 'z1',
  weight: 1,
  heartbeat: 0,
  threads: 1,
  http: '',
  nats: '',
  route: '',
  version: '',
  pid: 1,
  seen: '',
  arrived: '',
  ...more
})
const joining = (uid: number, ticket: number, more: Partial<Member> = {}) =>
  withStanding(host(uid, { ticket, ...more }), 'joining')
const leaving = (uid: number, ticket: number) => withStanding(host(uid, { ticket }), 'leaving')
const removing = (uid: number, ticket: number, subject: number) => host(uid, { ticket, removing: subject })
const down = (member: Member) => withState(member, 'down')

function planned(what: string, uid: number, row: Partial<Member>, subject: number): Member {
  switch (what) {
    case 'weight':
      return host(uid, { ...row, nextWeight: subject + 1 })
    case 'replacing':
      return withStanding(
        host(uid, { ...row, replaces: subject, ...(subject % 2 === 0 ? { removing: subject } : {}) }),
        'joining'
      )
    case 'replaced':
      return host(uid, { ...row, replaces: subject, place: `h${subject}` })
    default:
      return withStanding(host(uid, { ...row, isWaiting: true }), 'joining')
  }
}

/** Clusters of eight in which some join, leave or have others removed, and some are down. */
const clusters: fc.Arbitrary<readonly Member[]> = fc
  .array(
    fc.record({
      what: fc.constantFrom(...standings, 'up', 'removing', 'left', 'removed', 'weight', 'replacing', 'replaced', 'waiting'),
      ticket: fc.integer({ min: 2, max: 6 }),
      subject: fc.integer({ min: 1, max: 8 }),
      state: fc.constantFrom<HostState[]>('up', 'suspect', 'down'),
      name: fc.constantFrom('', '', 'h1')
    }),
    { minLength: 2, maxLength: 8 }
  )
  .map(drawn =>
    drawn.map(({ what, ticket, subject, state, name }, index) => {
      const uid = index + 1
      const row = { ticket, ...(name === '' ? {} : { name }) }
      if (what === 'left' || what === 'removed') return withState(host(uid), what)
      if (what === 'removing') return withState(host(uid, { ticket, removing: subject }), state)
      const member =
        what === 'up'
          ? host(uid)
          : standings.includes(what as Standing)
            ? withStanding(host(uid, row), what as Standing)
            : planned(what, uid, row, subject)
      return state === 'up' ? member : withState(member, state)
    })
  )

t.test('I18 changes: views of one epoch agree on who leaves or is removed now, whoever is reached from where', async () => {
  const isReached = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(clusters, isReached, (members, reached) => {
      const other = members.map((member, at) =>
        isGone(member.state) ? member : reached[at] === true ? withStanding(member, member.standing) : down(member)
      )
      if (membershipEpoch(other) !== membershipEpoch(members)) return false
      const [here, there] = [movingNow(members), movingNow(other)]
      const isJoin = (change: typeof here) => change === undefined || change.kind === 'join'
      return (isJoin(here) && isJoin(there)) || (here?.kind === there?.kind && here?.subject.uid === there?.subject.uid)
    }),
    { numRuns: 2_000 }
  )
})

t.test(
  'changes: by ticket; who takes the place of one that is gone comes before all; a dead leaver is removed at its own turn',
  async t => {
    const order = (members: readonly Member[]) => changesOf(members).map(({ kind, subject }) => `${kind} ${subject.name}`)
    t.same(order([host(1), leaving(2, 7), joining(3, 5), removing(4, 6, 1)]), ['join h3', 'remove h1', 'leave h2'])
    t.same(order([down(host(1)), leaving(2, 7), joining(9, 8, { name: 'h1' })]), ['join h1', 'leave h2'])
    t.same(order([host(1), down(leaving(2, 5)), joining(3, 6), removing(4, 9, 2)]), ['leave h2', 'remove h2', 'join h3'])
    t.same(order([host(1), withState(host(2), 'removed'), removing(4, 9, 2)]), [], 'nobody removes one that is gone')
  }
)

t.test(
  'changes: a host that joins and is silent is passed over by one that joins, and waited for by one that leaves',
  async t => {
    const silent = down(joining(3, 5))
    t.equal(movingNow([host(1), silent, joining(4, 6)])?.subject.uid, 4)
    t.equal(movingNow([host(1), silent, leaving(2, 6)]), undefined)
    t.equal(movingNow([host(1), withState(silent, 'removed'), leaving(2, 6)])?.subject.uid, 2)
    t.equal(movingNow([host(1), leaving(2, 4), silent])?.subject.uid, 2, 'one that came later holds up nobody')
  }
)

t.test('changes: a promise is kept, whatever comes before it, until what it was given for is over or begun anew', async t => {
  const leaver = leaving(2, 7)
  const before = [host(1), leaver]
  const promised = promiseOf(movingNow(before)!, before)
  t.same(promised, { subject: 2, ticket: 7 })
  const newcomer = joining(9, 8, { name: 'h1' })
  t.equal(movingNow([down(host(1)), leaver, newcomer])?.subject.uid, 9)
  t.equal(movingNow([down(host(1)), leaver, newcomer], promised)?.subject.uid, 2)
  t.equal(movingNow([down(host(1)), leaving(2, 9), newcomer], promised)?.subject.uid, 9, 'begun anew')
  t.equal(movingNow([host(1), withStanding(leaver, 'drained'), newcomer], promised)?.subject.uid, 9, 'over')
  const replaced = [host(1), down(leaver), joining(9, 8, { name: 'h2', incarnation: 8 })]
  t.equal(movingNow(replaced, promised)?.subject.uid, 9, 'it has lost its disk, and another takes its place')
  const dead = [removing(1, 9, 2), down(leaver)]
  t.same(promiseOf(movingNow(dead)!, dead), { subject: 2, ticket: 9 }, 'the ring after a removal is the one after the leaving')
  t.equal(promiseOf(movingNow([host(1), joining(3, 4)])!, [host(1), joining(3, 4)]), undefined)
})

t.test('changes: the ring has those that wait as they were, one that leaves until it is drained, and none after', async t => {
  const members = [host(1), leaving(2, 7), leaving(3, 8), joining(4, 9), withStanding(host(5), 'drained')]
  const rows = atTurn(members, movingNow(members))
  const names = (when: 'present' | 'future') => ringMembers(rows, when).map(({ name }) => name)
  t.same(names('present'), ['h1', 'h2', 'h3'])
  t.same(names('future'), ['h1', 'h3'])
  t.same(
    ringMembers(atTurn(members, undefined), 'future').map(({ name }) => name),
    ['h1', 'h2', 'h3']
  )
  const dead = [removing(1, 3, 2), down(host(2)), host(3)]
  t.same([...beingRemoved(dead)], [2])
  t.same(
    ringMembers(atTurn(dead, movingNow(dead)), 'future').map(({ name }) => name),
    ['h1', 'h3']
  )
})

t.test(
  'I18 epoch: a second try to leave is another epoch, so that what was said for the first does not count; drained is as gone',
  async t => {
    const epochs = [
      [host(1), leaving(2, 7)],
      [host(1), leaving(2, 8)],
      [removing(1, 7, 2), host(2)],
      [host(1), host(2)],
      [host(1)]
    ]
    t.equal(new Set(epochs.map(membershipEpoch)).size, epochs.length)
    t.equal(membershipEpoch([host(1), withStanding(host(2), 'drained')]), membershipEpoch([host(1)]))
    t.not(arrivalOf(membershipEpoch(epochs[0]!), 2), arrivalOf(membershipEpoch(epochs[1]!), 2))
    t.equal(ticketOf([host(1), leaving(2, 7), joining(3, 5, { incarnation: 9 })]), 10)
  }
)
