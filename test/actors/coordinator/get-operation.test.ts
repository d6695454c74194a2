import t from 'tap'
import type { VnodeMessage, VnodeReply } from '../../../actors/vnode/vnode-protocol.ts'
import { fault } from '../../../model/fault.ts'
import { live } from '../../../model/siblings.ts'
import { decodeSiblings } from '../../../model/siblings-codec.ts'
import { CoordinatorRig, key, recordBy } from './coordinator-rig.ts'

const same: VnodeReply = { kind: 'same' }
const record = (siblings: Uint8Array): VnodeReply => ({ kind: 'record', siblings })
const nothing = new Uint8Array(0)

/** The owner that a read with R=2 asked besides this host, and the one that it did not. */
function askedFirst(rig: CoordinatorRig): readonly [string, string] {
  return rig.asked[0]?.host === 'h2' ? ['h2', 'h3'] : ['h3', 'h2']
}

function values(reply: unknown): string[] {
  const { siblings } = reply as { siblings: Uint8Array }
  return siblings.length === 0 ? [] : live(decodeSiblings(siblings)).map(({ value }) => Buffer.from(value).toString())
}

t.test('N=3 R=2, all owners up → one other is asked for what differs, and its word is enough', async t => {
  const rig = new CoordinatorRig()
  rig.get()
  t.equal(rig.asked.length, 1)
  const [first] = askedFirst(rig)
  t.match(rig.answer(first, same), { kind: 'compare', digest: 0 })
  t.match(rig.replies, [{ kind: 'got', strength: 'strong', answered: 2 }])
  t.same(values(rig.replies[0]), [])
  t.equal(rig.underWay, 0)
  t.same(rig.crashes, [])
})

t.test('N=3 R=2, the other has another value → both are merged, this host is given what it lacks', async t => {
  const rig = new CoordinatorRig()
  rig.get()
  const [first] = askedFirst(rig)
  rig.answer(first, record(recordBy('h2', 1, 'theirs')))
  t.same(values(rig.replies[0]), ['theirs'])
  t.same(rig.open, [], 'the one that has it is given nothing')
  t.ok(rig.disk.pairs(0)?.has(key), 'and this host has it now')
  t.equal(rig.underWay, 0)
})

t.test('N=3 R=2, an owner is away → the two others are enough: no fallback is asked', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.get()
  t.same(rig.open, ['h2 compare'])
  rig.answer('h2', same)
  t.match(rig.replies, [{ kind: 'got', strength: 'strong', answered: 2 }])
})

t.test('N=3 R=2, two owners are away → two fallbacks are asked at once, one answers, and the grade is sloppy', async t => {
  const rig = new CoordinatorRig({ states: { h2: 'down', h3: 'down' } })
  rig.get()
  t.same(rig.open, ['h4 compare', 'h5 compare'])
  rig.answer('h5', record(recordBy('h2', 1, 'hinted')))
  t.match(rig.replies, [
    { kind: 'got', strength: 'sloppy', answered: 2, receipt: { acks: [{ role: 'primary' }, { host: 'h5', role: 'fallback' }] } }
  ])
  t.same(values(rig.replies[0]), ['hinted'])
  rig.answer('h4', record(nothing))
  t.same(rig.open, [], 'fallbacks are not given what they lack')
  t.equal(rig.underWay, 0)
  t.same(rig.crashes, [])
})

t.test('N=3 R=2, strict, two owners are away → refused at once with its figures', async t => {
  const rig = new CoordinatorRig({ states: { h2: 'down', h3: 'down' } })
  rig.get({ sloppy: false })
  t.match(rig.replies, [{ kind: 'refused', fault: { code: 'quorum_unavailable', needed: 2, answered: 0 } }])
  t.same(rig.open, [])
  t.equal(rig.underWay, 0)
})

t.test('pr=2, N=3: one away → the other owners are enough; two away → refused, fallbacks or not', async t => {
  const one = new CoordinatorRig({ states: { h3: 'down' } })
  one.get({ primaries: 2 })
  one.answer('h2', same)
  t.match(one.replies, [{ kind: 'got', strength: 'strong' }])
  const two = new CoordinatorRig({ states: { h2: 'down', h3: 'down' } })
  two.get({ primaries: 2 })
  t.match(two.replies, [{ kind: 'refused', fault: { code: 'quorum_unavailable', needed: 2 } }])
  t.same(two.open, [])
})

