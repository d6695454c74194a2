import t from 'tap'
import type { ActorDescription } from '../../runtime/actor.ts'
import { actor, rig, root, tell } from './rig.ts'

/** Backoff, what is told of failures, and specifications that are refused. All other cases are in `supervision-table.test.ts`. */

t.test(
  'I21: backoff base 100 ms, at most 300 ms → restarts after 100, 200, 300, 300 ms, and 100 again after a quiet period',
  t => {
    const history: string[] = []
    const r = rig()
    r.system.start(root([actor('a', { history })], { intensity: 10, periodMs: 10_000, backoff: { baseMs: 100, maxMs: 300 } }))
    const delays: number[] = []
    for (let i = 0; i < 5; i += 1) {
      if (i === 4) r.clock.advance(20_000)
      const starts = history.filter(entry => entry === '+a').length
      const since = r.clock.now()
      tell(r, 'a', { kind: 'crash' })
      t.equal(r.system.describe().children[0]!.state, 'restarting')
      while (history.filter(entry => entry === '+a').length === starts && r.clock.step());
      delays.push(r.clock.now() - since)
    }
    t.same(delays, [100, 200, 300, 300, 100])
    t.end()
  }
)

t.test(
  'I21: a group in backoff: a sibling that crashes meanwhile prolongs nothing for those already waiting in another order',
  t => {
    const history: string[] = []
    const r = rig()
    const strategy = 'rest-for-one'
    r.system.start(
      root(
        ['a', 'b', 'c'].map(name => actor(name, { history })),
        { strategy, backoff: { baseMs: 100, maxMs: 100 } }
      )
    )
    tell(r, 'c', { kind: 'crash' }, 50)
    tell(r, 'a', { kind: 'crash' }, 50)
    t.equal(history.join(' '), '+a +b +c -c Error -a Error -b Shutdown', 'c was waiting; now a and b wait too')
    r.clock.advance(50)
    t.equal(history.slice(6).join(' '), '+a +b +c', 'all start in order, once')
    t.end()
  }
)

t.test(
  'I21: escalation by one level → the supervisor above restarts the lower one with all its children; the uncle is untouched',
  t => {
    const history: string[] = []
    const r = rig()
    const lower = root([actor('a', { history }), actor('b', { history })], { name: 'lower', intensity: 1 })
    r.system.start(root([actor('uncle', { history }), lower]))
    tell(r, 'a', { kind: 'crash' })
    tell(r, 'b', { kind: 'crash' })
    t.equal(history.join(' '), '+uncle +a +b -a Error +a -b Error -a Shutdown +a +b')
    t.equal(r.gaveUp.length, 0)
    const description = find(r.system.describe(), 'lower')
    t.match(description, { restarts: 1, state: 'running', last_crash: { error: /lower gave up.*because Error: b crashes/ } })
    t.match(
      find(r.system.describe(), 'a'),
      { restarts: 2, last_crash: { error: 'Error: a crashes' } },
      'what happened before the escalation is remembered'
    )
    t.end()
  }
)

t.test('I21: a temporary supervisor that gives up is not restarted', t => {
  const r = rig()
  r.system.start(root([root([actor('a', { history: [] })], { name: 'lower', intensity: 0, restart: 'temporary' })]))
  tell(r, 'a', { kind: 'crash' })
  t.equal(r.system.describe().children.length, 0)
  t.equal(r.system.lookup('a'), undefined)
  t.equal(r.gaveUp.length, 0)
  t.end()
})

t.test(
  'I21: a first start that fails → those started before it end in reverse order, and start() says which failed and why',
  t => {
    const history: string[] = []
    const r = rig()
    const children = [
      actor('a', { history }),
      actor('b', { history }),
      actor('c', { history, failures: { start: 1 } }),
      actor('d', { history })
    ]
    t.throws(() => r.system.start(root(children)), {
      message: 'supervisor root did not start: its child c failed',
      cause: { message: 'c does not start' }
    })
    t.equal(history.join(' '), '+a +b !c -b Shutdown -a Shutdown')
    t.equal(r.crashes[0]?.message_kind, null)
    t.end()
  }
)

