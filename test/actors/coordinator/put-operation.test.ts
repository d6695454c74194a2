import t from 'tap'
import { fault } from '../../../model/fault.ts'
import { live } from '../../../model/siblings.ts'
import { CoordinatorRig } from './coordinator-rig.ts'

const full = fault('storage_full', 'the disk is full')

t.test('N=3 W=2, all owners up → replicas are asked in one turn, no fallback; the second acknowledgement answers', async t => {
  const rig = new CoordinatorRig()
  rig.put()
  t.same(rig.open, ['h2 replicate', 'h3 replicate'])
  t.same(rig.replies, [], 'one has stored it: that is not W')
  rig.stores('h3')
  t.match(rig.replies, [{ kind: 'written', strength: 'strong', answered: 2 }])
  t.equal(rig.underWay, 1, 'h2 may still fail')
  rig.stores('h2')
  t.equal(rig.replies.length, 1)
  t.equal(rig.underWay, 0)
  t.same(rig.crashes, [])
})

t.test('N=3 W=3, an owner is known to be away → the fallback gets the hint at once, and counts', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.put({ replicas: 3 })
  t.same(rig.open, ['h2 replicate', 'h4 hint for h3'])
  rig.stores('h2')
  t.same(rig.replies, [])
  rig.stores('h4')
  t.match(rig.replies, [
    {
      kind: 'written',
      strength: 'sloppy',
      answered: 3,
      receipt: {
        needed: 3,
        acks: [
          { host: 'h1', role: 'primary' },
          { host: 'h2', role: 'primary' },
          { host: 'h4', role: 'fallback' }
        ]
      }
    }
  ])
  t.equal(rig.underWay, 0)
})

t.test('N=3 W=2, an owner is away, and the other two answer → strong, the hint is under way all the same', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.put()
  rig.stores('h2')
  t.match(rig.replies, [{ kind: 'written', strength: 'strong', answered: 2 }])
  t.same(rig.open, ['h4 hint for h3'])
})

for (const [how, fail] of [
  ['says that its disk is full', (rig: CoordinatorRig) => void rig.answer('h2', { kind: 'failed', fault: full })],
  ['has no such vnode', (rig: CoordinatorRig) => rig.undelivered('h2', 'no-such-actor')],
  ['has too much to do', (rig: CoordinatorRig) => rig.undelivered('h2', 'overloaded')],
  ['has nobody who listens', (rig: CoordinatorRig) => rig.unreachable('h2')],
  ['is found to be down by the ring', (rig: CoordinatorRig) => (rig.ring({ h2: 'down' }), rig.run())]
] as const) {
  t.test(`N=3 W=3, an owner ${how} in the middle of a write → a stand-in takes it, and the write succeeds`, async t => {
    const rig = new CoordinatorRig()
    rig.put({ replicas: 3 })
    fail(rig)
    t.ok(rig.open.includes('h4 hint for h2'), rig.open.join(', '))
    rig.stores('h3')
    rig.stores('h4')
    t.match(rig.replies, [{ kind: 'written', strength: 'sloppy', answered: 3 }])
    t.same(rig.crashes, [])
  })
}

t.test('N=3 W=3, the fallback fails, too → the next one; that one as well → no host is left, the write is unmet', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.put({ replicas: 3 })
  rig.stores('h2')
  rig.undelivered('h4', 'overloaded')
  t.same(rig.open, ['h5 hint for h3'])
  t.same(rig.replies, [])
  rig.undelivered('h5', 'overloaded')
  t.match(rig.replies, [
    { kind: 'refused', fault: { code: 'quorum_unavailable', needed: 3, answered: 2, outcome: 'indeterminate' } }
  ])
  t.equal(rig.underWay, 0)
})

t.test('N=3 W=2, no fallback is left for an owner that fails after the answer → that is the exchange’s affair', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down', h5: 'down' } })
  rig.put()
  rig.stores('h4')
  t.match(rig.replies, [{ kind: 'written', strength: 'sloppy' }])
  rig.undelivered('h2', 'no-such-actor')
  t.same(rig.open, [])
  t.equal(rig.underWay, 0)
})

t.test('N=3 W=2, an owner fails after the client has its answer → it still gets a hint', async t => {
  const rig = new CoordinatorRig()
  rig.put()
  rig.stores('h2')
  t.equal(rig.replies.length, 1)
  rig.answer('h3', { kind: 'failed', fault: full })
  t.same(rig.open, ['h4 hint for h3'])
  rig.stores('h4')
  t.equal(rig.replies.length, 1)
  t.equal(rig.underWay, 0)
})

