import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { ask } from '../question.ts'

/* `node --expose-gc build/bench/runtime/virtual-clock.js [--ms 100] [--json]`: a simulation's speed has this for its bound. */
await ask('What does an event of virtual time cost?', bench => {
  for (const waiting of [0, 1_000, 100_000]) {
    const clock = new VirtualClock()
    for (let at = 0; at < waiting; at++) clock.after(1e12 + at, () => {})
    let left = 0
    const again = (): void => {
      if (left-- > 0) clock.after((left * 7_919) % 100, again)
    }
    bench.measure(`${waiting} others wait`, operations => {
      left = operations
      clock.after(1, again)
      for (const end = clock.events + operations + 1; clock.events < end; ) clock.step()
    })
  }
})
