import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ref, threadAddressOf } from '../bus/bus.ts'
import { findNatsServer } from '../bus/nats-binary.ts'
import { NatsServer } from '../bus/nats-server.ts'
import type { AnyBehaviour, Behaviour, SupervisorSpec } from '../runtime/actor.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import type { Clock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import { PortExchange } from '../runtime/port-bus.ts'
import { SeededRandom } from '../runtime/random.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { incarnationsFrom, ThreadGroup } from '../runtime/thread-group.ts'
import { VirtualClock } from '../runtime/virtual-clock.ts'
import type { ThreadConfig, ThreadSpec } from '../runtime/worker-host.ts'

/**
 * The runtime alone: what a tell, a spawn, a restart, a timer and an idle actor cost. Prints one JSON object per line.
 * Arguments: the parts to run: same, life, ports, nats; none for all. With --expose-gc memory figures are exact.
 */

type Ball =
  | { readonly kind: 'ball'; readonly replyTo?: Ref<Ball> }
  | { readonly kind: 'crash' }
  | { readonly kind: 'timers'; readonly count: number }

const ball: Ball = { kind: 'ball' }

interface PlayerState {
  readonly to: () => Ref<Ball> | undefined
  handled: number
}

const player: Behaviour<PlayerState, Ball, { readonly to: () => Ref<Ball> | undefined }> = {
  kind: 'player',
  start: ({ to }) => ({ to, handled: 0 }),
  receive(state, message, context) {
    state.handled += 1
    if (message.kind === 'ball') {
      const to = state.to()
      if (to !== undefined) context.send(to, ball)
    } else if (message.kind === 'crash') throw new Error('as asked')
    else for (let i = 0; i < message.count; i += 1) context.cancel(context.after(2_000 + (i & 7), ball))
  }
}

function systemOn(clock: Clock): ActorSystem<undefined> {
  return new ActorSystem({
    host: 'bench',
    thread: 't',
    clock,
    random: new SeededRandom(1),
    resources: undefined,
    log: silentLog,
    metrics: new MetricRegistry()
  })
}

function tree(children: SupervisorSpec['children'], intensity = 1_000_000): SupervisorSpec {
  return { type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity, periodMs: 60_000, children }
}

function print(what: string, figures: Readonly<Record<string, number>>): void {
  const rounded = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(4))]))
  process.stdout.write(`${JSON.stringify({ bench: what, ...rounded })}\n`)
}

/** CPU of this process, in ns. */
function cpuNs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1_000
}

/** Balls between pairs of actors of one thread, on the machine's clock. */
async function tellSameThread(pairs: number, balls: number): Promise<void> {
  const system = systemOn(systemClock)
  const behaviour = player as AnyBehaviour
  const children: SupervisorSpec['children'][number][] = []
  for (let i = 0; i < pairs * 2; i += 1) {
    const other = `p${i ^ 1}`
    let ref: Ref<Ball> | undefined
    children.push({ type: 'actor', name: `p${i}`, behaviour, args: { to: () => (ref ??= system.lookup<Ball>(other)) } })
  }
  system.start(tree(children))
  for (let i = 0; i < pairs * 2; i += 1) for (let j = 0; j < balls; j += 1) system.send(system.lookup<Ball>(`p${i}`)!, ball)
  const handled = (): number => system.describe().children.reduce((sum, child) => sum + child.mailbox.handled, 0)
  await new Promise(resolve => setTimeout(resolve, 500))
  const before = handled()
  const cpu = cpuNs()
  const since = performance.now()
  await new Promise(resolve => setTimeout(resolve, 2_000))
  const messages = handled() - before
  print('tell, same thread', {
    pairs,
    balls,
    messages_per_s: (messages / (performance.now() - since)) * 1_000,
    cpu_ns_per_tell: (cpuNs() - cpu) / messages
  })
  await system.stop()
}

function spawn(count: number): void {
  const clock = new VirtualClock()
  const system = systemOn(clock)
  system.start(tree([]))
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const args = { to: () => undefined }
  const since = performance.now()
  for (let i = 0; i < count; i += 1)
    system.startChild('root', { type: 'actor', name: `a${i}`, behaviour: player as AnyBehaviour, args })
  const spawned = performance.now()
  globalThis.gc?.()
  const idle = process.memoryUsage().heapUsed
  const told = performance.now()
  for (let i = 0; i < count; i += 1) system.send(system.lookup<Ball>(`a${i}`)!, ball)
  clock.advance(1_000)
  const handled = performance.now()
  globalThis.gc?.()
  const used = process.memoryUsage().heapUsed
  const stopping = performance.now()
  void system.stop()
  clock.advance(1_000)
  print('spawn', {
    actors: count,
    us_per_spawn: ((spawned - since) / count) * 1_000,
    bytes_per_idle_actor: (idle - before) / count,
    us_per_first_tell: ((handled - told) / count) * 1_000,
    bytes_per_used_actor: (used - before) / count,
    us_per_stop: ((performance.now() - stopping) / count) * 1_000
  })
}