t.test('pr=1, N=3 R=3: an owner is away → fallbacks make up for it, since a primary answers, too', async t => {
  const rig = new CoordinatorRig({ states: { h3: 'down' } })
  rig.get({ replicas: 3, primaries: 1 })
  t.same(rig.open, ['h2 compare', 'h4 compare'])
  rig.answer('h2', same)
  rig.answer('h4', same)
  t.match(rig.replies, [{ kind: 'got', strength: 'sloppy', answered: 3 }])
})

for (const [how, fail] of [
  ['fails', (rig: CoordinatorRig, host: string) => void rig.answer(host, { kind: 'failed', fault: fault('unavailable', 'x') })],
  ['does not take it', (rig: CoordinatorRig, host: string) => rig.undelivered(host, 'overloaded')],
  ['is gone', (rig: CoordinatorRig, host: string) => rig.unreachable(host)]
] as const) {
  t.test(
    `N=3 R=2, the one that was asked ${how} → the other owner is asked at once, then fallbacks, then it is unmet`,
    async t => {
      const rig = new CoordinatorRig()
      rig.get()
      const [first, second] = askedFirst(rig)
      fail(rig, first)
      t.ok(rig.open.includes(`${second} compare`))
      fail(rig, second)
      t.ok(rig.open.includes('h4 compare'))
      fail(rig, 'h4')
      t.ok(rig.open.includes('h5 compare'))
      t.same(rig.replies, [])
      fail(rig, 'h5')
      t.match(rig.replies, [{ kind: 'refused', fault: { code: 'quorum_unavailable', needed: 2, answered: 1 } }])
      t.equal(rig.underWay, 0)
      t.same(rig.crashes, [])
    }
  )
}

t.test(
  'N=3 R=2, the one that was asked is slow → after what is usual the third is asked, and what comes late is still used',
  async t => {
    const rig = new CoordinatorRig({ hedgeMs: 40 })
    rig.get()
    const [first, second] = askedFirst(rig)
    rig.run(20)
    t.same(rig.open, [`${first} compare`])
    rig.run(40)
    t.same(rig.open.length, 2)
    rig.answer(second, same)
    t.match(rig.replies, [{ kind: 'got', strength: 'strong' }])
    t.equal(rig.underWay, 1, 'it may still differ')
    rig.answer(first, record(recordBy('h2', 1, 'later')))
    t.same(rig.open, [`${second} replicate`], 'read repair: the other one lacks it')
    t.equal(rig.underWay, 0)
    t.equal(rig.replies.length, 1)
  }
)

t.test('reads that are quick lower what is usual: the third replica is asked sooner, though never before 10 ms', async t => {
  const rig = new CoordinatorRig({ hedgeMs: 100 })
  for (let read = 0; read < 1_200; read++) {
    rig.get()
    rig.answer(askedFirst(rig)[0], same)
  }
  rig.get()
  rig.run(25)
  t.equal(rig.asked.length, 2)
})

t.test('N=3 R=2, owners are silent though nobody has missed them → fallbacks are asked at a quarter of the time', async t => {
  const rig = new CoordinatorRig()
  rig.get()
  rig.run(400)
  t.same(rig.open, ['h2 compare', 'h3 compare'])
  rig.run(200)
  t.same(rig.open, ['h2 compare', 'h3 compare', 'h4 compare'])
  rig.answer('h4', same)
  t.match(rig.replies, [{ kind: 'got', strength: 'sloppy' }])
  rig.run(2_000)
  t.equal(rig.underWay, 0)
})

t.test('strict, N=3 R=2, owners are silent → no fallback is asked, timeout with its figures', async t => {
  const rig = new CoordinatorRig()
  rig.get({ sloppy: false })
  rig.run(1_000)
  t.same(rig.open, ['h2 compare', 'h3 compare'])
  rig.run(1_100)
  t.match(rig.replies, [{ kind: 'refused', fault: { code: 'timeout', needed: 2, answered: 1 } }])
  t.equal(rig.underWay, 0)
})

