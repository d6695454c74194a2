import t from 'tap'
import type { Got, PeekRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Message } from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { keyOfText } from '../../model/key.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import { Coordinators, rejection, ringOf } from './client-coordinators.ts'

const key = keyOfText('b', 'hot')
const hosts = ['h1', 'h2', 'h3']

function record(counter: number): Uint8Array {
  return encodeSiblings({
    context: { vector: [7, counter], cloud: [] },
    versions: [
      { vnode: 7, counter, value: Buffer.from(`v${counter}`), contentType: '', modifiedMs: 0, expiresMs: 0, tombstone: false }
    ]
  })
}

const counterOf = (got: Got): number => decodeSiblings(got.siblings).context.vector[1]!

/** Owners that hold what `state` says, or are silent; coordinators that refuse. */
function rigFor() {
  const state = { counter: 1, isSilent: false, peeks: 0, gets: 0 }
  const rig = new Coordinators(hosts, request => {
    const peek = request as unknown as PeekRequest
    if ((peek.kind as string) === 'get') {
      state.gets++
      return { kind: 'refused', fault: fault('quorum_unavailable', 'too few'), epoch: '00000001' }
    }
    state.peeks++
    if (state.isSilent) return undefined
    const { slot } = peek
    return { kind: 'peeked', slot, needed: 2, strength: 'strong', digest: 0, siblings: record(state.counter) } as Message
  })
  const core = rig.core({ view: ringOf(hosts), asksOwners: true })
  return { rig, core, state }
}

t.test(
  'sixty gets of one key at a moment → three ask the owners, the others share the next one; each has its own bytes',
  async t => {
    const { rig, core, state } = rigFor()
    const answers = await rig.settle(Promise.all(Array.from({ length: 60 }, () => core.get(key, {}, 2_000))))
    t.equal(state.peeks, 8, 'four reads, two owners each')
    t.equal(new Set(answers.map(counterOf)).size, 1)
    t.equal(new Set(answers.map(({ siblings }) => siblings)).size, 60)
    t.match(core.figures(), { direct: 4, shared: 56, waiting: 0 })
    await rig.settle(core.get(key, {}, 2_000))
    t.match(core.figures(), { direct: 5, shared: 56, waiting: 0 }, 'one that comes alone waits for nobody')
  }
)

t.test('I10: what was written before a get came is in its answer, though reads were under way that have not seen it', async t => {
  const { rig, core, state } = rigFor()
  const before = Array.from({ length: 3 }, () => core.get(key, {}, 2_000))
  rig.clock.run(rig.clock.now() + 1)
  t.equal(state.peeks, 6, 'owners have said what they hold')
  state.counter = 2
  const after = Array.from({ length: 5 }, () => core.get(key, {}, 2_000))
  t.same((await rig.settle(Promise.all(before))).map(counterOf), [1, 1, 1])
  t.same((await rig.settle(Promise.all(after))).map(counterOf), [2, 2, 2, 2, 2])
})

t.test('gets that want more than usual, and gets of other keys → none waits for another', async t => {
  const { rig, core, state } = rigFor()
  const asked = [{ replicas: 2 }, { sloppy: false }] as const
  await rig.settle(Promise.all(asked.flatMap(options => Array.from({ length: 5 }, () => core.get(key, options, 2_000)))))
  t.equal(core.figures().shared, 0)
  t.equal(state.peeks, 20)
  await rig.settle(Promise.all(Array.from({ length: 20 }, (_, at) => core.get(keyOfText('b', `k${at}`), {}, 2_000))))
  t.equal(core.figures().shared, 0)
})

t.test(
  'the reads under way are stuck → those that wait read after a moment, and none of them later than its own time',
  async t => {
    const { rig, core, state } = rigFor()
    state.isSilent = true
    const stuck = Array.from({ length: 3 }, () => rejection(core.get(key, {}, 2_000)))
    rig.clock.run(rig.clock.now() + 2)
    state.isSilent = false
    const startedMs = rig.clock.now()
    await rig.settle(Promise.all(Array.from({ length: 5 }, () => core.get(key, {}, 2_000))))
    t.ok(rig.clock.now() - startedMs < 60, `${rig.clock.now() - startedMs} ms`)
    state.isSilent = true
    for (let more = 0; more < 3; more++) core.get(key, {}, 2_000).catch(() => {})
    const hurried = Array.from({ length: 3 }, () => rejection(core.get(key, {}, 15)))
    const atMs = rig.clock.now()
    for (const why of await rig.settle(Promise.all(hurried))) t.match(why, { code: 'timeout' })
    t.ok(rig.clock.now() - atMs <= 40)
    await rig.settle(Promise.all(stuck))
    rig.clock.run(rig.clock.now() + 3_000)
    await new Promise(resolve => setImmediate(resolve))
    t.match(core.figures(), { waiting: 0 })
  }
)

t.test('a shared read fails → whoever shared it reads for itself', async t => {
  const { rig, core, state } = rigFor()
  state.isSilent = true
  const reads = Array.from({ length: 10 }, () => rejection(core.get(key, {}, 2_000)))
  for (const why of await rig.settle(Promise.all(reads))) t.match(why, { code: 'quorum_unavailable' })
  t.equal(state.gets, 10)
  t.match(core.figures(), { waiting: 0, shared: 0 })
})