function restart(count: number): void {
  const clock = new VirtualClock()
  const system = systemOn(clock)
  system.start(tree([{ type: 'actor', name: 'a', behaviour: player as AnyBehaviour, args: { to: () => undefined } }]))
  const ref = system.lookup<Ball>('a')!
  const since = performance.now()
  for (let i = 0; i < count; i += 1) {
    system.send(ref, { kind: 'crash' })
    clock.advance(100)
  }
  print('crash and restart', { restarts: count, us_per_restart: ((performance.now() - since) / count) * 1_000 })
}

function timers(count: number): void {
  const clock = new VirtualClock()
  const system = systemOn(clock)
  system.start(tree([{ type: 'actor', name: 'a', behaviour: player as AnyBehaviour, args: { to: () => undefined } }]))
  const ref = system.lookup<Ball>('a')!
  system.send(ref, { kind: 'timers', count: 10_000 })
  clock.advance(1)
  const since = performance.now()
  system.send(ref, { kind: 'timers', count })
  clock.advance(1)
  print('timer set and cancelled', { timers: count, ns_per_timer: ((performance.now() - since) / count) * 1e6 })
}

function virtualEvents(count: number): void {
  const clock = new VirtualClock()
  let left = count
  const again = (): void => {
    left -= 1
    if (left > 0) clock.after((left * 7919) % 100, again)
  }
  for (let i = 0; i < 1_000; i += 1) clock.after(i % 10, again)
  const since = performance.now()
  const events = clock.run(Number.MAX_SAFE_INTEGER)
  print('virtual clock', { events, events_per_s: (events / (performance.now() - since)) * 1_000 })
}

/** CPU of another process, in ns, where the system tells. */
function cpuNsOf(pid: number | undefined): number {
  if (pid === undefined || process.platform !== 'linux') return 0
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000_000
}

/** Balls between one actor of each of two threads; each message crosses the bus. */
async function tellOtherThread(
  what: string,
  balls: number,
  bus: (thread: string) => ThreadConfig,
  server?: number
): Promise<void> {
  const module = new URL('./runtime-thread.js', import.meta.url)
  const thread = (name: string): ThreadSpec => ({ name, module, configure: () => bus(name) })
  const threads = new ThreadGroup(
    { name: 'players', strategy: 'one-for-one', intensity: 0, periodMs: 1_000, threads: [thread('one'), thread('two')] },
    { host: 'bench', clock: systemClock, log: silentLog, incarnationBase: incarnationsFrom(systemClock) }
  )
  await threads.start()
  await threads.thread('one')!.command('serve', balls)
  const handled = async (): Promise<number> => {
    const { children } = await threads.describe()
    return children.reduce((sum, each) => sum + (each.children[0]?.children[0]?.mailbox.handled ?? 0), 0)
  }
  await new Promise(resolve => setTimeout(resolve, 1_000))
  const before = await handled()
  const cpu = cpuNs()
  const serverCpu = cpuNsOf(server)
  const since = performance.now()
  await new Promise(resolve => setTimeout(resolve, 3_000))
  const messages = (await handled()) - before
  print(what, {
    balls,
    messages_per_s: (messages / (performance.now() - since)) * 1_000,
    cpu_us_per_tell: (cpuNs() - cpu) / messages / 1_000,
    server_cpu_us_per_tell: (cpuNsOf(server) - serverCpu) / messages / 1_000
  })
  await threads.stop()
}

async function overPorts(balls: number): Promise<void> {
  const exchange = new PortExchange()
  await tellOtherThread('tell, other thread, port bus', balls, name => {
    const port = exchange.attach(threadAddressOf('bench', name))
    return { config: { bus: { kind: 'port', port }, other: name === 'one' ? 'two' : 'one' }, transfer: [port] }
  })
  exchange.close()
}

async function overNats(all: readonly number[]): Promise<void> {
  const binary = await findNatsServer(process.env['CARILLON_NATS_SERVER'], process.env['PATH']).catch(() => undefined)
  if (binary === undefined) {
    process.stdout.write('{"bench":"tell, other thread, nats","skipped":"no nats-server found"}\n')
    return
  }
  const directory = mkdtempSync(join(tmpdir(), 'carillon-bench-'))
  const server = await NatsServer.start({
    binary,
    name: 'bench',
    cluster: 'carillon',
    directory,
    ports: { client: -1, route: -1, monitor: -1 }
  })
  const { user, password } = server.internal
  for (const balls of all) {
    const bus = (name: string): ThreadConfig => ({
      config: { bus: { kind: 'nats', url: server.url, user, password }, other: name === 'one' ? 'two' : 'one' }
    })
    await tellOtherThread('tell, other thread, nats', balls, bus, server.pid)
  }
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
}

const parts: Readonly<Record<string, () => Promise<void>>> = {
  async same() {
    await tellSameThread(1, 1)
    await tellSameThread(1, 100)
    await tellSameThread(500, 2)
  },
  async life() {
    spawn(100_000)
    restart(20_000)
    timers(1_000_000)
    virtualEvents(3_000_000)
  },
  async ports() {
    for (const balls of [1, 64, 1_024]) await overPorts(balls)
  },
  nats: () => overNats([1, 64, 1_024])
}

const asked = process.argv.slice(2)
for (const [name, part] of Object.entries(parts)) if (asked.length === 0 || asked.includes(name)) await part()
