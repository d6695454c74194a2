import t from 'tap'
import { MemoryNetwork } from '../../bus/memory-bus.ts'
import { type Message, threadAddressOf } from '../../bus/bus.ts'
import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { actor, refOf, type ProbeMessage, rig, root, tell } from './rig.ts'

/** A thread and one that is its successor, on one network: the first stands still while the second takes its place. */
t.test(
  'I22: a process stands still for 30 s, its successor takes its place, it goes on → each message is handled by one of the two, and the old one is heard by nobody',
  async t => {
    const clock = new VirtualClock()
    const network = new MemoryNetwork({
      schedule: (delayMs, run) => clock.schedule(delayMs, clock.host('net'), run),
      random: () => 0.5
    })
    const asker: string[] = []
    const old: string[] = []
    const young: string[] = []
    const address = threadAddressOf('h', 't')
    const a = rig({ clock, host: 'asker', bus: network.bus(threadAddressOf('asker', 't')) })
    a.system.start(root([actor('asker', { history: asker })]))
    const first = rig({ clock, host: 'h', bus: network.bus(address), incarnationBase: 1_000 })
    first.system.start(root([actor('x', { history: old })]))
    const x = refOf(first, 'x')
    const ask = (correlation: number): void =>
      tell(a, 'asker', {
        kind: 'do',
        work: context => context.send(x, { kind: 'ping', replyTo: context.replyRef<Message>(correlation) })
      })
    // Its own reference, and a timer that comes due while it stands still.
    let kept = x
    tell(first, 'x', {
      kind: 'do',
      work(context) {
        kept = context.replyRef<ProbeMessage>(7)
        context.after(10_000, { kind: 'note', text: 'timer' })
      }
    })
    ask(1)
    clock.advance(10)
    t.same(old, ['+x', 'x:ping'])

    first.hostClock.pause()
    clock.advance(15_000)
    const second = rig({ clock, host: 'h', bus: network.bus(address), incarnationBase: 2_000 })
    second.system.start(root([actor('x', { history: young })]))
    ask(2)
    tell(a, 'asker', {
      kind: 'do',
      work: context => context.send({ ...kept }, { kind: 'ping', replyTo: context.replyRef<Message>(3) })
    })
    clock.advance(15_000)
    first.hostClock.resume()
    ask(4)
    clock.advance(1_000)

    t.same(young, ['+x', 'x:ping', 'x:ping'], 'what was meant for whoever lives there goes to the successor')
    t.same(old.slice(2), ['x:timer'], 'the old one gets none of it')
    t.ok(asker.includes('asker?3 stale-incarnation'), 'what was meant for the old one alone is returned')
    t.equal(second.crashes.length + first.crashes.length, 0)
  }
)

t.test(
  'I22: a process stands still for 30 s and goes on → one incarnation, each message once; timers that came due meanwhile come once',
  async t => {
    const history: string[] = []
    const r = rig()
    r.system.start(root([actor('x', { history })]))
    const before = r.system.describe().children[0]!.incarnation
    tell(r, 'x', { kind: 'do', work: context => void context.after(10_000, { kind: 'note', text: 'timer' }) })
    r.hostClock.pause()
    r.system.send(refOf(r, 'x'), { kind: 'note', text: 'late' })
    r.system.send(refOf(r, 'x'), { kind: 'note', text: 'too late' }, 5_000)
    r.clock.advance(30_000)
    t.same(history, ['+x'])
    r.hostClock.resume()
    r.clock.advance(60_000)
    t.same(history.toSorted(), ['+x', 'x:late', 'x:timer'], 'and what nobody waits for any more is not handled at all')
    t.equal(r.system.describe().children[0]!.incarnation, before)
  }
)