t.test('this host is no owner and all owners are away → it reads its hints and those of the next', async t => {
  const rig = new CoordinatorRig({ order: ['h2', 'h3', 'h4', 'h5', 'h1'], states: { h2: 'down', h3: 'down', h4: 'down' } })
  rig.put()
  rig.stores('h5')
  rig.get()
  t.same(rig.open, ['h5 compare'])
  const asked: VnodeMessage = rig.answer('h5', record(recordBy('h5', 1, 'theirs')))
  t.match(asked, { digest: -1 })
  t.match(rig.replies[1], { kind: 'got', strength: 'sloppy', answered: 2 })
  t.same(values(rig.replies[1]).sort(), ['new', 'theirs'])
  t.same(rig.open, [], 'nobody is repaired: owners hear of it by handoff')
  t.equal(rig.underWay, 0)
  t.same(rig.crashes, [])
})

t.test(
  'the host still joins → its own vnode answers no read, not even when it has crashed meanwhile; once up, it does',
  async t => {
    const rig = new CoordinatorRig({ states: { h1: 'joining' } })
    const ask = (): unknown => {
      rig.replies.length = 0
      rig.vnode(replyTo => ({ kind: 'read', key, replyTo }))
      rig.run()
      return rig.replies[0]
    }
    t.match(ask(), { kind: 'failed', fault: { code: 'unavailable' } })
    rig.crashVnode()
    t.equal(rig.crashes.length, 1)
    t.match(ask(), { kind: 'failed', fault: { code: 'unavailable' } })
    rig.ring({})
    t.match(ask(), { kind: 'record' })
  }
)

/** Its causal header is whole, and what follows is not: who looks at its versions throws. */
const opaque = Buffer.concat([recordBy('h2', 1), Buffer.from([0])])

t.test('all owners agree → their record is passed on as it is, byte for byte, and nobody looks into it', async t => {
  t.throws(() => decodeSiblings(opaque))
  // This host has no data yet, so two others are asked for theirs.
  const rig = new CoordinatorRig({ states: { h1: 'joining' } })
  rig.get()
  t.same(rig.open, ['h2 compare', 'h3 compare'])
  rig.answer('h2', record(opaque))
  rig.answer('h3', record(opaque))
  t.same((rig.replies[0] as { siblings: Uint8Array }).siblings, opaque)
  t.same(rig.open, [])
  t.same(rig.crashes, [])

  const own = new CoordinatorRig()
  own.vnode(replyTo => ({
    kind: 'replicate',
    key,
    siblings: recordBy('h2', 1),
    resolver: 'siblings',
    durability: 'committed',
    replyTo
  }))
  own.run()
  own.get()
  own.answer(askedFirst(own)[0], same)
  t.same((own.replies[1] as { siblings: Uint8Array }).siblings, recordBy('h2', 1))
})

t.test(
  'this host’s replica and the others have failed to agree → the one that lacks something is mended, whoever spoke first',
  async t => {
    const rig = new CoordinatorRig({ states: { h1: 'joining' } })
    rig.get()
    rig.answer('h2', record(recordBy('h2', 1, 'old')))
    rig.answer('h3', record(nothing))
    t.same(values(rig.replies[0]), ['old'])
    t.same(rig.open, ['h3 replicate'])
  }
)

t.test(
  'a replica is frozen and every third read has to ask another one → that is still asked soon, and not ever later',
  async t => {
    const rig = new CoordinatorRig({ hedgeMs: 40 })
    let waitedMs = 0
    for (let read = 0; read < 150; read++) {
      rig.asked.length = 0
      rig.replies.length = 0
      rig.get()
      for (waitedMs = 0; rig.replies.length === 0; waitedMs += 5) {
        if (rig.asked.some(({ host }) => host === 'h2')) rig.answer('h2', same)
        else rig.run(5)
      }
      if (read < 100) t.ok(waitedMs <= 60, `read ${read} took ${waitedMs} ms`)
      else t.ok(waitedMs <= 40, `read ${read} took ${waitedMs} ms`)
    }
  }
)
