import type { Ref } from '../../bus/bus.ts'
import type { AnyBehaviour, Behaviour, ChildSpec, SupervisorSpec } from '../../runtime/actor.ts'
import { ActorSystem } from '../../runtime/actor-system.ts'
import type { Clock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { MetricRegistry } from '../../runtime/metrics.ts'
import { SeededRandom } from '../../runtime/random.ts'

/** Played back and forth; `left` counts down over all players. */
export type Ball = { readonly kind: 'ball'; readonly replyTo?: Ref<Ball> } | { readonly kind: 'crash' } | TimerOrder
export type TimerOrder = { readonly kind: 'set' | 'set-and-cancel'; readonly count: number; readonly delayMs: number }

export const ball: Ball = { kind: 'ball' }

export interface Game {
  /** Balls that may still be played. */
  left: number
}

interface PlayerState {
  readonly to: (() => Ref<Ball> | undefined) | undefined
  readonly game: Game | undefined
  handled: number
}

export interface PlayerArgs {
  /** Whom a ball is played to; nobody where undefined. */
  readonly to?: () => Ref<Ball> | undefined
  readonly game?: Game
}

/** Plays a ball on, crashes, or sets timers, as it is told. */
export const player: Behaviour<PlayerState, Ball, PlayerArgs> = {
  kind: 'player',
  start: ({ to, game }) => ({ to, game, handled: 0 }),
  receive(state, message, context) {
    state.handled += 1
    switch (message.kind) {
      case 'ball': {
        const { game } = state
        if (game === undefined || game.left <= 0) return
        game.left -= 1
        const to = message.replyTo ?? state.to?.()
        if (to === undefined) return
        context.send(to, message.replyTo === undefined ? ball : { kind: 'ball', replyTo: context.replyRef<Ball>(state.handled) })
        return
      }
      case 'crash':
        throw new Error('as asked')
      case 'set':
        for (let at = 0; at < message.count; at += 1) context.after(message.delayMs + (at & 7), ball)
        return
      case 'set-and-cancel':
        for (let at = 0; at < message.count; at += 1) context.cancel(context.after(message.delayMs + (at & 7), ball))
    }
  }
}

export function playerSpec(name: string, args: PlayerArgs): ChildSpec {
  return { type: 'actor', name, behaviour: player as AnyBehaviour, args }
}

export function systemOn(clock: Clock, children: readonly ChildSpec[]): ActorSystem<undefined> {
  const system = new ActorSystem<undefined>({
    host: 'bench',
    thread: 't',
    clock,
    random: new SeededRandom(1),
    resources: undefined,
    log: silentLog,
    metrics: new MetricRegistry()
  })
  const root: SupervisorSpec = {
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    // Whoever is to crash again and again is let.
    intensity: 100_000_000,
    periodMs: 1_000,
    children
  }
  system.start(root)
  return system
}

/** Pairs of actors that play to each other, and the game that they share. */
export function pairsOn(clock: Clock, pairs: number) {
  const game: Game = { left: 0 }
  const refs: Ref<Ball>[] = []
  const children = Array.from({ length: pairs * 2 }, (_, at) =>
    playerSpec(`p${at}`, { game, to: () => (refs[at ^ 1] ??= system.lookup<Ball>(`p${at ^ 1}`)!) })
  )
  const system = systemOn(clock, children)
  return { system, game, players: Array.from(children, (_, at) => system.lookup<Ball>(`p${at}`)!) }
}
