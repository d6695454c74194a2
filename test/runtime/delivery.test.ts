import t from 'tap'
import type { Address, Bus, BusFigures, Envelope, Message, Receiver, Ref, ThreadAddress } from '../../bus/bus.ts'
import { limits } from '../../model/limits.ts'
import type { Context } from '../../runtime/actor.ts'
import { type VirtualClock, VirtualClock as Clock } from '../../runtime/virtual-clock.ts'
import { actor, type ProbeMessage, refOf, rig, root, tell } from './rig.ts'

/** A bus without loss between systems of one test: messages cross one millisecond after their flush. */
class Wire {
  readonly #clock: VirtualClock
  readonly ends = new Map<string, Receiver>()
  constructor(clock: VirtualClock) {
    this.#clock = clock
  }
  bus(thread: string): Bus & { full: boolean; readonly sent: Envelope[] } {
    let queue: Envelope[] = []
    const { ends } = this
    const clock = this.#clock
    const sent: Envelope[] = []
    return {
      thread: thread as ThreadAddress,
      full: false,
      sent,
      connected: true,
      listen: receiver => void ends.set(thread, receiver),
      send(envelope) {
        if (this.full) return false
        queue.push(envelope)
        sent.push(envelope)
        return true
      },
      flush() {
        const batch = queue
        queue = []
        if (batch.length === 0) return
        clock.after(1, () => {
          for (const envelope of batch) ends.get(envelope.to.address.split('.').slice(0, 2).join('.'))?.deliver(envelope)
          for (const end of ends.values()) end.delivered()
        })
      },
      figures: () => ({}) as BusFigures,
      close: () => Promise.resolve()
    }
  }
}

function ask(to: Ref<ProbeMessage>, correlation: number, budgetMs = 0): ProbeMessage {
  return {
    kind: 'do',
    work: context => context.send(to, { kind: 'ping', replyTo: context.replyRef<Message>(correlation) }, budgetMs)
  }
}

function missing(name: string, incarnation = 0): Ref<ProbeMessage> {
  return { address: name as Address, correlation: 0, incarnation }
}

t.test('delivery: a reply arrives with the correlation that its receiver chose', t => {
  const r = rig()
  const seen: [string, number][] = []
  r.system.start(root([actor('a', { history: [] }), actor('b', { history: [] })]))
  r.system.watch('a', sighting => seen.push([sighting.kind, sighting.correlation]))
  tell(r, 'a', ask(refOf(r, 'b'), 42))
  t.same(seen, [
    ['do', 0],
    ['ping', 0],
    ['pong', 42]
  ])
  t.end()
})

t.test('delivery: undelivered on one thread: no such actor, a stale incarnation, a full mailbox', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history }), actor('b', { history: [] }, { mailboxMax: 2 })]))
  tell(r, 'a', ask(missing('h.t.nobody'), 1))
  tell(r, 'a', ask(missing('h.t.b', 999), 2))
  const b = refOf(r, 'b')
  r.system.send(refOf(r, 'a'), {
    kind: 'do',
    work: context => {
      for (let i = 3; i <= 6; i += 1) context.send(b, { kind: 'ping', replyTo: context.replyRef<Message>(i) })
    }
  })
  r.clock.advance(0)
  t.same(history, ['+a', 'a?1 no-such-actor', 'a?2 stale-incarnation', 'a?5 overloaded', 'a?6 overloaded'])
  t.equal(r.system.describe().children[1]!.mailbox.refused, 2)
  t.end()
})

