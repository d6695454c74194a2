import type { MessagePort } from 'node:worker_threads'
import {
  ActorSystem,
  addressOf,
  type ChildSpec,
  PortBus,
  runThread,
  silentMetrics,
  systemClock,
  systemRandom,
  threadAddressOf
} from '../../runtime/index.ts'
import { translator } from './translator.ts'
import { traveller } from './traveller.ts'

/** What main gives to each thread. */
export interface CountryConfig {
  readonly port: MessagePort
  readonly words: readonly string[]
}

// Both threads run this module; the name says which actor lives where.
runThread<CountryConfig>(({ port, words }, seat) => {
  const bus = new PortBus(threadAddressOf('example', seat.name), port)
  const system = new ActorSystem({
    host: 'example',
    thread: seat.name,
    clock: systemClock,
    random: systemRandom(),
    bus,
    resources: undefined,
    log: seat.log,
    metrics: silentMetrics,
    incarnationBase: seat.incarnationBase,
    onCrash: report => seat.crashed(report),
    onGiveUp: error => seat.gaveUp(error)
  })
  const there = { address: addressOf(threadAddressOf('example', 'abroad'), 'translator'), correlation: 0, incarnation: 0 }
  const say = (line: string): void => seat.log.info({}, line)
  const children: Readonly<Record<string, readonly ChildSpec[]>> = {
    abroad: [{ type: 'actor', name: 'translator', behaviour: translator }],
    home: [
      {
        type: 'actor',
        name: 'traveller',
        behaviour: traveller,
        restart: 'transient',
        args: { words, translator: there, patienceMs: 500, say }
      }
    ]
  }
  system.start({
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 3,
    periodMs: 10_000,
    children: children[seat.name] ?? []
  })
  return {
    describe: () => system.describe(),
    drain: () => system.stop(),
    async stop() {
      await system.stop()
      await bus.close()
    }
  }
})
