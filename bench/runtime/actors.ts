import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { bytesKept } from '../allocation.ts'
import { ask, cpuNs } from '../question.ts'
import { type Ball, ball, playerSpec, systemOn } from './bench-system.ts'

/* `node --expose-gc build/bench/runtime/actors.js [--actors 100000] [--json]`: each step over all of them, `bytes` is what stays. */
await ask('What do a hundred thousand actors of one thread cost, in time and in memory?', bench => {
  const count = bench.option('actors', 100_000)
  const clock = new VirtualClock()
  const system = systemOn(clock, [])
  const empty = bytesKept()
  const step = (what: string, work: () => void, isKept = true): void => {
    const before = cpuNs()
    work()
    const cpu = (cpuNs() - before) / count
    const now = bytesKept()
    bench.row({
      what: `${what}, ${count} actors`,
      cpu_ns: cpu,
      operations: count,
      ...(now === undefined || empty === undefined || !isKept
        ? {}
        : { kept_bytes_per_actor: (now - empty) / count, heap_mb: Math.max(0, now - empty) / 2 ** 20 })
    })
  }
  step('start', () => {
    for (let at = 0; at < count; at++) system.startChild('root', playerSpec(`a${at}`, {}))
  })
  const tellAll = (): void => {
    for (let at = 0; at < count; at++) system.send(system.lookup<Ball>(`a${at}`)!, ball)
    clock.advance(1)
  }
  step('look up, tell, handle for the first time', tellAll)
  step('look up, tell, handle again', tellAll)
  step('describe the tree', () => {
    if (system.describe().children.length !== count) throw new Error('some actors are missing')
  })
  const end = (): void => {
    void system.stop()
    clock.advance(1_000)
  }
  step('stop', end, false)
})
