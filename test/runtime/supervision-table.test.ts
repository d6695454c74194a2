import { type SupervisionCase, supervisionCase } from './supervision-case.ts'

/**
 * Erlang/OTP, lib/stdlib/test/supervisor_SUITE.erl, as one table on virtual time. What this runtime has not: automatic shutdown by
 * significant children, code change, children without a process (`ignore`), restarting or deleting a child of the specification by hand.
 * What it does otherwise is said in docs/runtime.md.
 */
const all = 'one-for-all'
const rest = 'rest-for-one'

const starts: readonly SupervisionCase[] = [
  { otp: 'sup_start_normal', name: 'children start in order, all levels', tree: { children: ['a', { name: 'low', children: ['b', 'c'] }, 'd'] }, events: ['stop'], history: '-d drained -c drained -b drained -a drained', alive: '' },
  { otp: 'sup_start_fail', name: 'the third of four fails → the first two end in reverse order, the fourth is never started', tree: { children: ['a', 'b', 'c', 'd'] }, events: ['first:c fails 1'], history: '+a +b !c -b Shutdown -a Shutdown', alive: '' },
  { otp: 'sup_start_child_returning_error', name: 'a child of a lower level fails → all that was started before it ends, all levels', tree: { children: ['a', { name: 'low', children: ['b', 'c'] }, 'd'] }, events: ['first:c fails 1'], history: '+a +b !c -b Shutdown -a Shutdown', alive: '' },
  { otp: 'sup_start_fail', name: 'a temporary child that fails in the first start fails its supervisor, too', tree: { children: ['a', 'b!'] }, events: ['first:b fails 1'], history: '+a !b -a Shutdown', alive: '' }
]

const stops: readonly SupervisionCase[] = [
  { otp: 'sup_stop_timeout', name: 'one that is busy longer than its shutdown time is ended as it is; those before it wait so long', tree: { children: ['a', 'b', 'c'], shutdownMs: { b: 300 } }, events: ['b busy', 'stop', 'wait 299', 'wait 1'], history: '-c drained -b Shutdown -a drained', alive: '' },
  { otp: 'sup_stop_timeout', name: 'one that is through before its shutdown time ends in order', tree: { children: ['a', 'b'], shutdownMs: { b: 5_000 } }, events: ['b busy', 'stop', 'wait 200', 'b idle'], history: '-b drained -a drained', alive: '' },
  { otp: 'sup_stop_infinity', name: 'shutdown time Infinity: an hour is not too long', tree: { children: ['a', 'b'], shutdownMs: { b: Number.POSITIVE_INFINITY } }, events: ['b busy', 'stop', 'wait 3600000', 'b idle'], history: '-b drained -a drained', alive: '' },
  { otp: 'sup_stop_brutal_kill', name: 'shutdown time 0: it is ended at once', tree: { children: ['a', 'b'], shutdownMs: { b: 0 } }, events: ['b busy', 'stop'], history: '-b Shutdown -a drained', alive: '' },
  { otp: 'sup_stop_brutal_kill_dynamic', name: 'added children end with the others, the last first', tree: { children: ['a'] }, events: ['root add x', 'root add y', 'stop'], history: '+x +y -y drained -x drained -a drained', alive: '' },
  { otp: 'order_of_children', name: 'a child that was restarted keeps its place', tree: { children: ['a', 'b', 'c'] }, events: ['a crash', 'stop'], history: '-a Error +a -c drained -b drained -a drained', alive: '' },
  { otp: 'sup_stop_timeout', name: 'one that waits for its restart is not started any more', tree: { children: ['a', 'b'], backoff: { baseMs: 50, maxMs: 50 } }, events: ['b crash', 'stop', 'wait 1000'], history: '-b Error -a drained', alive: '' }
]

