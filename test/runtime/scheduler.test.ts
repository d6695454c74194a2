import t from 'tap'
import type { Message, Ref } from '../../bus/bus.ts'
import type { Sighting } from '../../runtime/taps.ts'
import { limits } from '../../model/limits.ts'
import type { AnyBehaviour, Context } from '../../runtime/actor.ts'
import { actor, type ProbeMessage, refOf, rig, root, tell } from './rig.ts'

t.test('scheduler: an actor that floods itself does not starve another: it has its turn after 64 messages at most', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('flood', { history: [] }), actor('b', { history })]))
  let floods = 0
  let floodsBefore = -1
  const again = (context: { send(to: unknown, message: unknown): void; self: unknown }): void => {
    floods += 1
    if (floods < 10_000) context.send(context.self, { kind: 'do', work: again })
  }
  r.system.send(refOf(r, 'flood'), { kind: 'do', work: again })
  r.system.send(refOf(r, 'b'), { kind: 'do', work: () => void (floodsBefore = floods) })
  r.clock.advance(0)
  t.equal(floods, 10_000)
  t.ok(floodsBefore <= limits.actorTurnMessagesMax, `after ${floodsBefore}`)
  t.end()
})

t.test('scheduler: actors with mail take turns of 64 in the order in which mail came', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history: [] }), actor('b', { history: [] })]))
  for (const name of ['a', 'b']) {
    for (let i = 0; i < 128; i += 1) r.system.send(refOf(r, name), { kind: 'do', work: () => void history.push(name) })
  }
  r.clock.advance(0)
  const runs = history
    .join('')
    .match(/a+|b+/g)!
    .map(run => `${run[0]}${run.length}`)
  t.same(runs, ['a64', 'b64', 'a64', 'b64'])
  t.end()
})

/** How many messages left with each flush that had some, where turns gather from four messages on. */
function gathering() {
  let queued = 0
  const batches: number[] = []
  const flush = (): void => {
    if (queued > 0) batches.push(queued)
    queued = 0
  }
  const gateway = { send: () => ++queued > 0, flush }
  const r = rig({ gateways: new Map([['out', gateway]]), gatherFrom: 4 })
  r.system.start(root([actor('a', { history: [] })]))
  const out = { address: 'out.t.x', correlation: 0, incarnation: 0 } as unknown as Ref<Message>
  /** So many messages to the actor, each of which sends one. @param then in the first one's turn */
  const busy = (messages: number, then: () => void = () => {}): void => {
    for (let i = 0; i < messages; i += 1) {
      const work = (context: Context<ProbeMessage, undefined>): void => {
        context.send(out, { kind: 'm' })
        if (i === 0) then()
      }
      r.system.send(refOf(r, 'a'), { kind: 'do', work })
    }
  }
  return { r, batches, busy }
}

t.test('scheduler: gathering, after a busy turn → what arrives meanwhile leaves with it; no third turn is waited for', t => {
  const { r, batches, busy } = gathering()
  busy(4, () => r.clock.after(0, () => busy(5, () => r.clock.after(0, () => busy(6)))))
  r.clock.advance(0)
  t.same(batches, [9, 6])
  busy(4)
  r.clock.advance(0)
  t.same(batches, [9, 6, 4], 'nothing has come: it leaves all the same')
  t.end()
})

t.test('scheduler: gathering, after a turn with little to do, and at the end → it leaves at once', async t => {
  const { r, batches, busy } = gathering()
  busy(3, () => r.clock.after(0, () => busy(2)))
  r.clock.advance(0)
  t.same(batches, [3, 2])
  busy(7)
  const stopped = r.system.stop()
  r.clock.advance(0)
  await stopped
  t.same(batches, [3, 2, 7])
})

t.test('scheduler: the same seed and program make the same trace, message by message', t => {
  const trace = (seed: number): string => {
    const sightings: Sighting[] = []
    const r = rig({ seed })
    const behaviour: AnyBehaviour = {
      kind: 'gossip',
      start: (_args, context) => void context.after(context.random() * 10, { kind: 'round' }),
      receive(_state, message, context) {
        const peer = Math.floor(context.random() * 10)
        if (message.kind === 'round') {
          context.send(r.system.lookup(`g${peer}`)!, { kind: 'rumour' })
          context.after(context.random() * 10, { kind: 'round' })
        } else if (context.random() < 0.01) throw new Error('a crash by chance')
      }
    }
    const children = Array.from({ length: 10 }, (_, i) => ({ type: 'actor', name: `g${i}`, behaviour }) as const)
    r.system.start(root(children, { intensity: 1_000 }))
    r.system.watch(undefined, sighting => sightings.push(sighting))
    r.clock.run(2_000)
    t.ok(sightings.length > 1_000 && r.crashes.length > 5, `${sightings.length} messages, ${r.crashes.length} crashes`)
    return JSON.stringify([sightings, r.system.describe(), r.crashes.map(crash => ({ ...crash, stack: '' }))])
  }
  t.equal(trace(7), trace(7))
  t.not(trace(7), trace(8))
  t.end()
})

t.test('scheduler: watching one actor shows what goes to it and from it; when nobody watches, nothing is seen', t => {
  const r = rig()
  r.system.start(root([actor('a', { history: [] }), actor('b', { history: [] }), actor('c', { history: [] })]))
  const seen: string[] = []
  const stop = r.system.watch('b', ({ kind, from, to }) => seen.push(`${from ?? '-'} ${kind} ${to}`))
  const b = refOf(r, 'b')
  tell(r, 'a', { kind: 'do', work: context => context.send(b, { kind: 'ping', replyTo: context.replyRef<Message>(1) }) })
  tell(r, 'c', { kind: 'ping' })
  stop()
  tell(r, 'b', { kind: 'ping' })
  t.same(seen, ['h.t.a ping h.t.b', 'h.t.b pong h.t.a'])
  t.end()
})

t.test('scheduler: 100,000 actors on one thread: each is told, crashes one by one, and all stop', async t => {
  const count = 100_000
  const r = rig()
  r.system.start(root([], { intensity: 1_000 }))
  let handled = 0
  const behaviour: AnyBehaviour = {
    kind: 'one-of-many',
    start: (_args, context) => void context.after(1_000, { kind: 'tick' }),
    receive(_state, message) {
      handled += 1
      if (message.kind === 'crash') throw new Error('as asked')
    }
  }
  for (let i = 0; i < count; i += 1) r.system.startChild('root', { type: 'actor', name: `a${i}`, behaviour })
  t.equal(r.system.timers.waiting, count)
  r.clock.run(1_000)
  t.equal(handled, count)
  for (let i = 0; i < count; i += 1_000) r.system.send(r.system.lookup(`a${i}`)!, { kind: 'crash' })
  r.clock.advance(0)
  t.equal(r.crashes.length, 100)
  t.equal(r.gaveUp.length, 0)
  t.equal(r.system.crashes().length, limits.crashHistoryMax)
  const stopped = r.system.stop()
  r.clock.advance(0)
  await stopped
  t.equal(r.system.timers.waiting, 0)
})
