import fc from 'fast-check'
import t from 'tap'
import type { PutRequest, RecallRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Acked, Coordinated } from '../../actors/vnode/ack-protocol.ts'
import { DirectPut } from '../../api/client/direct-puts.ts'
import type { Message } from '../../bus/bus.ts'
import { emptyContext, withCounter } from '../../model/causal-context.ts'
import { fault } from '../../model/fault.ts'
import { keyOfText } from '../../model/key.ts'
import { Quorum } from '../../model/quorum.ts'
import { Coordinators, putOf, rejection, ringOf, written } from './client-coordinators.ts'

const key = keyOfText('b', 'k')
const hosts = ['h1', 'h2', 'h3']
const context = withCounter(emptyContext, 7, 3)
const coordinatedOf = (slot: number, needed: number, asked: number): Coordinated => ({
  kind: 'coordinated',
  slot,
  needed,
  asked,
  strength: 'strong',
  epoch: '00000001',
  context
})

/** What owners answer to a put, and a coordinator to a recall. */
function rigFor(acks: (host: string) => readonly Message[], recalled?: Message) {
  const recalls: RecallRequest[] = []
  const puts: PutRequest[] = []
  const rig = new Coordinators(hosts, (request, at) => {
    const host = at.split('.')[0]!
    const asked = request as unknown as PutRequest | RecallRequest
    if (asked.kind === 'recall') {
      recalls.push(asked)
      if (recalled !== undefined) rig.reply(host, { ...asked.replyTo, correlation: asked.put }, recalled)
      return undefined
    }
    puts.push(asked)
    for (const ack of acks(host)) rig.reply(host, asked.replyTo, ack)
    return undefined
  })
  const core = rig.core({ view: ringOf(hosts), countsAcks: true })
  return { rig, core, puts, recalls }
}

t.test(
  'acknowledgements of any owners, in any order, each any number of times → answered with the one at which a coordinator answers',
  async () => {
    const scenario = fc.integer({ min: 2, max: 7 }).chain(asked =>
      fc.record({
        asked: fc.constant(asked),
        needed: fc.integer({ min: 2, max: asked }),
        coordinator: fc.integer({ min: 0, max: asked - 1 }),
        slots: fc.array(fc.integer({ min: 0, max: asked - 1 }), { maxLength: 3 * asked })
      })
    )
    fc.assert(
      fc.property(scenario, ({ asked, needed, coordinator, slots }) => {
        const put = new DirectPut()
        const quorum = new Quorum({ n: asked, needed, primariesNeeded: 0, durableNeeded: 0, asked })
        const seen = new Set<number>()
        for (const slot of slots) {
          const ack: Acked | Coordinated = slot === coordinator ? coordinatedOf(slot, needed, asked) : { kind: 'acked', slot }
          const answer = put.came(ack)
          if (seen.has(slot)) {
            if (answer !== undefined) return false
            continue
          }
          seen.add(slot)
          quorum.acknowledged(true, false)
          const isMet = quorum.verdict === 'met' && seen.has(coordinator)
          if (isMet !== (answer !== undefined)) return false
          if (answer !== undefined && (answer.answered !== seen.size || answer.context !== context)) return false
          if (isMet) return true
        }
        return true
      }),
      { numRuns: 2_000 }
    )
  }
)

t.test('two of three owners say that they have it, the one that minted among them → stored', async t => {
  const { rig, core, puts } = rigFor(() => [{ kind: 'acked', slot: 2 } as Message, coordinatedOf(0, 2, 3)])
  const answer = await rig.settle(core.put(putOf(key), {}, 2_000))
  t.same(answer, { kind: 'written', context, strength: 'strong', answered: 2, epoch: '00000001', receipt: undefined })
  t.equal(puts[0]!.countsAcks, true)
  t.match(core.figures(), { counted: 1, recalls: 0, waiting: 0 })
})

t.test('a coordinator answers by itself, or refuses → that is the answer', async t => {
  const { rig, core } = rigFor(() => [coordinatedOf(0, 2, 3), written])
  t.same(await rig.settle(core.put(putOf(key), {}, 2_000)), written)
  t.match(core.figures(), { counted: 0, waiting: 0 })
  const why = fault('storage_full', 'full', { outcome: 'indeterminate' })
  const other = rigFor(() => [coordinatedOf(0, 2, 3), { kind: 'refused', fault: why, epoch: '00000001' } as Message])
  t.match(await rejection(other.rig.settle(other.core.put(putOf(key), {}, 2_000))), {
    code: 'storage_full',
    outcome: 'indeterminate'
  })
})