t.test('I21: children of a one-for-one supervisor can be added and stopped; they go with their supervisor', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([root([], { name: 'pool', intensity: 1 })]))
  const ref = r.system.startChild('pool', actor('x', { history }))
  t.equal(ref?.address, 'h.t.x')
  t.equal(r.system.startChild('pool', actor('x', { history })), undefined, 'the name is taken')
  t.equal(r.system.startChild('nobody', actor('y', { history })), undefined, 'no such supervisor')
  t.equal(r.system.startChild('pool', actor('z', { history, failures: { start: 1 } })), undefined, 'it does not start')
  t.throws(
    () => r.system.startChild('pool', { ...actor('w', { history }), restart: 'always' as 'permanent' }),
    /restart type "always" is unknown/
  )
  tell(r, 'x', { kind: 'crash' })
  t.equal(history.join(' '), '+x !z -x Error +x', 'it is restarted like the others')
  r.system.stopChild('pool', 'x')
  r.clock.advance(0)
  t.equal(history.at(-1), '-x drained')
  t.equal(r.system.lookup('x'), undefined)
  t.ok(r.system.startChild('pool', actor('x', { history })), 'the name is free again')
  r.system.startChild('pool', actor('v', { history }))
  tell(r, 'x', { kind: 'crash' })
  t.equal(find(r.system.describe(), 'pool')?.restarts, 1)
  t.equal(r.system.lookup('v'), undefined, 'the pool gave up and restarted empty')
  t.end()
})

const wrong: readonly { readonly name: string; readonly spec: unknown; readonly error: RegExp }[] = [
  {
    name: 'an unknown strategy',
    spec: { ...root([]), strategy: 'all-for-one' },
    error: /root: the strategy "all-for-one" is unknown: use one-for-one, one-for-all, rest-for-one/
  },
  { name: 'a negative intensity', spec: root([], { intensity: -1 }), error: /intensity is a whole number from 0, not -1/ },
  { name: 'half an intensity', spec: root([], { intensity: 0.5 }), error: /intensity is a whole number/ },
  { name: 'no period', spec: root([], { periodMs: 0 }), error: /periodMs is more than 0 milliseconds, not 0/ },
  {
    name: 'backoff upside down',
    spec: root([], { backoff: { baseMs: 9, maxMs: 3 } }),
    error: /backoff needs 0 ≤ baseMs ≤ maxMs, not 9 and 3/
  },
  {
    name: 'two children of one name',
    spec: root([actor('a', { history: [] }), actor('a', { history: [] })]),
    error: /root\/a: the name a is taken/
  },
  {
    name: 'one name on two levels',
    spec: root([actor('a', { history: [] }), root([actor('a', { history: [] })], { name: 'low' })]),
    error: /root\/low\/a: the name a is taken/
  },
  {
    name: 'a name that is no token',
    spec: root([actor('a.b', { history: [] })]),
    error: /root\/a\.b: the name "a\.b" is no address token/
  },
  {
    name: 'an unknown restart type',
    spec: root([actor('a', { history: [] }, { restart: 'always' as 'permanent' })]),
    error: /the restart type "always" is unknown/
  },
  {
    name: 'no behaviour',
    spec: root([{ type: 'actor', name: 'a', behaviour: {} as never }]),
    error: /its behaviour lacks kind, start or receive/
  },
  {
    name: 'a mailbox of none',
    spec: root([actor('a', { history: [] }, { mailboxMax: 0 })]),
    error: /mailboxMax is a whole number from 1, not 0/
  },
  {
    name: 'a lane for half a reply',
    spec: root([actor('a', { history: [] }, { repliesMax: 0.5 })]),
    error: /repliesMax is a whole number from 1, not 0.5/
  },
  {
    name: 'a negative shutdown',
    spec: root([actor('a', { history: [] }, { shutdownMs: -1 })]),
    error: /shutdownMs is 0 or more/
  },
  {
    name: 'an unknown type',
    spec: root([{ type: 'thread', name: 'a' } as never]),
    error: /the type "thread" is unknown: use actor or supervisor/
  }
]

for (const { name, spec, error } of wrong) {
  t.test(`supervision: ${name} → refused before anything starts`, t => {
    t.throws(() => rig().system.start(spec as never), error)
    t.end()
  })
}

function find(description: ActorDescription, name: string): ActorDescription | undefined {
  if (description.name === name) return description
  for (const child of description.children) {
    const found = find(child, name)
    if (found !== undefined) return found
  }
  return undefined
}
