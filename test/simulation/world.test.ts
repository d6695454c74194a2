import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Message } from '../../bus/bus.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import type { Behaviour } from '../../runtime/actor.ts'
import { NeverRests, Simulation, type WorldOptions } from '../../simulation/index.ts'

/** Notes when it was told something, by its own clocks. */
const diary: Behaviour<undefined, Message, string[]> = {
  kind: 'diary',
  start(entries, context) {
    entries.push(`born ${context.incarnation % 1_000_000} at ${context.now()}`)
    context.after(100, { kind: 'alarm' })
    return undefined
  },
  receive(_, { kind }, context) {
    entriesOf(context.resources).push(`${kind} at ${context.now()}`)
  }
}

const entriesOf = (resources: unknown): string[] => resources as string[]

const treeOf = (args: string[]) =>
  ({
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 0,
    periodMs: 1000,
    children: [{ type: 'actor', name: 'diary', behaviour: diary, args }]
  }) as const

/** A world of two hosts, one of which keeps a diary. */
function world(options: Partial<WorldOptions> = {}) {
  const simulation = new Simulation({ seed: 1, weather: { delayMinMs: 10, delayMaxMs: 10 }, ...options })
  const entries: string[] = []
  const start = () => simulation.host('a').thread('main', { resources: () => entries, tree: treeOf(entries) })
  start()
  const sender = simulation.host('b').thread('main')
  const to = { address: addressOf(threadAddressOf('a', 'main'), 'diary'), correlation: 0, incarnation: 0 }
  const tell = (kind: string) => sender.send(to, { kind })
  return { simulation, entries, start, tell }
}

t.test('simulation: a paused host → its timers and what is sent to it wait, and come late, in order', async t => {
  const { simulation, entries, tell } = world()
  simulation.host('a').pause()
  tell('first')
  simulation.run(50)
  tell('second')
  simulation.run(500)
  t.same(entries, ['born 1 at 0'])
  simulation.host('a').resume()
  simulation.run(501)
  t.same(entries.slice(1).sort(), ['alarm at 500', 'first at 500', 'second at 500'])
  t.ok(entries.indexOf('first at 500') < entries.indexOf('second at 500'))
})

t.test(
  'simulation: a killed host handles nothing more; started again, it is another incarnation without the old timers',
  async t => {
    const { simulation, entries, start, tell } = world()
    tell('lost')
    simulation.at(5, () => simulation.host('a').kill())
    simulation.run(60)
    start()
    tell('found')
    simulation.run(300)
    t.same(entries, ['born 1 at 0', 'born 1 at 60', 'found at 70', 'alarm at 160'])
  }
)

t.test('simulation: one thread of a host ends, the other one goes on', async t => {
  const { simulation, entries } = world()
  const others: string[] = []
  simulation.host('a').thread('other', { resources: () => others, tree: treeOf(others) })
  simulation.host('a').endThread('main')
  simulation.run(200)
  t.same(entries, ['born 1 at 0'])
  t.same(others, ['born 1 at 0', 'alarm at 100'])
  t.throws(() => simulation.host('a').thread('other'), /has a thread other already/)
})

t.test('simulation: skew moves the wall clock of one host, of threads that start later, too; not its monotonic one', async t => {
  const { simulation } = world()
  const host = simulation.host('a')
  host.skew(3_600_000)
  const later = host.thread('later')
  const sound = simulation.host('b').threads.get('main')!.system
  for (const system of [host.threads.get('main')!.system, later]) {
    t.equal(system.clock.wallMs() - sound.clock.wallMs(), 3_600_000)
    t.equal(system.clock.now(), sound.clock.now())
  }
})

t.test(
  'I29: the same seed gives the same history, another seed another one, and a fact that was noted is part of it',
  async t => {
    const run = (seed: number, note = false): string => {
      const { simulation, tell } = world({ seed, weather: { delayMinMs: 1, delayMaxMs: 90, loss: 0.3, reordering: 0.5 } })
      if (note) simulation.note('noted')
      for (let sent = 0; sent < 50; sent++) {
        tell(`m${sent}`)
        simulation.run(sent * 10)
      }
      return simulation.traceHash
    }
    t.equal(run(1), run(1))
    t.not(run(1), run(2))
    t.not(run(1), run(1, true))
  }
)

t.test('simulation: events are messages handled and timers fired, also those of hosts that died since', async t => {
  const { simulation, tell } = world()
  tell('one')
  tell('two')
  simulation.run(200)
  t.equal(simulation.events, 3)
  simulation.host('a').kill()
  t.equal(simulation.events, 3)
})

t.test('simulation: watch shows every message with its contents, until it is told not to', async t => {
  const { simulation, tell } = world()
  const seen: string[] = []
  simulation.watch(({ message, isArrival }) => void seen.push(`${message.kind} ${isArrival}`))
  tell('one')
  simulation.run(20)
  simulation.watch(undefined)
  tell('two')
  simulation.run(40)
  t.same(seen, ['one false', 'one true'])
})

t.test('simulation: two actors pass a message on to each other for ever → it ends, and says so', async t => {
  const addressed = (host: string) => ({
    address: addressOf(threadAddressOf(host, 'main'), 'echo'),
    correlation: 0,
    incarnation: 0
  })
  const echo: Behaviour<undefined, Message, string> = {
    kind: 'echo',
    start: () => undefined,
    receive: (_, message, context) => context.signal(addressed(context.host === 'a' ? 'b' : 'a'), message)
  }
  const simulation = new Simulation({ seed: 1, encode: false })
  const child = { type: 'actor', name: 'echo', behaviour: echo, args: '' } as const
  for (const host of ['a', 'b'])
    simulation.host(host).thread('main', {
      tree: { type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity: 0, periodMs: 1_000, children: [child] }
    })
  simulation.run(10)
  simulation.host('a').threads.get('main')!.system.signal(addressed('b'), { kind: 'ball' })
  t.throws(() => simulation.run(2_000), NeverRests)
  t.throws(() => simulation.runUntil(() => false, 2_000), NeverRests)
})

t.test('docs/simulation.md: its example is examples/simulated-actors, which runs and says the same each time', async t => {
  const source = readFileSync('examples/simulated-actors/main.ts', 'utf8')
  const shown = source
    .replace('../../runtime/index.ts', 'carillon/runtime')
    .replace('../../simulation/index.ts', 'carillon/simulation')
  t.ok(readFileSync('docs/simulation.md', 'utf8').includes(`\`\`\`ts\n${shown}\`\`\``), 'the document shows the program whole')
  const program = fileURLToPath(new URL('../../examples/simulated-actors/main.js', import.meta.url))
  const run = async () => (await promisify(execFile)(process.execPath, [program], { timeout: 20_000 })).stdout
  const said = await run()
  t.match(said, /^seed 1: Momo, asked for \d+ times; \d+ ms later, trace \d+:[0-9a-f]{16}\nseed 2: /)
  t.equal(await run(), said)
  t.ok(readFileSync('docs/simulation.md', 'utf8').includes(said), 'the document shows what it prints')
})
