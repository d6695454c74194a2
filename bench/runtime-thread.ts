import type { MessagePort } from 'node:worker_threads'
import { addressOf, type Bus, type Ref, threadAddressOf } from '../bus/bus.ts'
import { codecRegistry, type MessageCodec } from '../bus/codec.ts'
import { NatsBus } from '../bus/nats-bus.ts'
import { subjectScheme } from '../bus/subject.ts'
import type { AnyBehaviour, Behaviour } from '../runtime/actor.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import { PortBus } from '../runtime/port-bus.ts'
import { systemRandom } from '../runtime/random.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { runThread } from '../runtime/worker-thread.ts'

/** One side of `bench/runtime.ts`'s game between two threads: an actor that plays each ball back. */
export interface RuntimeBenchConfig {
  readonly bus:
    | { readonly kind: 'port'; readonly port: MessagePort }
    | { readonly kind: 'nats'; readonly url: string; readonly user: string; readonly password: string }
  readonly other: string
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
  },
  summary: state => ({ handled: state.handled })
}

runThread<RuntimeBenchConfig>(async (config, seat) => {
  const thread = threadAddressOf('bench', seat.name)
  const bus: Bus =
    config.bus.kind === 'port'
      ? new PortBus(thread, config.bus.port)
      : await NatsBus.connect({
          servers: config.bus.url,
          user: config.bus.user,
          password: config.bus.password,
          scheme: subjectScheme(),
          thread,
          codec: codecRegistry([ballCodec])
        })
  const system = new ActorSystem({
    host: 'bench',
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
  const own = system.lookup<Ball>('player')!
  const other: Ref<Ball> = {
    address: addressOf(threadAddressOf('bench', config.other), 'player'),
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
      if (name !== 'serve') throw new Error(`no command ${name}`)
      for (let i = 0; i < Number(argument); i += 1) system.send(other, { kind: 'ball', replyTo: own, body })
      return undefined
    }
  }
})