t.test('delivery: a mailbox full of questions → replies are taken all the same, and before them', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history }, { mailboxMax: 2, repliesMax: 4 }), actor('b', { history: [] })]))
  const a = refOf(r, 'a')
  let back: Ref<ProbeMessage> | undefined
  tell(r, 'a', { kind: 'do', work: context => void (back = context.replyRef<ProbeMessage>(1)) })
  tell(r, 'b', {
    kind: 'do',
    work: context => {
      for (const text of ['q1', 'q2', 'q3']) context.send(a, { kind: 'note', text })
      for (const text of ['r1', 'r2', 'r3', 'r4', 'r5']) context.send(back!, { kind: 'note', text })
    }
  })
  t.same(history, ['+a', 'a:r1', 'a:r2', 'a:r3', 'a:r4', 'a:q1', 'a:q2'])
  t.equal(r.system.describe().children[0]!.mailbox.refused, 2, 'the third question, the fifth reply')
  t.end()
})

t.test('delivery: undelivered across the bus, and a bus that refuses', t => {
  const clock = new Clock()
  const wire = new Wire(clock)
  const history: string[] = []
  const bus = wire.bus('h.t')
  const r = rig({ clock, bus })
  const far = rig({ clock, host: 'far', bus: wire.bus('far.t'), incarnationBase: 100 })
  r.system.start(root([actor('a', { history })]))
  far.system.start(root([actor('b', { history })]))
  tell(r, 'a', ask(missing('far.t.b'), 1), 10)
  tell(r, 'a', ask(missing('far.t.b', 102), 2), 10)
  tell(r, 'a', ask(missing('far.t.nobody'), 3), 10)
  bus.full = true
  tell(r, 'a', ask(missing('far.t.b'), 4), 10)
  t.same(history, ['+a', '+b', 'b:ping', 'a?2 stale-incarnation', 'a?3 no-such-actor', 'a?4 overloaded'])
  t.equal(bus.sent.length, 3, 'none for what was refused')
  t.end()
})

t.test('delivery: a message whose deadline has passed is dropped and counted before it costs anything', t => {
  const clock = new Clock()
  const wire = new Wire(clock)
  const history: string[] = []
  const r = rig({ clock, bus: wire.bus('h.t') })
  r.system.start(root([actor('a', { history })]))
  r.hostClock.pause()
  r.system.send(refOf(r, 'a'), { kind: 'note', text: 'late' }, 20)
  r.system.send(refOf(r, 'a'), { kind: 'note', text: 'in time' }, 200)
  r.system.send(refOf(r, 'a'), { kind: 'note', text: 'no hurry' })
  clock.advance(100)
  r.hostClock.resume()
  clock.advance(0)
  t.same(history, ['+a', 'a:in time', 'a:no hurry'])
  const expired = r.metrics.snapshot().find(family => family.name === 'actor_messages_expired_total')
  t.equal(expired?.series[0]?.value, 1)
  t.end()
})

