import fc from 'fast-check'
import t from 'tap'
import type { TimerId } from '../../runtime/actor.ts'
import { limits } from '../../model/limits.ts'
import { actor, refOf, rig, root, tell } from './rig.ts'

t.test(
  'timers: they fire in order of time, and of setting where the time is equal; cancelled ones never do, whatever is set and cancelled',
  t => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('set' as const), delayMs: fc.integer({ min: 0, max: 20 }) }),
      fc.record({ do: fc.constant('cancel' as const), which: fc.nat(30) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 10 }) })
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const history: string[] = []
        const r = rig()
        r.system.start(root([actor('a', { history })]))
        const set: { readonly id: TimerId; readonly at: number; readonly text: string; cancelled: boolean }[] = []
        for (const [i, one] of steps.entries()) {
          tell(r, 'a', {
            kind: 'do',
            work: context => {
              if (one.do === 'set') {
                const text = `${i}`
                set.push({
                  id: context.after(one.delayMs, { kind: 'note', text }),
                  at: context.now() + one.delayMs,
                  text,
                  cancelled: false
                })
              } else if (one.do === 'cancel') {
                const timer = set[one.which]
                if (timer === undefined) return
                context.cancel(timer.id)
                if (!history.includes(`a:${timer.text}`)) timer.cancelled = true
              }
            }
          })
          if (one.do === 'wait') r.clock.advance(one.ms)
        }
        r.clock.advance(100)
        const expected = set.filter(timer => !timer.cancelled).toSorted((a, b) => a.at - b.at || Number(a.text) - Number(b.text))
        return (
          JSON.stringify(history.slice(1)) === JSON.stringify(expected.map(timer => `a:${timer.text}`)) &&
          r.system.timers.waiting === 0
        )
      })
    )
    t.end()
  }
)

t.test('timers: one that fell due while its actor was busy can still be cancelled', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history })]))
  let timer: TimerId = 0
  tell(r, 'a', { kind: 'do', work: context => void (timer = context.after(10, { kind: 'note', text: 'due' })) })
  // Both lie in the control lane when the actor has its turn, the cancelling one first.
  r.clock.after(10, () => undefined)
  r.clock.run(9)
  r.hostClock.pause()
  r.system.signal(refOf(r, 'a'), { kind: 'do', work: context => context.cancel(timer) })
  r.clock.run(20)
  r.hostClock.resume()
  r.clock.advance(0)
  t.same(history, ['+a'])
  t.end()
})

t.test('timers: a cancelled number never means another timer; nor does one of another actor', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history }), actor('b', { history })]))
  let first: TimerId = 0
  tell(r, 'a', {
    kind: 'do',
    work(context) {
      first = context.after(10, { kind: 'note', text: 'first' })
      context.cancel(first)
      context.after(10, { kind: 'note', text: 'second' })
      context.cancel(first)
    }
  })
  tell(r, 'b', { kind: 'do', work: context => context.cancel(first) })
  r.clock.advance(10)
  t.same(history, ['+a', '+b', 'a:second'])
  t.end()
})

t.test('timers: those of an incarnation end with it, and cost nothing then', t => {
  const r = rig()
  r.system.start(root([actor('a', { history: [] })]))
  tell(r, 'a', {
    kind: 'do',
    work(context) {
      for (let i = 0; i < 1_000; i += 1) context.after(i, { kind: 'ping' })
    }
  })
  t.ok(r.system.timers.waiting > 900)
  tell(r, 'a', { kind: 'crash' })
  t.equal(r.system.timers.waiting, 0)
  t.end()
})

t.test('timers: more than an actor may have, or a delay that is none → the actor crashes with a sentence', t => {
  const r = rig()
  r.system.start(root([actor('a', { history: [] })]))
  tell(r, 'a', {
    kind: 'do',
    work(context) {
      for (let i = 0; i <= limits.timersPerActorMax; i += 1) context.after(1_000, { kind: 'ping' })
    }
  })
  tell(r, 'a', { kind: 'do', work: context => void context.after(Number.NaN, { kind: 'ping' }) })
  t.match(r.crashes[0]?.error, /a has 65536 timers already/)
  t.match(r.crashes[1]?.error, /a delay is 0 or more milliseconds, not NaN/)
  t.end()
})