const ends: readonly SupervisionCase[] = [
  { otp: 'permanent_normal', name: 'it is started again, and that counts', tree: { children: ['b'], intensity: 1 }, events: ['b exit'], history: '-b normal +b', alive: 'b' },
  { otp: 'permanent_normal', name: 'past the intensity it gives up', tree: { children: ['b'], intensity: 1 }, events: ['b exit', 'b exit'], history: '-b normal +b -b normal', alive: '', gaveUp: true },
  { otp: 'transient_normal', name: 'it stays ended', tree: { children: ['a', 'b?'] }, events: ['b exit'], history: '-b normal', alive: 'a' },
  { otp: 'temporary_normal', name: 'it stays ended', tree: { children: ['a', 'b!'] }, events: ['b exit'], history: '-b normal', alive: 'a' },
  { otp: 'permanent_shutdown', name: 'it is started again; there is no crash report', tree: { children: ['b'] }, events: ['b shutdown'], history: '-b Shutdown +b', alive: 'b', crashes: 0 },
  { otp: 'transient_shutdown', name: 'it stays ended', tree: { children: ['a', 'b?'] }, events: ['b shutdown'], history: '-b Shutdown', alive: 'a', crashes: 0 },
  { otp: 'temporary_shutdown', name: 'it stays ended', tree: { children: ['a', 'b!'] }, events: ['b shutdown'], history: '-b Shutdown', alive: 'a', crashes: 0 },
  { otp: 'permanent_abnormal', name: 'a crash: it is started again', tree: { children: ['b'] }, events: ['b crash'], history: '-b Error +b', alive: 'b' },
  { otp: 'permanent_abnormal', name: 'an exit with an error: it is started again', tree: { children: ['b'] }, events: ['b fail'], history: '-b Error +b', alive: 'b' },
  { otp: 'transient_abnormal', name: 'it is started again', tree: { children: ['b?'] }, events: ['b crash'], history: '-b Error +b', alive: 'b' },
  { otp: 'temporary_abnormal', name: 'it stays ended', tree: { children: ['a', 'b!'] }, events: ['b crash'], history: '-b Error', alive: 'a' },
  { otp: 'temporary_bystander', name: 'one-for-all: it ends with its group, and does not come back', tree: { strategy: all, children: ['a', 'b!'] }, events: ['a crash'], history: '-a Error -b Shutdown +a', alive: 'a' },
  { otp: 'temporary_bystander', name: 'rest-for-one: the same for one that comes later', tree: { strategy: rest, children: ['a', 'b!', 'c'] }, events: ['a crash'], history: '-a Error -c Shutdown -b Shutdown +a +c', alive: 'a c' }
]

const oneForOne: readonly SupervisionCase[] = [
  { otp: 'one_for_one', name: 'it alone is started again', tree: { children: ['a', 'b', 'c'] }, events: ['b crash'], history: '-b Error +b', alive: 'a b c' },
  { otp: 'one_for_one_other_child', name: 'two children, one after the other', tree: { children: ['a', 'b', 'c'] }, events: ['b crash', 'a crash'], history: '-b Error +b -a Error +a', alive: 'a b c' },
  { otp: 'one_for_one_escalation', name: 'its restarts fail until the intensity is used up → the others end, the last first', tree: { children: ['a', 'b', 'c'], intensity: 2 }, events: ['b fails 9', 'b crash'], history: '-b Error !b !b -c Shutdown -a Shutdown', alive: '', gaveUp: true },
  { otp: 'one_for_one_escalation', name: 'a crash one past the intensity → the others end', tree: { children: ['a', 'b'], intensity: 0 }, events: ['a crash'], history: '-a Error -b Shutdown', alive: '', gaveUp: true }
]

const oneForAll: readonly SupervisionCase[] = [
  { otp: 'one_for_all', name: 'the others end in reverse order, all start in order', tree: { strategy: all, children: ['a', 'b', 'c'] }, events: ['b crash'], history: '-b Error -c Shutdown -a Shutdown +a +b +c', alive: 'a b c' },
  { otp: 'one_for_all', name: 'a permanent child ends normally: the same', tree: { strategy: all, children: ['a', 'b', 'c'] }, events: ['b exit'], history: '-b normal -c Shutdown -a Shutdown +a +b +c', alive: 'a b c' },
  { otp: 'one_for_all', name: 'a transient child ends normally, a temporary one crashes: nobody restarts', tree: { strategy: all, children: ['a', 'b?', 'c!'] }, events: ['b exit', 'c crash'], history: '-b normal -c Error', alive: 'a' },
  { otp: 'one_for_all_other_child', name: 'a transient child that had ended normally comes back with the group', tree: { strategy: all, children: ['a', 'b?'] }, events: ['b exit', 'a crash'], history: '-b normal -a Error +a +b', alive: 'a b' },
  { otp: 'one_for_all_other_child_fails_restart', name: 'the second child fails once in the restart → the first ends again, all start in order', tree: { strategy: all, children: ['a', 'b', 'c'] }, events: ['b fails 1', 'c crash'], history: '-c Error -b Shutdown -a Shutdown +a !b -a Shutdown +a +b +c', alive: 'a b c' },
  { otp: 'one_for_all_escalation', name: 'restarts that keep failing escalate', tree: { strategy: all, children: ['a', 'b'], intensity: 1 }, events: ['b fails 9', 'a crash'], history: '-a Error -b Shutdown +a !b -a Shutdown', alive: '', gaveUp: true },
  { otp: 'one_for_all', name: 'a supervisor among the children restarts as a whole', tree: { strategy: all, children: ['a', { name: 'low', children: ['b', 'c'] }] }, events: ['low add x', 'a crash'], history: '+x -a Error -x Shutdown -c Shutdown -b Shutdown +a +b +c', alive: 'a b c' }
]

