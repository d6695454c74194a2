import { threadAddressOf } from '../../bus/bus.ts'
import { PortExchange } from '../../runtime/port-bus.ts'
import type { ThreadConfig } from '../../runtime/worker-host.ts'
import { ask } from '../question.ts'
import { withServers } from './bench-servers.ts'
import { play } from './game.ts'

const host = 'bench'
const other = (thread: string) => ({ host, thread: thread === 'one' ? 'two' : 'one' })

/* `node build/bench/runtime/tell-threads.js [--seconds 2] [--json]`: bodies of 100 bytes, CPU of both threads together. */
await ask('What does it cost an actor to tell one of another thread, by ports and by NATS?', async bench => {
  for (const balls of [1, 64, 1_024]) {
    const exchange = new PortExchange()
    await play(bench, 'ports', balls, thread => {
      const port = exchange.attach(threadAddressOf(host, thread))
      return { config: { host, other: other(thread), bus: { kind: 'port', port } }, transfer: [port] }
    })
    exchange.close()
  }
  await withServers(bench, ['a'], async ([server]) => {
    const { url, pid, internal } = server!
    for (const balls of [1, 64, 1_024]) {
      const configure = (thread: string): ThreadConfig => ({
        config: { host, other: other(thread), bus: { kind: 'nats', url, ...internal, near: undefined } }
      })
      await play(bench, 'NATS', balls, configure, [pid])
    }
  })
})