t.test('strict, N=3 W=3, an owner away → refused with its figures before anything is minted or sent', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.put({ replicas: 3, sloppy: false })
  t.match(rig.replies, [{ kind: 'refused', fault: { code: 'quorum_unavailable', needed: 3, answered: 0, outcome: 'refused' } }])
  t.match(rig.replies, [{ fault: { detail: /h3 \(down\)/ } }])
  t.same(rig.open, [])
  t.equal(rig.disk.pairs(0)?.size ?? 0, 0)
})

t.test('strict, N=3 W=2, an owner away → the hint is written, and is not counted', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.put({ sloppy: false })
  t.same(rig.open, ['h2 replicate', 'h4 hint for h3'])
  rig.stores('h4')
  t.same(rig.replies, [], 'h1 and a fallback are no two owners')
  rig.stores('h2')
  t.match(rig.replies, [
    { kind: 'written', strength: 'strong', answered: 2, receipt: { acks: [{ host: 'h1' }, { host: 'h2' }] } }
  ])
})

t.test('strict, N=3 W=2, an owner away, another fails → unmet, indeterminate; both have hints', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.put({ sloppy: false })
  rig.undelivered('h2', 'no-such-actor')
  t.match(rig.replies, [
    { kind: 'refused', fault: { code: 'quorum_unavailable', needed: 2, answered: 1, outcome: 'indeterminate' } }
  ])
  t.same(rig.open, ['h4 hint for h3', 'h5 hint for h2'])
  rig.stores('h4')
  rig.stores('h5')
  t.equal(rig.replies.length, 1)
  t.equal(rig.underWay, 0)
})

t.test(
  'pw=2, N=3: with one owner away it is met by the others; with two away it is refused, with three asked for as well',
  async t => {
    const one = new CoordinatorRig({ states: { h3: 'down' } })
    one.put({ primaries: 2 })
    one.stores('h4')
    t.same(one.replies, [], 'a fallback is no primary')
    one.stores('h2')
    t.match(one.replies, [{ kind: 'written' }])
    const two = new CoordinatorRig({ states: { h2: 'down', h3: 'suspect' } })
    two.put({ primaries: 2 })
    t.match(two.replies, [{ kind: 'refused', fault: { code: 'quorum_unavailable', needed: 2, outcome: 'refused' } }])
    t.same(two.open, [])
    const three = new CoordinatorRig({ states: { h3: 'down' } })
    three.put({ primaries: 3 })
    t.match(three.replies, [{ kind: 'refused', fault: { needed: 3, outcome: 'refused' } }])
  }
)

t.test('pw=2, N=3 W=2: an owner fails midway → unmet only once no two owners are left', async t => {
  const rig = new CoordinatorRig()
  rig.put({ primaries: 2 })
  rig.undelivered('h2', 'no-such-actor')
  rig.stores('h4')
  t.same(rig.replies, [])
  rig.undelivered('h3', 'no-such-actor')
  t.match(rig.replies, [{ kind: 'refused', fault: { needed: 2, answered: 2, outcome: 'indeterminate' } }])
  t.same(rig.open, ['h5 hint for h3'])
})

t.test('dw=3, N=3: a fallback that has flushed counts', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.put({ durable: 3 })
  rig.stores('h2')
  t.same(rig.replies, [])
  rig.stores('h4')
  t.match(rig.replies, [{ kind: 'written', answered: 3 }])
})

t.test('an owner is silent → a quarter of the time later a fallback stands in; both may answer, and it counts once', async t => {
  const rig = new CoordinatorRig()
  rig.put({ replicas: 3 })
  rig.stores('h2')
  rig.run(400)
  t.same(rig.open, ['h3 replicate'])
  rig.run(200)
  t.same(rig.open, ['h3 replicate', 'h4 hint for h3'])
  rig.stores('h4')
  t.match(rig.replies, [{ kind: 'written', strength: 'sloppy', answered: 3 }])
  rig.stores('h3')
  t.equal(rig.replies.length, 1, 'a late acknowledgement changes nothing')
  t.equal(rig.underWay, 0)
  t.same(rig.crashes, [])
})

