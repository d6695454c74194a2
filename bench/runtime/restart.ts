import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { ask } from '../question.ts'
import { type Ball, playerSpec, systemOn } from './bench-system.ts'

/*
 * `node --expose-gc build/bench/runtime/restart.js [--ms 100] [--json]`: what the actor throws is an Error with its stack; a crash report is
 * made of it, and the actor is started again at once.
 */
await ask('What does it cost when an actor crashes and its supervisor starts it again?', bench => {
  for (const siblings of [0, 999]) {
    const clock = new VirtualClock()
    const children = Array.from({ length: siblings + 1 }, (_, at) => playerSpec(`a${at}`, {}))
    const system = systemOn(clock, children)
    const first = system.describe().children[0]!
    if (first.restarts !== 0) throw new Error('it has crashed before')
    bench.measure(`one of ${siblings + 1} actors`, operations => {
      for (let at = 0; at < operations; at++) {
        system.send(system.lookup<Ball>('a0')!, { kind: 'crash' })
        clock.advance(100)
      }
    })
    if (system.describe().children[0]!.restarts === 0) throw new Error('it was not started again')
  }
})
