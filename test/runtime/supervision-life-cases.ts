import type { SupervisionCase } from './supervision-case.ts'

const all = 'one-for-all'
const rest = 'rest-for-one'

export const starts: readonly SupervisionCase[] = [
  {
    otp: 'sup_start_normal',
    name: 'children start in order, all levels',
    tree: { children: ['a', { name: 'low', children: ['b', 'c'] }, 'd'] },
    events: ['stop'],
    history: '-d drained -c drained -b drained -a drained',
    alive: ''
  },
  {
    otp: 'sup_start_fail',
    name: 'the third of four fails → the first two end in reverse order, the fourth is never started',
    tree: { children: ['a', 'b', 'c', 'd'] },
    events: ['first:c fails 1'],
    history: '+a +b !c -b Shutdown -a Shutdown',
    alive: ''
  },
  {
    otp: 'sup_start_child_returning_error',
    name: 'a child of a lower level fails → all that was started before it ends, all levels',
    tree: { children: ['a', { name: 'low', children: ['b', 'c'] }, 'd'] },
    events: ['first:c fails 1'],
    history: '+a +b !c -b Shutdown -a Shutdown',
    alive: ''
  },
  {
    otp: 'sup_start_fail',
    name: 'a temporary child that fails in the first start fails its supervisor, too',
    tree: { children: ['a', 'b!'] },
    events: ['first:b fails 1'],
    history: '+a !b -a Shutdown',
    alive: ''
  }
]

export const stops: readonly SupervisionCase[] = [
  {
    otp: 'sup_stop_timeout',
    name: 'one that is busy longer than its shutdown time is ended as it is; those before it wait so long',
    tree: { children: ['a', 'b', 'c'], shutdownMs: { b: 300 } },
    events: ['b busy', 'stop', 'wait 299', 'wait 1'],
    history: '-c drained -b Shutdown -a drained',
    alive: ''
  },
  {
    otp: 'sup_stop_timeout',
    name: 'one that is through before its shutdown time ends in order',
    tree: { children: ['a', 'b'], shutdownMs: { b: 5_000 } },
    events: ['b busy', 'stop', 'wait 200', 'b idle'],
    history: '-b drained -a drained',
    alive: ''
  },
  {
    otp: 'sup_stop_infinity',
    name: 'shutdown time Infinity: an hour is not too long',
    tree: { children: ['a', 'b'], shutdownMs: { b: Number.POSITIVE_INFINITY } },
    events: ['b busy', 'stop', 'wait 3600000', 'b idle'],
    history: '-b drained -a drained',
    alive: ''
  },
  {
    otp: 'sup_stop_brutal_kill',
    name: 'shutdown time 0: it is ended at once',
    tree: { children: ['a', 'b'], shutdownMs: { b: 0 } },
    events: ['b busy', 'stop'],
    history: '-b Shutdown -a drained',
    alive: ''
  },
  {
    otp: 'sup_stop_brutal_kill_dynamic',
    name: 'added children end with the others, the last first',
    tree: { children: ['a'] },
    events: ['root add x', 'root add y', 'stop'],
    history: '+x +y -y drained -x drained -a drained',
    alive: ''
  },
  {
    otp: 'order_of_children',
    name: 'a child that was restarted keeps its place',
    tree: { children: ['a', 'b', 'c'] },
    events: ['a crash', 'stop'],
    history: '-a Error +a -c drained -b drained -a drained',
    alive: ''
  },
  {
    otp: 'sup_stop_timeout',
    name: 'one that waits for its restart is not started any more',
    tree: { children: ['a', 'b'], backoff: { baseMs: 50, maxMs: 50 } },
    events: ['b crash', 'stop', 'wait 1000'],
    history: '-b Error -a drained',
    alive: ''
  }
]

