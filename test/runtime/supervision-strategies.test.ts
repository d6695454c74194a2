import t from 'tap'
import type { ActorDescription, SupervisorSpec } from '../../runtime/actor.ts'
import { actor, type ProbeMessage, rig, root, tell } from './rig.ts'

/**
 * The cases of OTP's supervisor suite that concern strategies and restart types, on virtual time.
 * Children a, b, c start in that order under a supervisor of the given strategy; then b is told `cause`.
 */
interface Case {
  readonly name: string
  readonly strategy: SupervisorSpec['strategy']
  readonly restart: readonly ('permanent' | 'transient' | 'temporary')[]
  readonly cause: ProbeMessage['kind'] & ('crash' | 'exit' | 'fail')
  readonly history: string
  readonly alive: string
}

const permanent = ['permanent', 'permanent', 'permanent'] as const
const all = '+a +b +c '

const cases: readonly Case[] = [
  {
    name: 'one-for-one, permanent, crash: it alone restarts',
    strategy: 'one-for-one',
    restart: permanent,
    cause: 'crash',
    history: '-b Error +b',
    alive: 'a b c'
  },
  {
    name: 'one-for-one, permanent, normal end: it restarts',
    strategy: 'one-for-one',
    restart: permanent,
    cause: 'exit',
    history: '-b normal +b',
    alive: 'a b c'
  },
  {
    name: 'one-for-one, permanent, exit with an error: it restarts',
    strategy: 'one-for-one',
    restart: permanent,
    cause: 'fail',
    history: '-b Error +b',
    alive: 'a b c'
  },
  {
    name: 'one-for-one, transient, crash: it restarts',
    strategy: 'one-for-one',
    restart: ['permanent', 'transient', 'permanent'],
    cause: 'crash',
    history: '-b Error +b',
    alive: 'a b c'
  },
  {
    name: 'one-for-one, transient, normal end: it stays ended',
    strategy: 'one-for-one',
    restart: ['permanent', 'transient', 'permanent'],
    cause: 'exit',
    history: '-b normal',
    alive: 'a c'
  },
  {
    name: 'one-for-one, temporary, crash: it stays ended',
    strategy: 'one-for-one',
    restart: ['permanent', 'temporary', 'permanent'],
    cause: 'crash',
    history: '-b Error',
    alive: 'a c'
  },
  {
    name: 'one-for-one, temporary, normal end: it stays ended',
    strategy: 'one-for-one',
    restart: ['permanent', 'temporary', 'permanent'],
    cause: 'exit',
    history: '-b normal',
    alive: 'a c'
  },
  {
    name: 'one-for-all, permanent, crash: the others end in reverse order, all start in order',
    strategy: 'one-for-all',
    restart: permanent,
    cause: 'crash',
    history: '-b Error -c Shutdown -a Shutdown +a +b +c',
    alive: 'a b c'
  },
  {
    name: 'one-for-all, permanent, normal end: all restart',
    strategy: 'one-for-all',
    restart: permanent,
    cause: 'exit',
    history: '-b normal -c Shutdown -a Shutdown +a +b +c',
    alive: 'a b c'
  },
  {
    name: 'one-for-all, transient, normal end: nobody restarts',
    strategy: 'one-for-all',
    restart: ['permanent', 'transient', 'permanent'],
    cause: 'exit',
    history: '-b normal',
    alive: 'a c'
  },
  {
    name: 'one-for-all, temporary, crash: nobody restarts',
    strategy: 'one-for-all',
    restart: ['permanent', 'temporary', 'permanent'],
    cause: 'crash',
    history: '-b Error',
    alive: 'a c'
  },
  {
    name: 'one-for-all, a temporary sibling: it ends with the group and does not come back',
    strategy: 'one-for-all',
    restart: ['permanent', 'permanent', 'temporary'],
    cause: 'crash',
    history: '-b Error -c Shutdown -a Shutdown +a +b',
    alive: 'a b'
  },
  {
    name: 'rest-for-one, permanent, crash: those after it end in reverse order, then start in order',
    strategy: 'rest-for-one',
    restart: permanent,
    cause: 'crash',
    history: '-b Error -c Shutdown +b +c',
    alive: 'a b c'
  },
  {
    name: 'rest-for-one, transient, normal end: nobody restarts',
    strategy: 'rest-for-one',
    restart: ['permanent', 'transient', 'permanent'],
    cause: 'exit',
    history: '-b normal',
    alive: 'a c'
  },
  {
    name: 'rest-for-one, temporary, crash: nobody restarts',
    strategy: 'rest-for-one',
    restart: ['permanent', 'temporary', 'permanent'],
    cause: 'crash',
    history: '-b Error',
    alive: 'a c'
  },
  {
    name: 'rest-for-one, a temporary one after it: it ends and does not come back',
    strategy: 'rest-for-one',
    restart: ['permanent', 'permanent', 'temporary'],
    cause: 'crash',
    history: '-b Error -c Shutdown +b',
    alive: 'a b'
  }
]

for (const { name, strategy, restart, cause, history: expected, alive } of cases) {
  t.test(`I21: ${name}`, t => {
    const history: string[] = []
    const r = rig()
    r.system.start(
      root(
        ['a', 'b', 'c'].map((child, i) => actor(child, { history }, { restart: restart[i]! })),
        { strategy }
      )
    )
    tell(r, 'b', { kind: cause })
    t.equal(history.join(' '), all + expected)
    t.equal(living(r.system.describe()), alive)
    t.equal(r.gaveUp.length, 0)
    t.end()
  })
}

t.test('I21: one-for-all, a transient sibling had ended normally → a crash brings it back with the group, as in OTP', t => {
  const history: string[] = []
  const r = rig()
  r.system.start(root([actor('a', { history }), actor('b', { history }, { restart: 'transient' })], { strategy: 'one-for-all' }))
  tell(r, 'b', { kind: 'exit' })
  t.equal(living(r.system.describe()), 'a')
  tell(r, 'a', { kind: 'crash' })
  t.equal(history.join(' '), '+a +b -b normal -a Error +a +b')
  t.end()
})

t.test(
  'I21: one-for-all, two siblings crash in one turn → one restart of the group for the first; the second belongs to the old group',
  t => {
    const history: string[] = []
    const r = rig()
    r.system.start(root([actor('a', { history }), actor('b', { history })], { strategy: 'one-for-all', intensity: 1 }))
    tell(r, 'a', { kind: 'note', text: 'x' })
    r.system.send(r.system.lookup('a')!, { kind: 'crash' })
    r.system.send(r.system.lookup('b')!, { kind: 'crash' })
    r.clock.advance(0)
    t.equal(history.join(' '), '+a +b a:x -a Error -b Shutdown +a +b')
    t.equal(r.gaveUp.length, 0)
    t.end()
  }
)

function living(description: ActorDescription): string {
  return description.children
    .filter(child => child.state === 'running')
    .map(child => child.name)
    .join(' ')
}