const restForOne: readonly SupervisionCase[] = [
  { otp: 'rest_for_one', name: 'those after it end in reverse order, then start in order', tree: { strategy: rest, children: ['a', 'b', 'c'] }, events: ['b crash'], history: '-b Error -c Shutdown +b +c', alive: 'a b c' },
  { otp: 'rest_for_one', name: 'the first: all; the last: it alone', tree: { strategy: rest, children: ['a', 'b', 'c'] }, events: ['c crash', 'a crash'], history: '-c Error +c -a Error -c Shutdown -b Shutdown +a +b +c', alive: 'a b c' },
  { otp: 'rest_for_one', name: 'a transient child before it that had ended normally stays ended', tree: { strategy: rest, children: ['a?', 'b', 'c'] }, events: ['a exit', 'b crash'], history: '-a normal -b Error -c Shutdown +b +c', alive: 'b c' },
  { otp: 'rest_for_one', name: 'a transient child after it that had ended normally comes back', tree: { strategy: rest, children: ['a', 'b', 'c?'] }, events: ['c exit', 'b crash'], history: '-c normal -b Error +b +c', alive: 'a b c' },
  { otp: 'rest_for_one_other_child', name: 'a transient child ends normally, a temporary one crashes: nobody restarts', tree: { strategy: rest, children: ['a?', 'b!', 'c'] }, events: ['a exit', 'b crash'], history: '-a normal -b Error', alive: 'c' },
  { otp: 'rest_for_one_other_child_fails_restart', name: 'one after it fails once in the restart → those between stay, it and the rest start', tree: { strategy: rest, children: ['a', 'b', 'c', 'd'] }, events: ['c fails 1', 'a crash'], history: '-a Error -d Shutdown -c Shutdown -b Shutdown +a +b !c +c +d', alive: 'a b c d' },
  { otp: 'rest_for_one_escalation', name: 'restarts that keep failing escalate, and those before it end, too', tree: { strategy: rest, children: ['a', 'b', 'c'], intensity: 1 }, events: ['b fails 9', 'b crash'], history: '-b Error -c Shutdown !b -a Shutdown', alive: '', gaveUp: true }
]

