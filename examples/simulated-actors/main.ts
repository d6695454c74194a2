import { type Behaviour, type Ref, addressOf, threadAddressOf } from '../../runtime/index.ts'
import { Simulation } from '../../simulation/index.ts'

type LibraryMessage = { kind: 'borrow'; book: string; replyTo: Ref<ReaderMessage> }
type ReaderMessage = { kind: 'lent'; book: string } | { kind: 'ask again' }

const library: Behaviour<{ lent: number }, LibraryMessage> = {
  kind: 'library',
  start: () => ({ lent: 0 }),
  receive(state, { book, replyTo }, context) {
    state.lent += 1
    context.send(replyTo, { kind: 'lent', book })
  }
}

/** Asks until it is answered: on these roads half of all messages are lost. */
const reader: Behaviour<{ asked: number; read: string[] }, ReaderMessage, string[]> = {
  kind: 'reader',
  start(read, context) {
    context.after(0, { kind: 'ask again' })
    return { asked: 0, read }
  },
  receive(state, message, context) {
    if (message.kind === 'lent') {
      if (state.read.length === 0) state.read.push(`${message.book}, asked for ${state.asked} times`)
    } else if (state.read.length === 0) {
      state.asked += 1
      const to = { address: addressOf(threadAddressOf('town', 'main'), 'library'), correlation: 0, incarnation: 0 }
      context.send<LibraryMessage>(to, { kind: 'borrow', book: 'Momo', replyTo: context.replyRef(0) })
      context.after(1_000, { kind: 'ask again' })
    }
  }
}

/** One seed, one history. */
export function simulate(seed: number): { read: string[]; atMs: number; traceHash: string } {
  const world = new Simulation({ seed, weather: { delayMinMs: 5, delayMaxMs: 50, loss: 0.5 } })
  const read: string[] = []
  const root = { type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity: 3, periodMs: 5_000 } as const
  const town = world.host('town')
  town.thread('main', { tree: { ...root, children: [{ type: 'actor', name: 'library', behaviour: library }] } })
  world
    .host('village')
    .thread('main', { tree: { ...root, children: [{ type: 'actor', name: 'reader', behaviour: reader, args: read }] } })
  world.at(100, () => town.pause())
  world.at(2_500, () => town.resume())
  world.runUntil(() => read.length > 0, 3_600_000)
  return { read, atMs: world.clock.now(), traceHash: world.traceHash }
}

for (const seed of [1, 2, 3]) {
  const { read, atMs, traceHash } = simulate(seed)
  console.log(`seed ${seed}: ${read[0]}; ${atMs} ms later, trace ${traceHash}`)
}
