import t from 'tap'
import { handoffAgent } from '../../actors/handoff/handoff-agent.ts'
import { preferenceOf } from '../../actors/ring/ring-index.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { ringOf } from '../../model/ring.ts'
import { SeededRandom } from '../../runtime/random.ts'
import { FaultInjector } from '../../simulation/fault-injector.ts'
import { drawFaults, type PlannedFault } from '../../simulation/fault-plan.ts'
import { hintsOnDisk } from '../../simulation/hint-check.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { servingCluster } from './asking-client.ts'
import { crashesOf } from './exchange-cluster.ts'

const partitions = 16
const firstSeed = Number(process.env['CARILLON_SIMULATION_FIRST_SEED'] ?? 1)
const seeds = Array.from({ length: Number(process.env['CARILLON_SIMULATION_SEEDS'] ?? 8) }, (_, index) => firstSeed + index)
const spanMs = 60_000
const healMs = 180_000

/** Hosts join, leave and are removed, while others die and come back; each seed another story. */
function storyOf(seed: number, hosts: readonly string[], fromMs: number): PlannedFault[] {
  const dice = new SeededRandom(seed).fork('story')
  const host = () => hosts[dice.below(hosts.length)]!
  const atMs = () => Math.floor(fromMs + dice.next() * spanMs * 0.7)
  const faults = drawFaults(
    ['loss', 'cut', 'kill', 'thread', 'pause'],
    { hosts, threads: 2, fromMs, untilMs: fromMs + spanMs },
    dice
  )
  for (let left = dice.below(3); left >= 0; left--)
    faults.push({
      kind: 'leave',
      host: host(),
      isTakenBack: dice.next() < 0.3,
      atMs: atMs(),
      lastsMs: Math.floor(12_000 * dice.next())
    })
  for (let left = dice.below(3); left > 0; left--) faults.push({ kind: 'join', atMs: atMs(), lastsMs: 0 })
  if (dice.next() < 0.5) faults.push({ kind: 'remove', host: host(), atMs: atMs(), lastsMs: 40_000 })
  return faults
}

/** How many of the key's owners hold it, straight from the disks. */
function holders(cluster: SimulatedCluster, key: Key): number {
  const ring = ringOf(cluster.present[0]!.saved!.members, { partitions, replicas: 3 })
  const names = cluster.machines.map(({ name }) => name)
  const lists = ring.owners.map(own => own.map(name => names.indexOf(name)))
  const partition = partitionOf(positionOf(key), partitions)
  const owners = preferenceOf(lists, partition, 3).map(index => cluster.machines[index]!)
  return owners.filter(({ disk }) => disk.pairs(partition)?.has(key) === true).length
}

function isQuiet(cluster: SimulatedCluster): boolean {
  const rows = cluster.present.map(({ saved, uid }) => saved?.members.find(member => member.uid === uid))
  const epochs = new Set(cluster.present.map(({ saved }) => ringOf(saved!.members, { partitions, replicas: 3 }).epoch))
  return (
    epochs.size === 1 &&
    rows.every(row => row?.standing === 'up' && row.removing === undefined) &&
    cluster.present.every(({ name }) => hintsOnDisk(cluster, name) === 0)
  )
}

t.test(
  'I5, I18: the ring changes amid faults, nobody compares replicas → each write of a quorum is on a quorum of the owners',
  async t => {
    const told = { left: 0, removed: 0, joined: 0, acknowledged: 0 }
    for (const seed of seeds) {
      const hosts = 4 + (seed % 3)
      const { cluster, client } = servingCluster({ seed, hosts, partitions, workBehaviours: { handoff: handoffAgent } })
      const dice = new SeededRandom(seed).fork('load')
      const names = cluster.machines.map(({ name }) => name)
      const acknowledged: Key[] = []
      const write = (text: string): void => {
        const able = cluster.machines.filter(({ isRunning, name }) => isRunning && !cluster.host(name).isPaused)
        const asked = able[dice.below(Math.max(1, able.length))]
        if (asked === undefined) return
        const key = keyOfText('b', text)
        if (client.put(asked.name, key, text, undefined, { sloppy: false })?.kind === 'written') acknowledged.push(key)
      }
      for (let index = 0; index < 40; index++) write(`before-${index}`)
      const fromMs = cluster.clock.now() + 100
      const injector = new FaultInjector(cluster)
      injector.schedule(storyOf(seed, names, fromMs))
      for (let index = 0; cluster.clock.now() < fromMs + spanMs; index++) {
        write(`during-${index}`)
        cluster.clock.run(cluster.clock.now() + 200)
      }
      injector.heal()
      cluster.network.setWeather({ delayMinMs: 0.1, delayMaxMs: 2, loss: 0, duplication: 0, reordering: 0 })
      cluster.clock.run(cluster.clock.now() + 5_000)
      t.ok(
        cluster.simulation.runUntil(() => isQuiet(cluster), healMs, 500),
        `seed ${seed}: every change comes to its end`
      )
      const lost = acknowledged.filter(key => holders(cluster, key) < 2)
      t.same(lost, [], `seed ${seed}: each of ${acknowledged.length} acknowledged writes is on two of three owners`)
      t.same(crashesOf(cluster), [])
      told.acknowledged += acknowledged.length
      told.left += cluster.machines.filter(({ hasLeft }) => hasLeft).length
      told.removed += cluster.machines.filter(({ name, hasLeft }) => cluster.isGone(name) && !hasLeft).length
      told.joined += cluster.machines.length - hosts
    }
    t.comment(JSON.stringify(told))
    t.ok(told.left > 0 && told.acknowledged > seeds.length * 100)
  }
)
