import type { SupervisionCase } from './supervision-case.ts'

const all = 'one-for-all'
const rest = 'rest-for-one'

export const oneForOne: readonly SupervisionCase[] = [
  {
    otp: 'one_for_one',
    name: 'it alone is started again',
    tree: { children: ['a', 'b', 'c'] },
    events: ['b crash'],
    history: '-b Error +b',
    alive: 'a b c'
  },
  {
    otp: 'one_for_one_other_child',
    name: 'two children, one after the other',
    tree: { children: ['a', 'b', 'c'] },
    events: ['b crash', 'a crash'],
    history: '-b Error +b -a Error +a',
    alive: 'a b c'
  },
  {
    otp: 'one_for_one_escalation',
    name: 'its restarts fail until the intensity is used up → the others end, the last first',
    tree: { children: ['a', 'b', 'c'], intensity: 2 },
    events: ['b fails 9', 'b crash'],
    history: '-b Error !b !b -c Shutdown -a Shutdown',
    alive: '',
    gaveUp: true
  },
  {
    otp: 'one_for_one_escalation',
    name: 'a crash one past the intensity → the others end',
    tree: { children: ['a', 'b'], intensity: 0 },
    events: ['a crash'],
    history: '-a Error -b Shutdown',
    alive: '',
    gaveUp: true
  }
]

export const oneForAll: readonly SupervisionCase[] = [
  {
    otp: 'one_for_all',
    name: 'the others end in reverse order, all start in order',
    tree: { strategy: all, children: ['a', 'b', 'c'] },
    events: ['b crash'],
    history: '-b Error -c Shutdown -a Shutdown +a +b +c',
    alive: 'a b c'
  },
  {
    otp: 'one_for_all',
    name: 'a permanent child ends normally: the same',
    tree: { strategy: all, children: ['a', 'b', 'c'] },
    events: ['b exit'],
    history: '-b normal -c Shutdown -a Shutdown +a +b +c',
    alive: 'a b c'
  },
  {
    otp: 'one_for_all',
    name: 'a transient child ends normally, a temporary one crashes: nobody restarts',
    tree: { strategy: all, children: ['a', 'b?', 'c!'] },
    events: ['b exit', 'c crash'],
    history: '-b normal -c Error',
    alive: 'a'
  },
  {
    otp: 'one_for_all_other_child',
    name: 'a transient child that had ended normally comes back with the group',
    tree: { strategy: all, children: ['a', 'b?'] },
    events: ['b exit', 'a crash'],
    history: '-b normal -a Error +a +b',
    alive: 'a b'
  },
  {
    otp: 'one_for_all_other_child_fails_restart',
    name: 'the second child fails once in the restart → the first ends again, all start in order',
    tree: { strategy: all, children: ['a', 'b', 'c'] },
    events: ['b fails 1', 'c crash'],
    history: '-c Error -b Shutdown -a Shutdown +a !b -a Shutdown +a +b +c',
    alive: 'a b c'
  },
  {
    otp: 'one_for_all_escalation',
    name: 'restarts that keep failing escalate',
    tree: { strategy: all, children: ['a', 'b'], intensity: 1 },
    events: ['b fails 9', 'a crash'],
    history: '-a Error -b Shutdown +a !b -a Shutdown',
    alive: '',
    gaveUp: true
  },
  {
    otp: 'one_for_all',
    name: 'a supervisor among the children restarts as a whole',
    tree: { strategy: all, children: ['a', { name: 'low', children: ['b', 'c'] }] },
    events: ['low add x', 'a crash'],
    history: '+x -a Error -x Shutdown -c Shutdown -b Shutdown +a +b +c',
    alive: 'a b c'
  }
]

export const restForOne: readonly SupervisionCase[] = [
  {
    otp: 'rest_for_one',
    name: 'those after it end in reverse order, then start in order',
    tree: { strategy: rest, children: ['a', 'b', 'c'] },
    events: ['b crash'],
    history: '-b Error -c Shutdown +b +c',
    alive: 'a b c'
  },
  {
    otp: 'rest_for_one',
    name: 'the first: all; the last: it alone',
    tree: { strategy: rest, children: ['a', 'b', 'c'] },
    events: ['c crash', 'a crash'],
    history: '-c Error +c -a Error -c Shutdown -b Shutdown +a +b +c',
    alive: 'a b c'
  },
  {
    otp: 'rest_for_one',
    name: 'a transient child before it that had ended normally stays ended',
    tree: { strategy: rest, children: ['a?', 'b', 'c'] },
    events: ['a exit', 'b crash'],
    history: '-a normal -b Error -c Shutdown +b +c',
    alive: 'b c'
  },
  {
    otp: 'rest_for_one',
    name: 'a transient child after it that had ended normally comes back',
    tree: { strategy: rest, children: ['a', 'b', 'c?'] },
    events: ['c exit', 'b crash'],
    history: '-c normal -b Error +b +c',
    alive: 'a b c'
  },
  {
    otp: 'rest_for_one_other_child',
    name: 'a transient child ends normally, a temporary one crashes: nobody restarts',
    tree: { strategy: rest, children: ['a?', 'b!', 'c'] },
    events: ['a exit', 'b crash'],
    history: '-a normal -b Error',
    alive: 'c'
  },
  {
    otp: 'rest_for_one_other_child_fails_restart',
    name: 'one after it fails once in the restart → those between stay, it and the rest start',
    tree: { strategy: rest, children: ['a', 'b', 'c', 'd'] },
    events: ['c fails 1', 'a crash'],
    history: '-a Error -d Shutdown -c Shutdown -b Shutdown +a +b !c +c +d',
    alive: 'a b c d'
  },
  {
    otp: 'rest_for_one_escalation',
    name: 'restarts that keep failing escalate, and those before it end, too',
    tree: { strategy: rest, children: ['a', 'b', 'c'], intensity: 1 },
    events: ['b fails 9', 'b crash'],
    history: '-b Error -c Shutdown !b -a Shutdown',
    alive: '',
    gaveUp: true
  }
]