t.test('W=2 is met and an owner stays silent until the deadline → a fallback is told to remember it', async t => {
  const rig = new CoordinatorRig()
  rig.put()
  rig.stores('h2')
  t.match(rig.replies, [{ kind: 'written', strength: 'strong' }])
  rig.run(1_000)
  t.same(rig.open, ['h3 replicate'], 'while there is time, it is waited for')
  rig.run(1_100)
  t.same(rig.open, ['h3 replicate', 'h4 hint for h3'])
  t.equal(rig.underWay, 0)
  rig.stores('h4')
  rig.stores('h3')
  t.equal(rig.replies.length, 1)
  t.same(rig.crashes, [])
})

t.test('nobody answers at all → timeout with its figures, indeterminate, at the deadline', async t => {
  const rig = new CoordinatorRig()
  rig.put()
  rig.run(1_900)
  t.same(rig.replies, [])
  rig.run(200)
  t.match(rig.replies, [{ kind: 'refused', fault: { code: 'timeout', needed: 2, answered: 1, outcome: 'indeterminate' } }])
  t.equal(rig.underWay, 0)
})

t.test('this host’s own disk is full → the others have it, a fallback keeps it for this host, and W counts them', async t => {
  const rig = new CoordinatorRig()
  rig.disk.full = true
  rig.put({ replicas: 3 })
  t.same(rig.open, ['h2 replicate', 'h3 replicate', 'h4 hint for h1'])
  for (const host of ['h2', 'h3', 'h4']) rig.stores(host)
  t.match(rig.replies, [{ kind: 'written', strength: 'sloppy', answered: 3 }])
  t.equal(rig.underWay, 0)
})

t.test('all disks are full → the fault says so, with the quorum’s figures', async t => {
  const rig = new CoordinatorRig({ order: ['h1', 'h2', 'h3'] })
  rig.disk.full = true
  rig.put()
  rig.answer('h2', { kind: 'failed', fault: full })
  t.match(rig.replies, [{ kind: 'refused', fault: { code: 'storage_full', needed: 2, answered: 0, outcome: 'indeterminate' } }])
  rig.answer('h3', { kind: 'failed', fault: full })
  t.equal(rig.replies.length, 1)
  t.equal(rig.underWay, 0)
})

t.test('all owners are away → this host mints as a stand-in, keeps it for the first, others for the rest', async t => {
  const rig = new CoordinatorRig({ order: ['h2', 'h3', 'h4', 'h5', 'h1'], states: { h2: 'down', h3: 'down', h4: 'suspect' } })
  rig.put()
  t.same(rig.open, ['h5 hint for h3'])
  const kept = rig.hintFor('h2')
  t.same(kept && live(kept).map(({ value }) => Buffer.from(value).toString()), ['new'])
  t.same(rig.replies, [], 'one is not W')
  rig.stores('h5')
  t.match(rig.replies, [
    { kind: 'written', strength: 'sloppy', answered: 2, receipt: { acks: [{ role: 'fallback' }, { role: 'fallback' }] } }
  ])
  t.equal(rig.underWay, 0)
  t.same(rig.crashes, [])
})

t.test('all owners are away, W=3, two hosts are left → refused before anything is minted', async t => {
  const rig = new CoordinatorRig({ order: ['h2', 'h3', 'h4', 'h5', 'h1'], states: { h2: 'down', h3: 'down', h4: 'down' } })
  rig.put({ replicas: 3 })
  t.match(rig.replies, [{ kind: 'refused', fault: { code: 'quorum_unavailable', needed: 3, outcome: 'refused' } }])
  t.equal(rig.hintFor('h2'), undefined)
  rig.put({ sloppy: false })
  t.match(rig.replies[1], { kind: 'refused', fault: { needed: 2, answered: 0, outcome: 'refused' } })
  t.same(rig.open, [])
})

t.test('a cluster of three, one away: nobody can stand in, W=2 is met by the two', async t => {
  const rig = new CoordinatorRig({ order: ['h1', 'h2', 'h3'], states: { h3: 'down' } })
  rig.put()
  t.same(rig.open, ['h2 replicate'])
  rig.stores('h2')
  t.match(rig.replies, [{ kind: 'written', strength: 'strong' }])
  t.equal(rig.underWay, 0)
})

t.test(
  'the first write after minutes of silence, of which no other owner takes notice → it ends at its deadline, as any other',
  async t => {
    const rig = new CoordinatorRig()
    rig.put()
    rig.stores('h2')
    rig.stores('h3')
    rig.run(180_000)
    rig.replies.length = 0
    rig.put({}, { mode: 'put' })
    rig.run(10_000)
    t.match(rig.replies, [{ kind: 'refused', fault: { code: 'timeout', outcome: 'indeterminate' } }])
    t.equal(rig.underWay, 0)
    t.same(rig.crashes, [])
  }
)
