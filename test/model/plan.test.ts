import fc from 'fast-check'
import t from 'tap'
import { limits } from '../../model/limits.ts'
import { type Member, ringMembers, withState } from '../../model/membership.ts'
import { afterChange, planIn, progressOf, turnIn, turnsOf } from '../../model/plan.ts'
import { gainsOf, previewOf } from '../../model/plan-preview.ts'
import { whyNotPlanned } from '../../model/plan-rules.ts'
import { atTurn, changesOf, membershipEpoch, movingNow, promiseOf } from '../../model/ring-change.ts'
import { ringOf } from '../../model/ring.ts'
import { type Plan, planOfText, planText, type StagedChange } from '../../model/staged-plan.ts'
import { newHost } from './random-clusters.ts'

const ringOptions = { partitions: 64, replicas: 3 }
const hosts = [1, 2, 3, 4, 5].map(uid => newHost(`h${uid}`, uid, { seat: uid - 1 }))
const waiting = newHost('n1', 9, { standing: 'joining', state: 'joining', isWaiting: true, seat: 5, ticket: 3, incarnation: 3 })
const staged = (changes: readonly StagedChange[], more: Partial<Plan> = {}): Plan => ({
  id: 7,
  isCommitted: false,
  isPaused: false,
  bytesPerSecond: 0,
  changes,
  ...more
})
const change: fc.Arbitrary<StagedChange> = fc.oneof(
  fc.record({ kind: fc.constant('join' as const), uid: fc.nat(2 ** 32 - 1) }),
  fc.record({ kind: fc.constant('leave' as const), uid: fc.nat(2 ** 32 - 1) }),
  fc.record({
    kind: fc.constant('weight' as const),
    uid: fc.nat(2 ** 32 - 1),
    weight: fc.double({ min: 0.01, max: 1000, noNaN: true })
  }),
  fc.record({
    kind: fc.constant('replace' as const),
    uid: fc.nat(2 ** 32 - 1),
    replaced: fc.nat(2 ** 32 - 1),
    isDead: fc.boolean()
  })
)

t.test(
  'plan: what is written of it comes back as it was; too many changes, weights beyond the limits and nonsense do not',
  async t => {
    const people = fc.record({
      id: fc.nat(),
      isCommitted: fc.boolean(),
      isPaused: fc.boolean(),
      bytesPerSecond: fc.nat(),
      changes: fc.array(change, { maxLength: limits.planChangesMax })
    })
    const plan = fc.oneof(
      people,
      people.map(each => ({ ...each, by: 'autoscaler' as const }))
    )
    fc.assert(fc.property(plan, each => t.same(planOfText(planText(each)), each)))
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => planOfText(text) === undefined || text.startsWith('[')))
    const many = Array.from({ length: limits.planChangesMax + 1 }, (_, uid) => ({ kind: 'leave', uid }) as const)
    t.equal(planOfText(planText(staged(many))), undefined)
    t.equal(planOfText(planText(staged([{ kind: 'weight', uid: 1, weight: 0 }]))), undefined)
  }
)

t.test("plan: an operator's counts before the autoscaler's, whichever is committed, or came first", async t => {
  const [theirs, own] = [staged([], { id: 5 }), staged([], { id: 4, isCommitted: true, by: 'autoscaler' })]
  const rows = [
    { ...hosts[0]!, plan: own },
    { ...hosts[1]!, plan: theirs }
  ]
  t.equal(planIn(rows)?.plan, theirs)
  t.equal(planIn(rows.toReversed())?.plan, theirs)
  t.equal(planIn(rows.slice(0, 1))?.plan, own)
})

t.test('plan: of several the one that is committed counts, then the earliest; a keeper that is gone keeps none', async t => {
  const [a, b] = [staged([], { id: 4 }), staged([], { id: 5, isCommitted: true })]
  const rows = [
    { ...hosts[0]!, plan: a },
    { ...hosts[1]!, plan: b }
  ]
  t.equal(planIn(rows)?.plan, b)
  t.equal(planIn([rows[0]!, withState(rows[1]!, 'removed')])?.plan, a)
  t.equal(planIn(hosts), undefined)
})

t.test('plan: its keeper leaves last, whatever comes first in it; what has its turn follows from the rows', async t => {
  const plan = staged(
    [
      { kind: 'leave', uid: 1 },
      { kind: 'weight', uid: 2, weight: 4 }
    ],
    { isCommitted: true }
  )
  const [keeper, second, ...others] = hosts as [Member, Member, ...Member[]]
  const kept = { keeper, plan }
  t.same(
    turnsOf(kept).map(({ uid }) => uid),
    [2, 1]
  )
  t.equal(turnIn(kept, hosts)?.uid, 2)
  t.equal(turnIn({ keeper, plan: { ...plan, isCommitted: false } }, hosts), undefined)
  const moved = [keeper, { ...second, weight: 4 }, ...others]
  t.equal(turnIn(kept, moved)?.uid, 1)
  t.equal(progressOf({ kind: 'weight', uid: 2, weight: 4 }, [keeper, { ...second, nextWeight: 4 }]), 'moving')
  t.equal(progressOf({ kind: 'leave', uid: 1 }, [withState(keeper, 'left')]), 'done')
  t.equal(progressOf({ kind: 'join', uid: 9 }, [withState(waiting, 'removed')]), 'void')
  const replace = { kind: 'replace', uid: 9, replaced: 2, isDead: false } as const
  t.equal(progressOf(replace, [...hosts, waiting]), 'waiting')
  const { isWaiting: _, ...coming } = { ...waiting, replaces: 2 }
  t.equal(progressOf(replace, [...hosts, coming]), 'moving')
  const up: Member = { ...coming, standing: 'up', state: 'up' }
  t.equal(progressOf(replace, [...hosts, up]), 'ending')
  t.equal(progressOf(replace, [up, withState(second, 'left')]), 'done')
})