export const intensity: readonly SupervisionCase[] = [
  {
    otp: 'restart intensity',
    name: '1 in 1,000 ms: a second crash exactly one period later still counts',
    tree: { children: ['a'], intensity: 1, periodMs: 1_000 },
    events: ['a crash', 'wait 1000', 'a crash'],
    history: '-a Error +a -a Error',
    alive: '',
    gaveUp: true
  },
  {
    otp: 'restart intensity',
    name: '1 in 1,000 ms: one ms later it does not',
    tree: { children: ['a'], intensity: 1, periodMs: 1_000 },
    events: ['a crash', 'wait 1001', 'a crash'],
    history: '-a Error +a -a Error +a',
    alive: 'a'
  },
  {
    otp: 'restart intensity',
    name: '2 in 1,000 ms: three within the period escalate, though earlier ones were restarted',
    tree: { children: ['a'], intensity: 2, periodMs: 1_000 },
    events: ['a crash', 'wait 2000', 'a crash', 'wait 400', 'a crash', 'wait 400', 'a crash'],
    history: '-a Error +a -a Error +a -a Error +a -a Error',
    alive: '',
    gaveUp: true
  },
  {
    otp: 'restart intensity',
    name: '2 in 1,000 ms: one each half period and a bit goes on for ever',
    tree: { children: ['a'], intensity: 2, periodMs: 1_000 },
    events: ['a crash', 'wait 501', 'a crash', 'wait 501', 'a crash', 'wait 501', 'a crash'],
    history: '-a Error +a -a Error +a -a Error +a -a Error +a',
    alive: 'a'
  },
  {
    otp: 'restart intensity',
    name: 'the count is shared: two actors with one crash each are two',
    tree: { children: ['a', 'b'], intensity: 1 },
    events: ['a crash', 'b crash'],
    history: '-a Error +a -b Error -a Shutdown',
    alive: '',
    gaveUp: true
  },
  {
    otp: 'restart intensity',
    name: 'each level has its own: a, low, a, then the middle gives up; the root has none left',
    tree: {
      intensity: 0,
      children: [{ name: 'middle', intensity: 1, children: [{ name: 'low', intensity: 1, children: ['a'] }] }]
    },
    events: ['a crash', 'a crash', 'a crash', 'a crash'],
    history: '-a Error +a -a Error +a -a Error +a -a Error',
    alive: '',
    gaveUp: true
  },
  {
    otp: 'restart intensity',
    name: 'one level up: the supervisor above starts the lower one anew; the uncle is untouched',
    tree: { children: ['uncle', { name: 'low', intensity: 1, children: ['a', 'b'] }] },
    events: ['a crash', 'b crash'],
    history: '-a Error +a -b Error -a Shutdown +a +b',
    alive: 'uncle a b'
  },
  {
    otp: 'restart intensity',
    name: 'one level up in a rest-for-one: those after the supervisor that gave up restart with it',
    tree: { strategy: rest, children: ['a', { name: 'low', intensity: 0, children: ['b'] }, 'c'] },
    events: ['b crash'],
    history: '-b Error -c Shutdown +b +c',
    alive: 'a b c'
  },
  {
    otp: 'restart intensity',
    name: 'a supervisor that was started anew begins to count anew',
    tree: { children: [{ name: 'low', intensity: 1, children: ['a'] }], intensity: 5 },
    events: ['a crash', 'a crash', 'a crash'],
    history: '-a Error +a -a Error +a -a Error +a',
    alive: 'a'
  },
  {
    otp: 'restart intensity',
    name: 'a temporary supervisor that gives up stays ended',
    tree: { children: ['z', { name: 'low', restart: 'temporary', intensity: 0, children: ['a'] }] },
    events: ['a crash'],
    history: '-a Error',
    alive: 'z'
  },
  {
    otp: 'restart intensity',
    name: 'a transient supervisor that gives up is started anew (OTP: it is not)',
    tree: { children: ['z', { name: 'low', restart: 'transient', intensity: 0, children: ['a'] }] },
    events: ['a crash'],
    history: '-a Error +a',
    alive: 'z a'
  },
  {
    otp: 'hanging_restart_loop',
    name: 'a restart that keeps failing can be called off: the child is removed',
    tree: { children: ['z', 'a'], backoff: { baseMs: 100, maxMs: 100 } },
    events: ['a fails 9', 'a crash', 'wait 100', 'root remove a', 'wait 1000'],
    history: '-a Error !a',
    alive: 'z'
  },
  {
    otp: 'hanging_restart_loop',
    name: 'a restart that fails counts as a further one, and the loop ends once it succeeds',
    tree: { children: ['a'] },
    events: ['a fails 2', 'a crash'],
    history: '-a Error !a !a +a',
    alive: 'a'
  },
  {
    otp: 'hanging_restart_loop_rest_for_one',
    name: 'one before the loop crashes: all from there start, once',
    tree: { strategy: rest, children: ['a', 'b', 'c'], backoff: { baseMs: 100, maxMs: 100 } },
    events: ['c crash', 'wait 50', 'a crash', 'wait 100'],
    history: '-c Error -a Error -b Shutdown +a +b +c',
    alive: 'a b c'
  }
]