t.test('creates, conditional puts, receipts, levels of datacenters, many under way → the coordinator counts', async t => {
  const { rig, core, puts } = rigFor(() => [written])
  await rig.settle(core.put(putOf(key, { mode: 'create' }), {}, 2_000))
  await rig.settle(core.put(putOf(key, { ifMatch: 'abc' }), {}, 2_000))
  await rig.settle(core.put(putOf(key), { receipt: true }, 2_000))
  await rig.settle(core.put(putOf(key), { level: 'each_quorum' }, 2_000))
  t.same(
    puts.map(put => put.countsAcks),
    [false, false, false, false]
  )
  await rig.settle(Promise.all(Array.from({ length: 20 }, () => core.put(putOf(key), {}, 2_000))))
  t.equal(puts.slice(4).filter(put => put.countsAcks).length, 8)
})

t.test(
  'acknowledgements do not come → the coordinator is asked by another number, and its answer ends it; after three in a row coordinators count for ten seconds',
  async t => {
    const { rig, core, puts, recalls } = rigFor(() => [coordinatedOf(0, 2, 3)], written)
    const startedMs = rig.clock.now()
    t.same(await rig.settle(core.put(putOf(key), {}, 2_000)), written)
    t.ok(rig.clock.now() - startedMs < 500, `${rig.clock.now() - startedMs} ms`)
    t.equal(recalls.length, 1)
    t.equal(recalls[0]!.put, puts[0]!.replyTo.correlation)
    t.not(recalls[0]!.replyTo.correlation, puts[0]!.replyTo.correlation)
    t.equal(core.figures().recalls, 1)
    for (let more = 0; more < 2; more++) await rig.settle(core.put(putOf(key), {}, 2_000))
    t.same(
      puts.map(put => put.countsAcks),
      [true, true, true]
    )
    core.put(putOf(key), {}, 100).catch(() => {})
    rig.clock.run(rig.clock.now() + 200)
    t.equal(puts[3]!.countsAcks, false)
    rig.clock.run(rig.clock.now() + 10_000)
    core.put(putOf(key), {}, 100).catch(() => {})
    rig.clock.run(rig.clock.now() + 200)
    t.equal(puts[4]!.countsAcks, true)
  }
)

t.test(
  'what is asked of the coordinator is refused, or not taken there → the put is not sent again; it is indeterminate in the end',
  async t => {
    const why = fault('rate_limited', 'too many', { outcome: 'refused', retryAfterMs: 10 })
    for (const answer of [{ kind: 'refused', fault: why, epoch: '' }, undefined]) {
      const puts: Message[] = []
      const rig = new Coordinators(hosts, request => {
        if ((request as Message).kind === 'put') puts.push(request)
        if ((request as Message).kind !== 'recall') return undefined
        return answer ?? rig.undelivered('overloaded')
      })
      const core = rig.core({ view: ringOf(hosts), countsAcks: true })
      t.match(await rejection(rig.settle(core.put(putOf(key), {}, 1_000))), { code: 'timeout', outcome: 'indeterminate' })
      t.equal(puts.length, 1)
      t.match(core.figures(), { recalls: 1, retries: 0, waiting: 0 })
    }
  }
)

t.test('an owner has it, and its coordinator’s host is gone when it is asked → the put is not sent again', async t => {
  const { rig, core, puts } = rigFor(() => [{ kind: 'acked', slot: 1 } as Message])
  const put = core.put(putOf(key), {}, 1_000)
  put.catch(() => {})
  rig.clock.run(rig.clock.now() + 10)
  const asked = rig.seen[0]!.at
  rig.kill(asked)
  t.match(await rejection(rig.settle(put)), { code: 'timeout', outcome: 'indeterminate' })
  t.equal(puts.length, 1)
})

t.test(
  'a put left, then a question of its host’s replica found nobody → the put may have arrived, and is not sent again',
  async t => {
    const rig = new Coordinators(hosts, () => undefined)
    const core = rig.core({ view: ringOf(hosts), asksOwners: true })
    const put = core.put(putOf(key), {}, 1_000)
    put.catch(() => {})
    rig.clock.run(rig.clock.now() + 10)
    t.equal(rig.seen.length, 1)
    for (const host of hosts) rig.kill(host)
    core.get(key, { replicas: 3 }, 1_000).catch(() => {})
    t.match(await rejection(rig.settle(put)), { outcome: 'indeterminate' })
    t.match(core.figures(), { waiting: 0 })
  }
)