t.test('I18 replace: one row moves it, and nothing but what the other had; the other is out for good', async t => {
  const { isWaiting: _, ...coming } = { ...waiting, replaces: 2, ticket: 8 }
  const rows = [...hosts, coming]
  const moving = movingNow(rows)
  t.equal(moving?.kind, 'replace')
  t.same(promiseOf(moving!, rows), { subject: 9, ticket: 8 })
  const turn = atTurn(rows, moving)
  const before = ringOf(turn, ringOptions)
  const after = ringOf(turn, { ...ringOptions, when: 'future' })
  t.same(before.owners, ringOf(hosts, ringOptions).owners)
  t.same(
    after.owners,
    before.owners.map(own => own.map(name => (name === 'h2' ? 'n1' : name)))
  )
  const up: Member = { ...coming, state: 'up', standing: 'up', seat: 1, place: 'h2' }
  t.same(ringOf([...hosts, up], ringOptions).owners, after.owners, 'by its own row alone')
  const gone = ringMembers([...hosts, withState(up, 'removed')]).map(({ name }) => name)
  t.same(gone, ['h1', 'h3', 'h4', 'h5'], 'also when it is gone in its turn')
  t.not(membershipEpoch(rows), membershipEpoch(hosts))
  t.equal(membershipEpoch([...hosts, waiting]), membershipEpoch(hosts), 'who waits is nobody')
  t.equal(
    changesOf([...hosts.slice(0, 1), withState(hosts[1]!, 'leaving'), coming]).some(({ kind }) => kind === 'replace'),
    false
  )
})

t.test('I18 weight: present and future weights make the two rings; of a host that is declared dead it is void', async t => {
  const rows = hosts.with(2, { ...hosts[2]!, nextWeight: 4, ticket: 9 })
  const turn = atTurn(rows, movingNow(rows))
  t.same(ringOf(turn, ringOptions).owners, ringOf(hosts, ringOptions).owners)
  const after = hosts.with(2, { ...hosts[2]!, weight: 4 })
  t.same(ringOf(turn, { ...ringOptions, when: 'future' }).owners, ringOf(after, ringOptions).owners)
  t.same(
    ringOf(atTurn(rows, undefined), { ...ringOptions, when: 'future' }).owners,
    ringOf(hosts, ringOptions).owners,
    'one that waits for its turn is as it was'
  )
  const dead = rows.with(0, { ...hosts[0]!, removing: 3, ticket: 10 }).with(2, withState(rows[2]!, 'down'))
  t.same(
    changesOf(dead).map(({ kind }) => kind),
    ['remove']
  )
})

t.test('preview: what a plan shows is what the rings say; its margin is the least on the way', async t => {
  const changes = [
    { kind: 'replace', uid: 9, replaced: 2, isDead: false },
    { kind: 'weight', uid: 3, weight: 2 }
  ] as const
  const rows = [{ ...hosts[0]!, plan: staged(changes) }, ...hosts.slice(1), waiting]
  const preview = previewOf(planIn(rows)!, rows, ringOptions)
  const held = ringOf(hosts, ringOptions).owners.filter(own => own.includes('h2')).length
  t.equal(preview.steps[0]?.gains.length, held)
  t.ok(preview.steps[0]?.gains.every(({ host }) => host === 'n1'))
  t.same(
    preview.loads.find(({ host }) => host === 'h2'),
    { host: 'h2', before: held, after: 0 }
  )
  t.same(preview.loads.find(({ host }) => host === 'n1')?.before, 0)
  t.equal(preview.margin, 0, 'in the moment in which h2 ceases to answer reads')
  t.equal(preview.steps[1]?.margin, 1)
  t.equal(gainsOf(preview.before, preview.after).length > 0, true)
  const down = rows.map(row => (row.name === 'h4' ? withState(row, 'down') : row))
  t.equal(previewOf(planIn(down)!, down, ringOptions).margin, -1)
})

t.test('rules: each change is judged by the hosts that there are when its turn has come', async t => {
  const setting = { members: [...hosts.slice(0, 3), waiting], hostsNeeded: 3 }
  const leave = { kind: 'leave', uid: 1 } as const
  t.match(whyNotPlanned([leave], setting)?.detail, /without h1 2 hosts would stay/)
  t.equal(whyNotPlanned([{ kind: 'join', uid: 9 }, leave], setting), undefined)
  t.match(whyNotPlanned([leave, { kind: 'join', uid: 9 }], setting)?.detail, /without h1 2 hosts would stay/)
  const elsewhere = { members: [...hosts, { ...waiting, zone: 'z1' }], hostsNeeded: 3 }
  t.match(
    whyNotPlanned([{ kind: 'replace', uid: 9, replaced: 2, isDead: false }], elsewhere)?.detail,
    /only a host of the same zone/
  )
  const many = Array.from({ length: limits.planChangesMax + 1 }, (_, uid) => ({ kind: 'leave', uid }) as const)
  t.match(whyNotPlanned(many, setting)?.detail, /32 changes at most/)
  t.same(afterChange(leave, hosts).length, 4)
})
