import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../runtime/system-clock.ts'
import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { ask, type Bench, cpuNs } from '../question.ts'
import { passed } from '../targets/waiting.ts'
import { ball, type Game, pairsOn } from './bench-system.ts'

/*
 * `node --expose-gc build/bench/runtime/libraries.js [--ms 100] [--seconds 1] [--json]`: two actors play a ball to each other, here and with
 * what other libraries are installed where it is called (`npm install --no-save xstate nact`). Two ways: all at once, within one call; and
 * on the event loop, where whoever has played gives way. A library is in the rows of the way in which it delivers.
 */

/** As much of XState 5 as this takes. @see https://stately.ai/docs/transition-actors */
interface XState {
  createActor(logic: unknown): { start(): void; stop(): void; send(event: { type: string }): void }
  fromTransition(transition: (state: number, event: { type: string }) => number, initial: number): unknown
}

/** As much of nact 7. @see https://nact.xyz */
interface Nact {
  start(): object
  spawn(parent: object, receive: (state: number | undefined, message: object) => number, name: string): object
  dispatch(to: object, message: object): void
  stop(system: object): void
}

const warmUpMs = 300
const secondsDefault = 1

await ask('What does a message between two actors of a thread cost here, and in other actor libraries?', async bench => {
  const xstate = await installed<XState>('xstate')
  const nact = await installed<Nact>('nact')
  emitters(bench)
  carillonAtOnce(bench)
  if (xstate !== undefined) xstateAtOnce(bench, xstate)
  for (const balls of [1, 100]) {
    await carillonOnLoop(bench, balls)
    if (nact !== undefined) await nactOnLoop(bench, nact, balls)
  }
})

/** The package as seen from the folder in which the bench was called; undefined, and said, where it is not there. */
async function installed<L>(name: string): Promise<L | undefined> {
  let path: string
  try {
    path = createRequire(join(process.cwd(), 'bench.js')).resolve(name)
  } catch {
    process.stderr.write(`${name} is left out: npm install --no-save ${name}\n`)
    return undefined
  }
  return (await import(pathToFileURL(path).href)) as L
}

/** The yardstick: no mailbox, no actor. A call for each, taken back before the stack ends. */
function emitters(bench: Bench): void {
  const players = [new EventEmitter(), new EventEmitter()] as const
  let handled = 0
  for (const player of players) player.on('ball', () => (handled += 1))
  bench.measure('at once: EventEmitter, nobody answers', operations => {
    for (let at = 0; at < operations; at++) players[at & 1]!.emit('ball', ball)
  })
  if (handled === 0) throw new Error('no message was handled')
}

function carillonAtOnce(bench: Bench): void {
  const clock = new VirtualClock()
  const { system, game, players } = pairsOn(clock, 1)
  bench.measure('at once: carillon/runtime', operations => {
    game.left = operations
    system.send(players[0]!, ball)
    clock.advance(1)
    if (game.left > 0) throw new Error(`${game.left} messages were not handled`)
  })
}

function xstateAtOnce(bench: Bench, { createActor, fromTransition }: XState): void {
  const game: Game = { left: 0 }
  const players: ReturnType<XState['createActor']>[] = []
  const event = { type: 'ball' }
  for (const other of [1, 0]) {
    const played = (state: number): number => {
      if (game.left > 0) {
        game.left -= 1
        players[other]!.send(event)
      }
      return state + 1
    }
    players.push(createActor(fromTransition(played, 0)))
  }
  for (const player of players) player.start()
  bench.measure('at once: xstate, transition actors', operations => {
    game.left = operations
    players[0]!.send(event)
    if (game.left > 0) throw new Error(`${game.left} messages were not handled`)
  })
  for (const player of players) player.stop()
}

async function carillonOnLoop(bench: Bench, balls: number): Promise<void> {
  const { system, game, players } = pairsOn(systemClock, 1)
  game.left = Number.POSITIVE_INFINITY
  for (let each = 0; each < balls; each++) system.send(players[0]!, ball)
  const handled = (): number => system.describe().children.reduce((sum, { mailbox }) => sum + mailbox.handled, 0)
  await onLoop(bench, `event loop, ${balls} under way: carillon/runtime`, handled)
  await system.stop()
}

async function nactOnLoop(bench: Bench, { start, spawn, dispatch, stop }: Nact, balls: number): Promise<void> {
  const system = start()
  const players: object[] = []
  let handled = 0
  for (const other of [1, 0]) {
    const played = (state: number | undefined): number => {
      handled += 1
      dispatch(players[other]!, ball)
      return (state ?? 0) + 1
    }
    players.push(spawn(system, played, `p${other}`))
  }
  for (let each = 0; each < balls; each++) dispatch(players[0]!, ball)
  await onLoop(bench, `event loop, ${balls} under way: nact`, () => handled)
  stop(system)
}

/** CPU of a window, by the messages that were handled in it. */
async function onLoop(bench: Bench, what: string, handled: () => number): Promise<void> {
  await passed(warmUpMs)
  const [before, used] = [handled(), cpuNs()]
  await passed(bench.option('seconds', secondsDefault) * 1_000)
  const operations = handled() - before
  if (operations === 0) throw new Error(`${what}: no message was handled`)
  bench.row({ what, cpu_ns: (cpuNs() - used) / operations, operations })
}
