import type { ThreadConfig } from '../../runtime/worker-host.ts'
import { ask } from '../question.ts'
import { withServers } from './bench-servers.ts'
import { play } from './game.ts'

/*
 * `node build/bench/runtime/tell-hosts.js [--seconds 2] [--json]`: two nats-servers with a route between them, as two hosts have, on this
 * machine; bodies of 100 bytes. `near`: each thread publishes to the other host's server, as data threads do.
 */
await ask(
  'What does it cost an actor to tell one of another host, by the route between the servers and by a near connection?',
  bench =>
    withServers(bench, ['one', 'two'], async servers => {
      const [one, two] = servers
      for (const isNear of [false, true]) {
        for (const balls of [1, 64, 1_024]) {
          const configure = (thread: string): ThreadConfig => {
            const [own, far] = thread === 'one' ? [one!, two!] : [two!, one!]
            const near = isNear ? { url: far.url, ...far.internal } : undefined
            const rival = thread === 'one' ? 'two' : 'one'
            const bus = { kind: 'nats', url: own.url, ...own.internal, near }
            return { config: { host: `host-${thread}`, other: { host: `host-${rival}`, thread: rival }, bus } }
          }
          await play(bench, isNear ? 'near' : 'route', balls, configure, [one!.pid, two!.pid])
        }
      }
    })
)
