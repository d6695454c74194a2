import { systemClock } from '../../runtime/system-clock.ts'
import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { ask, cpuNs } from '../question.ts'
import { ball, pairsOn } from './bench-system.ts'

/* `node --expose-gc build/bench/runtime/tell.js [--ms 100] [--seconds 1] [--json]` */
await ask('What does it cost an actor to tell another one of its thread, which handles it?', async bench => {
  for (const [pairs, balls] of [
    [1, 1],
    [1, 100],
    [500, 2]
  ] as const) {
    const clock = new VirtualClock()
    const { system, game, players } = pairsOn(clock, pairs)
    bench.measure(`${pairs * 2} actors, ${balls} messages each under way`, operations => {
      game.left = operations
      for (const to of players) for (let each = 0; each < balls; each++) system.send(to, ball)
      clock.advance(1)
      if (game.left > 0) throw new Error(`${game.left} messages were not handled`)
    })
  }
  const clock = new VirtualClock()
  const { system, game, players } = pairsOn(clock, 1)
  bench.measure('2 actors, each answers by replyTo', operations => {
    game.left = operations
    system.send(players[0]!, { kind: 'ball', replyTo: players[1]! })
    clock.advance(1)
  })
  // The same on the machine's clock, with the event loop between turns.
  for (const balls of [1, 100]) {
    const { system, game, players } = pairsOn(systemClock, 1)
    game.left = Number.POSITIVE_INFINITY
    for (const to of players) for (let each = 0; each < balls; each++) system.send(to, ball)
    const handled = (): number => system.describe().children.reduce((sum, { mailbox }) => sum + mailbox.handled, 0)
    await passed(300)
    const [before, used] = [handled(), cpuNs()]
    await passed(bench.option('seconds', 1) * 1_000)
    const operations = handled() - before
    bench.row({ what: `2 actors, ${balls} each, on the event loop`, cpu_ns: (cpuNs() - used) / operations, operations })
    await system.stop()
  }
})

function passed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
