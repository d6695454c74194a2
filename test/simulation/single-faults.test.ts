import t from 'tap'
import { ringObserver, type RingViews } from '../../simulation/ring-observer.ts'
import { runScenario } from '../../simulation/run.ts'
import { drawScenario, type Scenario } from '../../simulation/scenario.ts'
import type { PlannedFault } from '../../simulation/fault-plan.ts'
import { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import type { WorkloadName } from '../../simulation/workload.ts'

const fromMs = 8_000
const untilMs = 48_000

function scenario(faults: readonly PlannedFault[], workloads: readonly WorkloadName[]): Scenario {
  return { ...drawScenario({ seed: 1, faults: [], workloads, minutes: 0.5 }), fromMs, untilMs, faults }
}

const cutBetween = (from: string, to: string): PlannedFault => ({ kind: 'cut', from, to, atMs: 10_000, lastsMs: 30_000 })

t.test(
  'I20: h1 and h2 of five cannot reach each other, all else can → writes are acknowledged, but the few that are passed on into the cut before it is known',
  async t => {
    const faults = [cutBetween('h1', 'h2'), cutBetween('h2', 'h1')]
    const outcome = runScenario(scenario(faults, ['set', 'register', 'counter']))
    t.same(outcome.violations, [])
    t.ok(outcome.operations > 500)
    t.ok(outcome.acknowledged > 0.995 * outcome.operations, `${outcome.acknowledged} of ${outcome.operations}`)
  }
)

t.test('I16, I20: h1 and h2 of five cannot reach each other → nobody ever takes anybody for dead', async t => {
  const cluster = new SimulatedCluster({ seed: 1, hosts: 5, threads: 1, weather: { delayMinMs: 0.1, delayMaxMs: 5 } })
  const hosts = cluster.machines.map(machine => machine.name)
  for (const host of hosts) cluster.start(host)
  const views: RingViews = new Map()
  const args = { hosts: () => hosts, views }
  const observer = { type: 'actor', name: 'observer', behaviour: ringObserver, args } as const
  const tree = {
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 0,
    periodMs: 1000,
    children: [observer]
  } as const
  cluster.simulation.host('observer').thread('client', { tree })
  cluster.clock.run(fromMs)
  cluster.network.partition([['h1'], ['h2']])
  for (let atMs = fromMs; atMs <= untilMs; atMs += 250) {
    cluster.clock.run(atMs)
    for (const [name, view] of views) {
      const states = view.hosts.map(host => `${host.name} ${host.state}`).sort()
      if (states.join() !== hosts.map(host => `${host} up`).join()) t.fail(`at ${atMs} ms ${name} sees ${states.join()}`)
    }
  }
  t.equal(views.size, 5)
})

t.test('I22: a host stands still for 25 s and goes on → what it says late does no harm, nothing is lost', async t => {
  const faults: PlannedFault[] = [{ kind: 'pause', host: 'h2', atMs: 12_000, lastsMs: 25_000 }]
  const outcome = runScenario(scenario(faults, ['set', 'session', 'recreate']))
  t.same(outcome.violations, [])
  t.ok(outcome.acknowledged > 500)
})

t.test('I6: a host whose disk went back to what it was, and one that was cut from power → no dot names two values', async t => {
  const faults: PlannedFault[] = [
    { kind: 'power', host: 'h3', atMs: 14_000, lastsMs: 1_000 },
    { kind: 'restore', host: 'h2', atMs: 25_000, ageMs: 12_000, lastsMs: 2_000 }
  ]
  const outcome = runScenario(scenario(faults, ['set', 'register', 'recreate']))
  t.same(outcome.violations, [])
})

t.test('I4, I9: bits of records flip on one host → they are never served, and come back from the others', async t => {
  const faults: PlannedFault[] = [{ kind: 'corrupt', host: 'h2', records: 5, atMs: 20_000, lastsMs: 0 }]
  const outcome = runScenario(scenario(faults, ['register', 'set']))
  t.same(outcome.violations, [])
})
