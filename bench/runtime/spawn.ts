import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { ask } from '../question.ts'
import { playerSpec, systemOn } from './bench-system.ts'

/* `node --expose-gc build/bench/runtime/spawn.js [--ms 100] [--json]`: at most 1,000 actors live at once; `actors.js` has many. */
await ask('What does it cost to start an actor under a supervisor, and to stop it?', bench => {
  const clock = new VirtualClock()
  const system = systemOn(clock, [])
  const atOnce = 1_000
  const names = Array.from({ length: atOnce }, (_, at) => `a${at}`)
  const start = (count: number): void => {
    for (let at = 0; at < count; at++) system.startChild('root', playerSpec(names[at]!, {}))
  }
  const stop = (count: number): void => {
    for (let at = 0; at < count; at++) system.stopChild('root', names[at]!)
    clock.advance(1)
  }
  bench.measure('started and stopped', operations => {
    for (let left = operations; left > 0; left -= atOnce) {
      const count = Math.min(left, atOnce)
      start(count)
      stop(count)
    }
    const left = system.describe().children.length
    if (left > 0) throw new Error(`${left} actors have not stopped`)
  })
})