const intensity: readonly SupervisionCase[] = [
  { otp: 'restart intensity', name: '1 in 1,000 ms: a second crash exactly one period later still counts', tree: { children: ['a'], intensity: 1, periodMs: 1_000 }, events: ['a crash', 'wait 1000', 'a crash'], history: '-a Error +a -a Error', alive: '', gaveUp: true },
  { otp: 'restart intensity', name: '1 in 1,000 ms: one ms later it does not', tree: { children: ['a'], intensity: 1, periodMs: 1_000 }, events: ['a crash', 'wait 1001', 'a crash'], history: '-a Error +a -a Error +a', alive: 'a' },
  { otp: 'restart intensity', name: '2 in 1,000 ms: three within the period escalate, though earlier ones were restarted', tree: { children: ['a'], intensity: 2, periodMs: 1_000 }, events: ['a crash', 'wait 2000', 'a crash', 'wait 400', 'a crash', 'wait 400', 'a crash'], history: '-a Error +a -a Error +a -a Error +a -a Error', alive: '', gaveUp: true },
  { otp: 'restart intensity', name: '2 in 1,000 ms: one each half period and a bit goes on for ever', tree: { children: ['a'], intensity: 2, periodMs: 1_000 }, events: ['a crash', 'wait 501', 'a crash', 'wait 501', 'a crash', 'wait 501', 'a crash'], history: '-a Error +a -a Error +a -a Error +a -a Error +a', alive: 'a' },
  { otp: 'restart intensity', name: 'the count is shared: two actors with one crash each are two', tree: { children: ['a', 'b'], intensity: 1 }, events: ['a crash', 'b crash'], history: '-a Error +a -b Error -a Shutdown', alive: '', gaveUp: true },
  { otp: 'restart intensity', name: 'each level has its own: a, low, a, then the middle gives up; the root has none left', tree: { intensity: 0, children: [{ name: 'middle', intensity: 1, children: [{ name: 'low', intensity: 1, children: ['a'] }] }] }, events: ['a crash', 'a crash', 'a crash', 'a crash'], history: '-a Error +a -a Error +a -a Error +a -a Error', alive: '', gaveUp: true },
  { otp: 'restart intensity', name: 'one level up: the supervisor above starts the lower one anew; the uncle is untouched', tree: { children: ['uncle', { name: 'low', intensity: 1, children: ['a', 'b'] }] }, events: ['a crash', 'b crash'], history: '-a Error +a -b Error -a Shutdown +a +b', alive: 'uncle a b' },
  { otp: 'restart intensity', name: 'one level up in a rest-for-one: those after the supervisor that gave up restart with it', tree: { strategy: rest, children: ['a', { name: 'low', intensity: 0, children: ['b'] }, 'c'] }, events: ['b crash'], history: '-b Error -c Shutdown +b +c', alive: 'a b c' },
  { otp: 'restart intensity', name: 'a supervisor that was started anew begins to count anew', tree: { children: [{ name: 'low', intensity: 1, children: ['a'] }], intensity: 5 }, events: ['a crash', 'a crash', 'a crash'], history: '-a Error +a -a Error +a -a Error +a', alive: 'a' },
  { otp: 'restart intensity', name: 'a temporary supervisor that gives up stays ended', tree: { children: ['z', { name: 'low', restart: 'temporary', intensity: 0, children: ['a'] }] }, events: ['a crash'], history: '-a Error', alive: 'z' },
  { otp: 'restart intensity', name: 'a transient supervisor that gives up is started anew (OTP: it is not)', tree: { children: ['z', { name: 'low', restart: 'transient', intensity: 0, children: ['a'] }] }, events: ['a crash'], history: '-a Error +a', alive: 'z a' },
  { otp: 'hanging_restart_loop', name: 'a restart that keeps failing can be called off: the child is removed', tree: { children: ['z', 'a'], backoff: { baseMs: 100, maxMs: 100 } }, events: ['a fails 9', 'a crash', 'wait 100', 'root remove a', 'wait 1000'], history: '-a Error !a', alive: 'z' },
  { otp: 'hanging_restart_loop', name: 'a restart that fails counts as a further one, and the loop ends once it succeeds', tree: { children: ['a'] }, events: ['a fails 2', 'a crash'], history: '-a Error !a !a +a', alive: 'a' },
  { otp: 'hanging_restart_loop_rest_for_one', name: 'one before the loop crashes: all from there start, once', tree: { strategy: rest, children: ['a', 'b', 'c'], backoff: { baseMs: 100, maxMs: 100 } }, events: ['c crash', 'wait 50', 'a crash', 'wait 100'], history: '-c Error -a Error -b Shutdown +a +b +c', alive: 'a b c' }
]

const dynamic: readonly SupervisionCase[] = [
  { otp: 'child_adm', name: 'a child is added, removed, and added again', tree: { children: [] }, events: ['root add x', 'root remove x', 'root add x'], history: '+x -x drained +x', alive: 'x' },
  { otp: 'child_adm', name: 'one that does not start is not added', tree: { children: [] }, events: ['root add x', 'root remove x', 'x fails 1', 'root add x', 'root add x'], history: '+x -x drained !x +x', alive: 'x' },
  { otp: 'child_adm', name: 'a second one of the name is refused', tree: { children: ['x'] }, events: ['root add x'], history: '', alive: 'x' },
  { otp: 'simple_one_for_one', name: 'an added child is restarted like the others', tree: { children: ['a'] }, events: ['root add x', 'x crash'], history: '+x -x Error +x', alive: 'a x' },
  { otp: 'simple_one_for_one', name: 'an added transient or temporary one that ends normally is forgotten', tree: { children: ['a'] }, events: ['root add x?', 'root add y!', 'x exit', 'y exit', 'root add x', 'root add y'], history: '+x +y -x normal -y normal +x +y', alive: 'a x y' },
  { otp: 'simple_one_for_one_escalation', name: 'a pool that gives up is started anew without those that were added', tree: { children: [{ name: 'pool', intensity: 0, children: ['a'] }] }, events: ['pool add x', 'pool add y', 'x crash'], history: '+x +y -x Error -y Shutdown -a Shutdown +a', alive: 'a' },
  { otp: 'simple_one_for_one_shutdown', name: 'a removed child that is busy drains, and its name is taken so long', tree: { children: [] }, events: ['root add x', 'x busy', 'root remove x', 'root add x', 'x idle', 'root add x'], history: '+x -x drained +x', alive: 'x' }
]

for (const one of [...starts, ...stops, ...ends, ...oneForOne, ...oneForAll, ...restForOne, ...intensity, ...dynamic]) supervisionCase(one)
