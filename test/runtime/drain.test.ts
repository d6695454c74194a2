import t from 'tap'
import type { Message } from '../../bus/bus.ts'
import { actor, refOf, rig, root, tell } from './rig.ts'

t.test('drain: stop() → what waits is handled, then all stop in reverse order of start, through all levels', async t => {
  const history: string[] = []
  const r = rig()
  const low = root([actor('b', { history }), actor('c', { history })], { name: 'low' })
  r.system.start(root([actor('a', { history }), low, actor('d', { history })]))
  for (const name of ['a', 'b', 'c', 'd']) r.system.send(refOf(r, name), { kind: 'note', text: 'work' })
  const stopped = r.system.stop()
  r.clock.advance(0)
  await stopped
  t.equal(history.join(' '), '+a +b +c +d a:work b:work c:work d:work -d drained -c drained -b drained -a drained')
  t.equal(r.system.describe().state, 'stopped')
  t.end()
})

t.test('drain: an actor with work under way takes its replies, timers and own messages, but no new work', async t => {
  const history: string[] = []
  let busy = true
  const r = rig()
  r.system.start(root([actor('client', { history }), actor('a', { history, idle: () => !busy })]))
  let reply: Parameters<typeof r.system.send>[0] | undefined
  tell(r, 'a', {
    kind: 'do',
    work(context) {
      reply = context.replyRef(9)
      context.after(10, { kind: 'do', work: inner => inner.send(inner.self, { kind: 'note', text: 'own' }) })
    }
  })
  r.system.stopChild('root', 'a')
  r.clock.advance(0)
  const a = refOf(r, 'a')
  tell(r, 'client', { kind: 'do', work: context => context.send(a, { kind: 'ping', replyTo: context.replyRef<Message>(1) }) })
  r.system.send(reply!, { kind: 'note', text: 'reply' } as never)
  r.clock.advance(20)
  t.equal(r.system.describe().children[1]!.state, 'draining')
  t.equal(history.join(' '), '+client +a client?1 no-such-actor a:reply a:own')
  busy = false
  tell(r, 'client', { kind: 'ping' })
  t.equal(history.at(-1), '-a drained')
  t.equal(r.system.lookup('a'), undefined)
  t.end()
})

t.test('drain: an actor that does not become idle is stopped as it is after shutdownMs', async t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('b', { history }), actor('a', { history, idle: () => false }, { shutdownMs: 300 })]))
  const stopped = r.system.stop()
  r.clock.run(299)
  t.equal(history.join(' '), '+b +a', 'the ones before it wait')
  r.clock.run(300)
  await stopped
  t.equal(history.join(' '), '+b +a -a Shutdown -b drained')
  t.end()
})

t.test('drain: a crash while draining is reported, not restarted, and holds nobody up', async t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('b', { history }), actor('a', { history, idle: () => false })]))
  const stopped = r.system.stop()
  r.system.signal(refOf(r, 'a'), { kind: 'crash' })
  r.clock.advance(0)
  await stopped
  t.equal(history.join(' '), '+b +a -a Error -b drained')
  t.equal(r.crashes.length, 1)
  t.end()
})

t.test('drain: a child that waits for its restart is not started any more', async t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history })], { backoff: { baseMs: 50, maxMs: 50 } }))
  tell(r, 'a', { kind: 'crash' })
  const stopped = r.system.stop()
  r.clock.advance(1_000)
  await stopped
  t.equal(history.join(' '), '+a -a Error')
  t.equal(r.clock.waiting, 0, 'no timer is left')
  t.end()
})

t.test('drain: stop() twice, before a start, and after giving up → it resolves', async t => {
  const idle = rig()
  await Promise.all([idle.system.stop(), idle.system.stop()])
  const dead = rig()
  dead.system.start(root([actor('a', { history: [] })], { intensity: 0 }))
  tell(dead, 'a', { kind: 'crash' })
  await dead.system.stop()
  t.pass('both are through')
})