t.test('delivery: the deadline is known to the receiver, and the trace goes on with what it sends', t => {
  const r = rig()
  const traces: (string | undefined)[] = []
  const deadlines: number[] = []
  r.system.start(root([actor('a', { history: [] }), actor('b', { history: [] })]))
  r.clock.run(1_000)
  r.system.watch('b', sighting => traces.push(sighting.traceparent))
  const b = refOf(r, 'b')
  const work = (context: Context<ProbeMessage, undefined>): void => {
    deadlines.push(context.deadlineMs)
    context.send(b, { kind: 'ping' })
  }
  r.system.send(refOf(r, 'a'), { kind: 'do', work }, 250, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
  r.system.send(refOf(r, 'a'), { kind: 'do', work })
  r.clock.advance(0)
  t.same(deadlines, [1_250, Number.POSITIVE_INFINITY])
  t.same(traces, ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', undefined])
  t.end()
})

t.test(
  'I22: a crash: what waited is returned as stale, what crashed it is not; replies and timers of the dead one never arrive',
  t => {
    const history: string[] = []
    const r = rig()
    r.system.start(root([actor('a', { history }), actor('b', { history })]))
    const b = refOf(r, 'b')
    let late: Context<ProbeMessage, undefined> | undefined
    let oldReply: Ref<Message> | undefined
    tell(r, 'b', {
      kind: 'do',
      work: context => {
        late = context
        oldReply = context.replyRef<Message>(77)
        context.after(100, { kind: 'note', text: 'timer of the dead' })
      }
    })
    tell(r, 'a', {
      kind: 'do',
      work: context => {
        context.send(b, { kind: 'crash' })
        for (let i = 1; i <= 2; i += 1) context.send(b, { kind: 'ping', replyTo: context.replyRef<Message>(i) })
      }
    })
    t.same(history, ['+a', '+b', '-b Error', '+b', 'a?1 stale-incarnation', 'a?2 stale-incarnation'])
    r.system.send(oldReply!, { kind: 'pong' })
    late!.send(refOf(r, 'a'), { kind: 'note', text: 'from beyond' })
    t.equal(late!.after(1, { kind: 'note', text: 'from beyond' }), 0)
    late!.exit('normal')
    r.clock.advance(1_000)
    t.equal(history.length, 6, 'nothing more happened')
    t.match(r.crashes[0], {
      actor: 'b',
      kind: 'probe',
      incarnation: 2,
      error: 'Error: b crashes',
      message_kind: 'crash',
      summary: { name: 'b' }
    })
    t.match(r.crashes[0]!.stack, /rig\.[jt]s/)
    t.end()
  }
)

t.test('delivery: a control lane that overflows is a crash of its owner, and is logged', t => {
  const r = rig()
  r.system.start(root([actor('a', { history: [] })]))
  const a = refOf(r, 'a')
  for (let i = 0; i <= limits.mailboxControlMax; i += 1) r.system.signal(a, { kind: 'ping' })
  r.clock.advance(0)
  t.equal(r.crashes.length, 1)
  t.match(r.crashes[0]!.error, /RangeError: the control lane of a holds 65536 messages/)
  t.equal(r.system.describe().children[0]!.state, 'running')
  t.end()
})

t.test('delivery: control passes data that waited before it', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history })]))
  const a = refOf(r, 'a')
  for (const text of ['d1', 'd2']) r.system.send(a, { kind: 'note', text })
  r.system.signal(a, { kind: 'note', text: 'c1' })
  r.clock.advance(0)
  t.same(history, ['+a', 'a:c1', 'a:d1', 'a:d2'])
  t.end()
})

t.test('delivery: a gateway takes what is addressed to its host token, and is flushed after the turn', t => {
  const log: string[] = []
  const gateways = new Map([
    ['client', { send: (envelope: Envelope) => log.push(envelope.message.kind) > 0, flush: () => void log.push('flush') }]
  ])
  const r = rig({ gateways })
  r.system.start(root([actor('a', { history: [] })]))
  tell(r, 'a', { kind: 'ping', replyTo: { address: 'client.x.7' as Address, correlation: 1, incarnation: 0 } })
  t.same(log, ['pong', 'flush'])
  r.system.deliver({
    to: missing('h.t.nobody'),
    lane: 'data',
    budgetMs: 0,
    traceparent: undefined,
    message: { kind: 'ping', replyTo: missing('client.x.8') }
  })
  r.system.delivered()
  r.clock.advance(0)
  t.same(log.slice(2), ['~undelivered', 'flush'])
  t.end()
})

t.test('delivery: a hint that a thread is unreachable reaches the actors that listen', t => {
  const seen: string[] = []
  const r = rig()
  const spec = actor('a', { history: [] })
  const behaviour = { ...spec.behaviour, unreachable: (_state: unknown, thread: ThreadAddress) => void seen.push(thread) }
  r.system.start(root([{ ...spec, behaviour }, actor('b', { history: [] })]))
  r.system.unreachable('far.t' as ThreadAddress)
  r.clock.advance(0)
  t.same(seen, ['far.t'])
  t.end()
})

t.test('delivery: what is addressed to every host reaches the actor of that name on this thread', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history })]))
  r.system.deliver({ to: missing('all.t.a'), lane: 'control', budgetMs: 0, traceparent: undefined, message: { kind: 'ping' } })
  r.clock.advance(0)
  t.same(history, ['+a', 'a:ping'])
  t.end()
})
