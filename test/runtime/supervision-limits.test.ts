import t from 'tap'
import type { ActorDescription } from '../../runtime/actor.ts'
import { actor, rig, root, tell } from './rig.ts'

/** Intensity, period, backoff, escalation and failed starts, as OTP's supervisor has them, on virtual time. */

interface IntensityCase {
  readonly name: string
  readonly intensity: number
  readonly periodMs: number
  /** When the actor is crashed. */
  readonly crashesMs: readonly number[]
  readonly survives: boolean
}

const intensities: readonly IntensityCase[] = [
  { name: 'intensity 0: the first crash escalates', intensity: 0, periodMs: 1_000, crashesMs: [0], survives: false },
  { name: 'intensity 1: one crash is restarted', intensity: 1, periodMs: 1_000, crashesMs: [0], survives: true },
  {
    name: 'intensity 1: the second within the period escalates',
    intensity: 1,
    periodMs: 1_000,
    crashesMs: [0, 999],
    survives: false
  },
  {
    name: 'intensity 1: the second exactly one period later still counts',
    intensity: 1,
    periodMs: 1_000,
    crashesMs: [0, 1_000],
    survives: false
  },
  {
    name: 'intensity 1: the second after the period is restarted',
    intensity: 1,
    periodMs: 1_000,
    crashesMs: [0, 1_001],
    survives: true
  },
  {
    name: 'intensity 2: a steady crash every half period and a bit goes on for ever',
    intensity: 2,
    periodMs: 1_000,
    crashesMs: [0, 501, 1_002, 1_503, 2_004, 2_505],
    survives: true
  },
  {
    name: 'intensity 2: three within the period escalate, though the first ones were restarted',
    intensity: 2,
    periodMs: 1_000,
    crashesMs: [0, 2_000, 2_400, 2_800],
    survives: false
  },
  {
    name: 'intensity 3: a burst of three in one instant is restarted',
    intensity: 3,
    periodMs: 1_000,
    crashesMs: [0, 0, 0],
    survives: true
  },
  {
    name: 'intensity 3: a burst of four in one instant escalates',
    intensity: 3,
    periodMs: 1_000,
    crashesMs: [0, 0, 0, 0],
    survives: false
  }
]

for (const { name, intensity, periodMs, crashesMs, survives } of intensities) {
  t.test(`I21: ${name}`, t => {
    const history: string[] = []
    const r = rig()
    r.system.start(root([actor('a', { history }), actor('b', { history })], { intensity, periodMs }))
    for (const at of crashesMs) {
      r.clock.run(at)
      tell(r, 'a', { kind: 'crash' })
    }
    t.equal(r.gaveUp.length, survives ? 0 : 1)
    t.equal(r.crashes.length, crashesMs.length)
    if (survives) t.equal(history.filter(entry => entry === '+a').length, crashesMs.length + 1)
    else {
      t.equal(history.at(-1), '-b Shutdown', 'the others are ended too')
      t.match(r.gaveUp[0]!.message, `supervisor root gave up: more than ${intensity} restarts within ${periodMs} ms`)
      t.match(r.gaveUp[0]!.cause, { message: 'a crashes' })
    }
    t.end()
  })
}

t.test('I21: the period is shared by the children: two actors with one crash each count as two', t => {
  const r = rig()
  r.system.start(root([actor('a', { history: [] }), actor('b', { history: [] })], { intensity: 1 }))
  tell(r, 'a', { kind: 'crash' })
  tell(r, 'b', { kind: 'crash' })
  t.equal(r.gaveUp.length, 1)
  t.end()
})

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

t.test('I21: escalation goes up level by level: each level has its own intensity', t => {
  const r = rig()
  const lowest = root([actor('a', { history: [] })], { name: 'lowest', intensity: 1 })
  const middle = root([lowest], { name: 'middle', intensity: 1 })
  r.system.start(root([middle], { intensity: 0 }))
  for (let crash = 1; crash <= 3; crash += 1) tell(r, 'a', { kind: 'crash' })
  t.equal(r.gaveUp.length, 0)
  // 1 restart of a; escalate: 1 restart of lowest; 1 restart of a; escalate: middle gives up; the root has none.
  tell(r, 'a', { kind: 'crash' })
  t.equal(r.gaveUp.length, 1)
  t.end()
})

t.test('I21: a supervisor that gave up starts its period anew', t => {
  const r = rig()
  r.system.start(root([root([actor('a', { history: [] })], { name: 'lower', intensity: 1 })], { intensity: 5 }))
  for (let crash = 0; crash < 4; crash += 1) tell(r, 'a', { kind: 'crash' })
  t.match(find(r.system.describe(), 'lower'), { restarts: 2, state: 'running' })
  t.end()
})

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

t.test('I21: a restart that fails counts as a further one: intensity 3, two failed starts → it runs after the third', t => {
  const history: string[] = []
  const failures = { start: 0 }
  const r = rig()
  r.system.start(root([actor('a', { history, failures })]))
  failures.start = 2
  tell(r, 'a', { kind: 'crash' })
  t.equal(history.join(' '), '+a -a Error !a !a +a')
  t.equal(r.gaveUp.length, 0)
  t.end()
})

t.test('I21: a restart that keeps failing escalates when the intensity is used up', t => {
  const history: string[] = []
  const failures = { start: 0 }
  const r = rig()
  r.system.start(root([actor('b', { history }), actor('a', { history, failures })]))
  failures.start = 100
  tell(r, 'a', { kind: 'crash' })
  t.equal(history.join(' '), '+b +a -a Error !a !a !a -b Shutdown')
  t.equal(r.gaveUp.length, 1)
  t.end()
})

t.test('I21: one-for-all, the restart of the second child fails once → the first one ends again, and all start in order', t => {
  const history: string[] = []
  const failures = { start: 0 }
  const r = rig()
  r.system.start(
    root([actor('a', { history }), actor('b', { history, failures }), actor('c', { history })], { strategy: 'one-for-all' })
  )
  failures.start = 1
  tell(r, 'c', { kind: 'crash' })
  t.equal(history.slice(3).join(' '), '-c Error -b Shutdown -a Shutdown +a !b -a Shutdown +a +b +c')
  t.end()
})

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

t.test('I21: an added transient child that ends normally is forgotten, so that its name is free', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([]))
  r.system.startChild('root', actor('job', { history }, { restart: 'transient' }))
  tell(r, 'job', { kind: 'exit' })
  t.equal(r.system.lookup('job'), undefined)
  t.equal(r.system.describe().children.length, 0)
  t.end()
})

t.test('I21: a child that waits for its restart can be stopped: it does not come back', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history })], { backoff: { baseMs: 100, maxMs: 100 } }))
  tell(r, 'a', { kind: 'crash' }, 50)
  r.system.stopChild('root', 'a')
  r.clock.advance(1_000)
  t.equal(history.join(' '), '+a -a Error')
  t.equal(r.system.lookup('a'), undefined)
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
