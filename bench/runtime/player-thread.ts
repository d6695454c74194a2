import type { MessagePort } from 'node:worker_threads'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { codecRegistry, type MessageCodec } from '../../bus/codec.ts'
import { NatsBus } from '../../bus/nats-bus.ts'
import type { NearServer } from '../../bus/near-links.ts'
import { subjectScheme } from '../../bus/subject.ts'
import type { AnyBehaviour, Behaviour } from '../../runtime/actor.ts'
import { ActorSystem } from '../../runtime/actor-system.ts'
import { MetricRegistry } from '../../runtime/metrics.ts'
import { PortBus } from '../../runtime/port-bus.ts'
import { systemRandom } from '../../runtime/random.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { runThread } from '../../runtime/worker-thread.ts'

/** One side of a game between two threads: an actor that plays each ball back. */
export interface PlayerThreadConfig {
  /** Hosts of this player and of the other one; their threads are `one` and `two`. */
  readonly host: string
  readonly other: { readonly host: string; readonly thread: string }
  readonly bus:
    | { readonly kind: 'port'; readonly port: MessagePort }
    | {
        readonly kind: 'nats'
        readonly url: string
        readonly user: string
        readonly password: string
        /** The other host's own server: batches go straight there. */
        readonly near: NearServer | undefined
      }
}

type Ball = { readonly kind: 'ball'; readonly replyTo?: Ref<Ball>; readonly body: Uint8Array }

const ballCodec: MessageCodec<Ball> = {
  tag: 1,
  kind: 'ball',
  write: (message, writer) => writer.bytes(message.body),
  read: reader => ({ kind: 'ball', body: reader.bytes() })
}

const body = Buffer.alloc(100, 7)

const player: Behaviour<{ handled: number }, Ball> = {
  kind: 'player',
  start: () => ({ handled: 0 }),
  receive(state, message, context) {
    state.handled += 1
    if (message.replyTo !== undefined)
      context.send(message.replyTo, { kind: 'ball', replyTo: context.replyRef<Ball>(state.handled), body })
  }
}

runThread<PlayerThreadConfig>(async ({ host, other, bus: way }, seat) => {
  const thread = threadAddressOf(host, seat.name)
  const bus = way.kind === 'port' ? new PortBus(thread, way.port) : await natsBus(way)
  const system = new ActorSystem({
    host,
    thread: seat.name,
    clock: systemClock,
    random: systemRandom(),
    bus,
    resources: undefined,
    log: seat.log,
    metrics: new MetricRegistry(),
    incarnationBase: seat.incarnationBase
  })
  system.start({
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 0,
    periodMs: 1_000,
    children: [{ type: 'actor', name: 'player', behaviour: player as AnyBehaviour }]
  })
  // The other one may serve as soon as both threads have started.
  if (bus instanceof NatsBus) await bus.ready()
  const own = system.lookup<Ball>('player')!
  const rival: Ref<Ball> = {
    address: addressOf(threadAddressOf(other.host, other.thread), 'player'),
    correlation: 0,
    incarnation: 0
  }
  return {
    describe: () => system.describe(),
    drain: () => Promise.resolve(),
    async stop() {
      await system.stop()
      await bus.close()
    },
    command(name, argument) {
      if (name === 'figures') return bus.figures()
      if (name !== 'serve') throw new Error(`no command ${name}`)
      for (let at = 0; at < Number(argument); at += 1) system.send(rival, { kind: 'ball', replyTo: own, body })
      return undefined
    }
  }

  async function natsBus({ url, user, password, near }: Extract<PlayerThreadConfig['bus'], { kind: 'nats' }>): Promise<NatsBus> {
    return NatsBus.connect({
      servers: url,
      user,
      password,
      scheme: subjectScheme(),
      thread,
      codec: codecRegistry([ballCodec]),
      ...(near === undefined ? {} : { near: { hostsMax: 1, locate: () => Promise.resolve(near) } })
    })
  }
})