export const ends: readonly SupervisionCase[] = [
  {
    otp: 'permanent_normal',
    name: 'it is started again, and that counts',
    tree: { children: ['b'], intensity: 1 },
    events: ['b exit'],
    history: '-b normal +b',
    alive: 'b'
  },
  {
    otp: 'permanent_normal',
    name: 'past the intensity it gives up',
    tree: { children: ['b'], intensity: 1 },
    events: ['b exit', 'b exit'],
    history: '-b normal +b -b normal',
    alive: '',
    gaveUp: true
  },
  {
    otp: 'transient_normal',
    name: 'it stays ended',
    tree: { children: ['a', 'b?'] },
    events: ['b exit'],
    history: '-b normal',
    alive: 'a'
  },
  {
    otp: 'temporary_normal',
    name: 'it stays ended',
    tree: { children: ['a', 'b!'] },
    events: ['b exit'],
    history: '-b normal',
    alive: 'a'
  },
  {
    otp: 'permanent_shutdown',
    name: 'it is started again; there is no crash report',
    tree: { children: ['b'] },
    events: ['b shutdown'],
    history: '-b Shutdown +b',
    alive: 'b',
    crashes: 0
  },
  {
    otp: 'transient_shutdown',
    name: 'it stays ended',
    tree: { children: ['a', 'b?'] },
    events: ['b shutdown'],
    history: '-b Shutdown',
    alive: 'a',
    crashes: 0
  },
  {
    otp: 'temporary_shutdown',
    name: 'it stays ended',
    tree: { children: ['a', 'b!'] },
    events: ['b shutdown'],
    history: '-b Shutdown',
    alive: 'a',
    crashes: 0
  },
  {
    otp: 'permanent_abnormal',
    name: 'a crash: it is started again',
    tree: { children: ['b'] },
    events: ['b crash'],
    history: '-b Error +b',
    alive: 'b'
  },
  {
    otp: 'permanent_abnormal',
    name: 'an exit with an error: it is started again',
    tree: { children: ['b'] },
    events: ['b fail'],
    history: '-b Error +b',
    alive: 'b'
  },
  {
    otp: 'transient_abnormal',
    name: 'it is started again',
    tree: { children: ['b?'] },
    events: ['b crash'],
    history: '-b Error +b',
    alive: 'b'
  },
  {
    otp: 'temporary_abnormal',
    name: 'it stays ended',
    tree: { children: ['a', 'b!'] },
    events: ['b crash'],
    history: '-b Error',
    alive: 'a'
  },
  {
    otp: 'temporary_bystander',
    name: 'one-for-all: it ends with its group, and does not come back',
    tree: { strategy: all, children: ['a', 'b!'] },
    events: ['a crash'],
    history: '-a Error -b Shutdown +a',
    alive: 'a'
  },
  {
    otp: 'temporary_bystander',
    name: 'rest-for-one: the same for one that comes later',
    tree: { strategy: rest, children: ['a', 'b!', 'c'] },
    events: ['a crash'],
    history: '-a Error -c Shutdown -b Shutdown +a +c',
    alive: 'a c'
  }
]

export const dynamic: readonly SupervisionCase[] = [
  {
    otp: 'child_adm',
    name: 'a child is added, removed, and added again',
    tree: { children: [] },
    events: ['root add x', 'root remove x', 'root add x'],
    history: '+x -x drained +x',
    alive: 'x'
  },
  {
    otp: 'child_adm',
    name: 'one that does not start is not added',
    tree: { children: [] },
    events: ['root add x', 'root remove x', 'x fails 1', 'root add x', 'root add x'],
    history: '+x -x drained !x +x',
    alive: 'x'
  },
  {
    otp: 'child_adm',
    name: 'a second one of the name is refused',
    tree: { children: ['x'] },
    events: ['root add x'],
    history: '',
    alive: 'x'
  },
  {
    otp: 'simple_one_for_one',
    name: 'an added child is restarted like the others',
    tree: { children: ['a'] },
    events: ['root add x', 'x crash'],
    history: '+x -x Error +x',
    alive: 'a x'
  },
  {
    otp: 'simple_one_for_one',
    name: 'an added transient or temporary one that ends normally is forgotten',
    tree: { children: ['a'] },
    events: ['root add x?', 'root add y!', 'x exit', 'y exit', 'root add x', 'root add y'],
    history: '+x +y -x normal -y normal +x +y',
    alive: 'a x y'
  },
  {
    otp: 'simple_one_for_one_escalation',
    name: 'a pool that gives up is started anew without those that were added',
    tree: { children: [{ name: 'pool', intensity: 0, children: ['a'] }] },
    events: ['pool add x', 'pool add y', 'x crash'],
    history: '+x +y -x Error -y Shutdown -a Shutdown +a',
    alive: 'a'
  },
  {
    otp: 'simple_one_for_one_shutdown',
    name: 'a removed child that is busy drains, and its name is taken so long',
    tree: { children: [] },
    events: ['root add x', 'x busy', 'root remove x', 'root add x', 'x idle', 'root add x'],
    history: '+x -x drained +x',
    alive: 'x'
  }
]
