import t from 'tap'
import type { Got, StoreReply } from '../../../actors/coordinator/coordinator-protocol.ts'
import type { VnodeReply } from '../../../actors/vnode/vnode-protocol.ts'
import { limits } from '../../../model/limits.ts'
import { CoordinatorRig, key, recordBy, type RigOptions } from './coordinator-rig.ts'

const same: VnodeReply = { kind: 'same' }

/** The key has been read often, and nothing is under way. Nobody is asked for being slow, unless a test wants that. */
function hotRig(options: RigOptions = {}): CoordinatorRig {
  const rig = new CoordinatorRig({ hedgeMs: 400, ...options })
  rig.gets(limits.hotReadsPerSecondMin * 2)
  answerAll(rig)
  rig.replies.length = 0
  return rig
}

/** All that is asked, and what is asked next, until nothing is. @returns how many questions that were */
function answerAll(rig: CoordinatorRig): number {
  let questions = 0
  while (rig.asked.length > 0) questions += rig.answerAll(same)
  return questions
}

const kinds = (replies: readonly StoreReply[]): string[] =>
  replies.map(reply => (reply.kind === 'refused' ? reply.fault.code : reply.kind))

t.test('a hot key, fifty gets at one moment → two reads: one for the first, one for all others; all are answered', async t => {
  const rig = hotRig()
  rig.gets(50)
  t.equal(rig.asked.length, 1)
  t.equal(rig.summary.unanswered, 50)
  rig.answer(rig.asked[0]!.host, same)
  t.equal(rig.replies.length, 1)
  t.equal(rig.asked.length, 1, 'now one for the others')
  rig.answer(rig.asked[0]!.host, same)
  t.equal(rig.replies.length, 50)
  t.same(new Set(kinds(rig.replies)), new Set(['got']))
  t.match(rig.summary, { requests: 0, unanswered: 0 })
  t.same(rig.crashes, [])
})

t.test('a key that is not hot, fifty gets at one moment → fifty reads', async t => {
  const rig = new CoordinatorRig()
  rig.gets(50)
  t.equal(rig.asked.length, 50)
  t.same(rig.summary.hot_keys, {})
})

t.test('the coordinator names its hot keys with their reads a second, and forgets them when they are read no more', async t => {
  const rig = hotRig()
  for (let read = 0; read < 60; read++) {
    rig.gets(10)
    answerAll(rig)
  }
  const [[name, reads]] = Object.entries(rig.summary.hot_keys as object) as [[string, number]]
  t.equal(name, key.replace('\0', '/'))
  t.ok(reads >= 500, `${reads} a second`)
  for (let second = 0; second < 8; second++) {
    rig.get()
    answerAll(rig)
    rig.run(1_000)
  }
  t.same(rig.summary.hot_keys, {})
})

t.test(
  'I10: a write is acknowledged while a read of the hot key is under way → who asks after it is not given that read',
  async t => {
    const rig = hotRig()
    rig.gets(1)
    const held = rig.next(rig.asked[0]!.host)
    rig.put({ replicas: 2 })
    rig.stores('h2')
    t.match(rig.replies, [{ kind: 'written' }])
    rig.gets(1)
    t.same(rig.open, ['h3 replicate'], 'it waits')
    // The read that began before the write ends without it.
    rig.answerLate(held, same)
    const before = rig.replies[1] as Got
    t.equal(before.siblings.length, 0)
    answerAll(rig)
    const after = rig.replies.at(-1) as Got
    t.ok(Buffer.from(after.siblings).includes('new'))
    t.equal(rig.replies.length, 3)
  }
)

t.test('reads that want something else of the replicas do not share; those that want the same do', async t => {
  const rig = hotRig()
  rig.gets(10)
  t.equal(rig.asked.length, 1)
  rig.gets(10, { replicas: 3 })
  t.equal(rig.asked.length, 3, 'one asks one other, one asks two')
  rig.gets(10, { sloppy: false })
  t.equal(rig.asked.length, 4)
  rig.gets(10, { replicas: 0, durability: 'committed', sloppy: true })
  t.equal(rig.asked.length, 4, 'that is what the first ones want')
  const questions = answerAll(rig)
  t.equal(questions, 8)
  t.equal(rig.replies.length, 40)
})

t.test('more kinds of reads than are told apart → the rest goes alone', async t => {
  const rig = hotRig()
  const kindsOfReads = [{}, { sloppy: false }, { replicas: 3 }, { primaries: 1 }, { primaries: 2 }]
  for (const options of kindsOfReads) rig.gets(1, options)
  const questions = rig.asked.length
  for (const options of kindsOfReads) rig.gets(3, options)
  t.equal(rig.asked.length, questions + 3)
  t.equal(kindsOfReads.length, limits.hotLanesMax + 1)
})

