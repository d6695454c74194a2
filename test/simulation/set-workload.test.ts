import t from 'tap'
import type { GetReply } from '../../actors/coordinator-protocol.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import type { Behaviour, SupervisorSpec } from '../../runtime/actor.ts'
import { Ledger, keyOfWorkload, setClient, valuesOf, type WorkloadArguments } from './set-workload.ts'
import { SimulatedCluster } from './simulated-cluster.ts'

const seeds = Number(process.env['CARILLON_SIMULATION_SEEDS'] ?? 200)
const firstSeed = Number(process.env['CARILLON_SIMULATION_FIRST_SEED'] ?? 1)
const keys = 5
const clients = 4
const operations = 25

interface Outcome {
  readonly trace: string
  readonly events: number
  readonly violations: readonly string[]
  readonly acknowledged: number
  readonly crashes: number
}

/** Reads every key from every host at R = N, one answer each. */
const reader: Behaviour<Map<Key, string[]>, GetReply & { kind: string }, { readonly hosts: readonly string[] }, Map<Key, string[]>> = {
  kind: 'reader',
  start({ hosts }, context) {
    for (let index = 0; index < keys; index++) {
      for (const host of hosts) {
        const to = { address: addressOf(threadAddressOf(host, 'data-0'), 'coordinator'), correlation: 0, incarnation: 0 }
        context.send(to, { kind: 'get', key: keyOfWorkload(index), options: { level: 'all' }, hops: 0, replyTo: context.replyRef(index) } as never, 2_000)
      }
    }
    return context.resources
  },
  receive(finals, message, context) {
    if (message.kind === 'got') finals.set(keyOfWorkload(context.correlation), valuesOf(message.siblings))
  }
}

function tree(children: SupervisorSpec['children']): SupervisorSpec {
  return { type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity: 0, periodMs: 1000, children }
}

function run(seed: number): Outcome {
  const cluster = new SimulatedCluster({ seed, hosts: 3, weather: { delayMinMs: 0.1, delayMaxMs: 20, reordering: 0.3 } })
  const hosts = cluster.machines.map(machine => machine.name)
  const ledger = new Ledger()
  for (const host of hosts) cluster.start(host)
  cluster.clock.run(3_000)
  for (let client = 1; client <= clients; client++) {
    const args: WorkloadArguments = { name: `c${client}`, hosts, threads: 2, keys, operations, ledger }
    cluster.client(`c${client}`, undefined).start(tree([{ type: 'actor', name: 'client', behaviour: setClient, args }]))
  }
  cluster.clock.run(20_000)
  const finals = new Map<Key, string[]>()
  cluster.client('reader', finals).start(tree([{ type: 'actor', name: 'reader', behaviour: reader, args: { hosts } }]))
  cluster.clock.run(25_000)
  const violations = ledger.check(finals)
  if (finals.size !== keys) violations.push(`only ${finals.size} of ${keys} keys could be read at R = N`)
  return { trace: cluster.traceHash, events: cluster.clock.events, violations, acknowledged: ledger.acknowledgements, crashes: cluster.crashes.length }
}

t.test(`I5, I7: 3 hosts, messages delayed and reordered, ${seeds} seeds: no acknowledged value is lost, none stands beside what replaced it`, async t => {
  let acknowledged = 0
  let events = 0
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const outcome = run(seed)
    acknowledged += outcome.acknowledged
    events += outcome.events
    if (outcome.violations.length > 0) {
      t.fail(`seed ${seed}; replay with CARILLON_SIMULATION_SEEDS=1 CARILLON_SIMULATION_FIRST_SEED=${seed}`, { violations: outcome.violations })
    }
    if (outcome.crashes > 0) t.fail(`seed ${seed}: ${outcome.crashes} actors crashed`)
  }
  t.ok(acknowledged > seeds * 50, `${acknowledged} writes were acknowledged in ${events} events`)
})

t.test('I29: the same seed gives the same history, another seed another one', async t => {
  const first = run(7)
  t.equal(run(7).trace, first.trace)
  t.not(run(8).trace, first.trace)
})
