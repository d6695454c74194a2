import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { ask } from '../question.ts'
import { type Ball, playerSpec, systemOn } from './bench-system.ts'

const roundMax = 10_000

/* `node --expose-gc build/bench/runtime/timer.js [--ms 100] [--json]` */
await ask('What does a timer of an actor cost: set and cancelled, or set and fired?', bench => {
  for (const waiting of [0, 10_000]) {
    const clock = new VirtualClock()
    const system = systemOn(clock, [playerSpec('a', {}), playerSpec('b', {})])
    const ref = system.lookup<Ball>('a')!
    // Those of a deadline each that did not come: another actor's, so that they are not counted against this one's limit.
    system.send(system.lookup<Ball>('b')!, { kind: 'set', count: waiting, delayMs: 1e9 })
    clock.advance(1)
    const rounds = (operations: number, kind: 'set' | 'set-and-cancel', thenMs: number): void => {
      for (let left = operations; left > 0; left -= roundMax) {
        system.send(ref, { kind, count: Math.min(left, roundMax), delayMs: 2_000 })
        clock.advance(thenMs)
      }
    }
    bench.measure(`set and cancelled, ${waiting} others wait`, operations => rounds(operations, 'set-and-cancel', 1))
    bench.measure(`set and fired, ${waiting} others wait`, operations => rounds(operations, 'set', 3_000))
  }
})