t.test('each of those that share has a receipt if it wants one', async t => {
  const rig = hotRig()
  rig.gets(1)
  rig.gets(1, { receipt: true })
  rig.gets(1)
  answerAll(rig)
  const receipts = (rig.replies as Got[]).map(({ receipt }) => receipt?.acks.length)
  t.same(receipts, [undefined, 2, undefined])
})

t.test('more reads wait than may → the rest goes alone', async t => {
  const rig = hotRig()
  rig.gets(1 + limits.hotReadersMax)
  t.equal(rig.asked.length, 1)
  rig.gets(3)
  t.equal(rig.asked.length, 4)
  answerAll(rig)
  t.equal(rig.replies.length, limits.hotReadersMax + 4)
})

t.test(
  'a read does not come to an end → those that wait have their own after the usual time, and do not wait for it',
  async t => {
    const rig = hotRig({ hedgeMs: 40 })
    rig.gets(1)
    rig.gets(5)
    t.equal(rig.asked.length, 1)
    rig.asked.length = 0
    rig.run(10)
    t.equal(rig.asked.length, 0)
    rig.run(40)
    t.equal(rig.asked.length, 3, 'the stuck one asks the third replica as well, and the others begin: with all of them')
    rig.answerAll(same)
    t.equal(rig.replies.length, 6)
    t.match(rig.summary, { unanswered: 0 })
  }
)

t.test('deadlines: each that shares a read hears at its own that it is over; the read goes on for the others', async t => {
  const rig = hotRig({ hedgeMs: 50 })
  rig.gets(1)
  rig.gets(2, {}, 150)
  rig.gets(2, {}, 1_000)
  t.equal(rig.summary.unanswered, 5)
  // Nobody answers: after 50 ms those that wait have a read of their own, which nobody answers either.
  rig.run(100)
  t.same(kinds(rig.replies), [])
  rig.run(70)
  t.same(kinds(rig.replies), ['timeout', 'timeout'])
  t.match(rig.replies[0], { fault: { needed: 2, answered: 1 } })
  t.equal(rig.summary.unanswered, 3)
  answerAll(rig)
  t.same(kinds(rig.replies), ['timeout', 'timeout', 'got', 'got', 'got'])
  rig.run(3_000)
  t.equal(rig.replies.length, 5, 'nobody is answered twice')
  t.match(rig.summary, { requests: 0, unanswered: 0 })
})

t.test('deadlines: nobody answers at all → each is refused at its own, those that still wait as well', async t => {
  const rig = hotRig()
  rig.gets(1)
  rig.gets(3, {}, 100)
  rig.run(120)
  t.same(kinds(rig.replies), ['timeout', 'timeout', 'timeout'])
  t.match(rig.replies[0], { fault: { needed: 2, answered: 0 } })
  rig.run(3_000)
  t.same(kinds(rig.replies), ['timeout', 'timeout', 'timeout', 'timeout'])
  t.match(rig.summary, { requests: 0, unanswered: 0 })
})

t.test('too few owners are left while reads wait → they are refused with the first, each with its figures', async t => {
  const rig = hotRig()
  rig.gets(1, { sloppy: false })
  rig.gets(4, { sloppy: false })
  rig.ring({ h2: 'down', h3: 'down' })
  rig.run()
  t.same(
    kinds(rig.replies),
    Array.from({ length: 5 }, () => 'quorum_unavailable')
  )
  t.match(rig.summary, { requests: 0, unanswered: 0 })
})

t.test('the key goes to other owners while reads wait → they are passed on, each with the time it has left', async t => {
  const rig = hotRig()
  rig.gets(1)
  rig.gets(4)
  rig.ring({}, ['h2', 'h3', 'h4', 'h5', 'h1'])
  rig.run()
  t.equal(rig.passedOn.length, 0)
  answerAll(rig)
  t.equal(rig.replies.length, 1)
  t.same(
    rig.passedOn.map(({ hops }) => hops),
    [1, 1, 1, 1]
  )
  t.match(rig.summary, { requests: 0, unanswered: 0 })
})

t.test('conditional writes of a hot key read for themselves', async t => {
  const rig = hotRig()
  rig.gets(2)
  t.equal(rig.asked.length, 1)
  rig.put({}, { mode: 'create' })
  t.equal(rig.asked.length, 2)
})

t.test('replicas of a hot key differ → one is asked for all that wait, and is mended once', async t => {
  const rig = hotRig()
  rig.gets(1)
  rig.gets(20)
  rig.answer(rig.asked[0]!.host, same)
  rig.answer(rig.asked[0]!.host, { kind: 'record', siblings: recordBy('h2', 1, 'theirs') })
  t.equal(rig.replies.length, 21)
  for (const reply of rig.replies.slice(1) as Got[]) t.ok(Buffer.from(reply.siblings).includes('theirs'))
  t.same(rig.open, [])
  t.ok(rig.disk.pairs(0)?.has(key), 'this host has it now')
})
