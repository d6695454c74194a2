import t from 'tap'
import type { AnyBehaviour, Context } from '../../runtime/actor.ts'
import { actor, refOf, rig, root, tell } from './rig.ts'

t.test('lifecycle: an actor that ends itself in its start → transient: it is ended, as normal', t => {
  const history: string[] = []
  const r = rig()
  const behaviour: AnyBehaviour = {
    kind: 'brief',
    start: (_args, context) => context.exit('normal'),
    receive: () => undefined,
    stop: (_state, reason) => void history.push(String(reason))
  }
  r.system.start(root([{ type: 'actor', name: 'a', behaviour, restart: 'transient' }]))
  r.clock.advance(0)
  t.same(history, ['normal'])
  t.equal(r.system.describe().children[0]!.state, 'stopped')
  t.end()
})

t.test('lifecycle: an actor starts a child, tells it, stops it, and at last stops itself through its supervisor', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history })]))
  tell(r, 'a', {
    kind: 'do',
    work(context) {
      const child = context.startChild('root', actor('child', { history }))
      context.send(child!, { kind: 'note', text: 'told' } as never)
    }
  })
  tell(r, 'a', { kind: 'do', work: context => context.stopChild('root', 'child') })
  tell(r, 'a', { kind: 'do', work: context => context.stopChild('root', 'a') })
  t.same(history, ['+a', '+child', 'child:told', '-child drained', '-a drained'])
  t.equal(r.system.describe().children.length, 0)
  t.end()
})

t.test('lifecycle: last words can still be sent, also after a crash; what throws in them is logged, not escalated', t => {
  const history: string[] = []
  const r = rig()
  const behaviour: AnyBehaviour = {
    kind: 'talkative',
    start: () => ({}),
    receive: () => {
      throw new Error('crash')
    },
    stop: (_state, _reason, context: Context) => {
      context.send(refOf(r, 'b'), { kind: 'note', text: 'farewell' })
      throw new Error('and more')
    }
  }
  r.system.start(root([{ type: 'actor', name: 'a', behaviour }, actor('b', { history })]))
  tell(r, 'a', { kind: 'ping' })
  t.same(history, ['+b', 'b:farewell'])
  t.equal(r.crashes.length, 1)
  t.equal(r.system.describe().children[0]!.state, 'running')
  t.end()
})

t.test('lifecycle: a thrown value that is no error, and a summary that throws → the report says so', t => {
  const r = rig()
  const behaviour: AnyBehaviour = {
    kind: 'odd',
    start: () => ({}),
    receive: () => {
      const odd: unknown = 'a string'
      throw odd
    },
    summary: () => {
      throw new Error('no summary')
    }
  }
  r.system.start(root([{ type: 'actor', name: 'a', behaviour }]))
  tell(r, 'a', { kind: 'ping' })
  t.match(r.crashes[0], { error: 'Error: thrown: a string', summary: { summary_failed: 'Error: no summary' } })
  t.end()
})

t.test('lifecycle: work done outside a message (a completion) can send, and end its actor; correlation is 0 there', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history }), actor('b', { history })]))
  let kept: Context<never> | undefined
  tell(r, 'a', { kind: 'do', work: context => void (kept = context as never) })
  t.equal(kept!.correlation, 0)
  t.equal(kept!.deadlineMs, Number.POSITIVE_INFINITY)
  kept!.send(refOf(r, 'b'), { kind: 'note', text: 'completed' })
  r.clock.advance(0)
  kept!.exit(new Error('the disk is gone'))
  r.clock.advance(0)
  t.same(history, ['+a', '+b', 'b:completed', '-a Error', '+a'])
  t.match(r.crashes[0], { error: 'Error: the disk is gone', message_kind: null })
  t.end()
})
