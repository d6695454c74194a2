import t from 'tap'
import { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { crashesOf, startAll, watchRing } from './exchange-cluster.ts'

t.test(
  'reads ask every replica only where one was away: hosts that have just joined lack nothing, one that was killed may',
  async t => {
    const cluster = new SimulatedCluster({ seed: 11, hosts: 3, partitions: 8, workBehaviours: {} })
    const { clock, simulation } = cluster
    startAll(cluster)
    const views = watchRing(cluster)
    const names = cluster.machines.map(({ name }) => name)
    const isWhole = (): boolean =>
      names.every(name => views.get(name)?.hosts.filter(({ standing }) => standing === 'up').length === 3)
    t.ok(simulation.runUntil(isWhole, 120_000, 500))
    const back = (of: string): string[] => (views.get(of)?.hosts ?? []).filter(host => host.isBack).map(host => host.name)
    t.same(names.map(back), [[], [], []])
    cluster.kill('h2', false)
    clock.run(clock.now() + 20_000)
    cluster.start('h2')
    t.ok(
      simulation.runUntil(() => names.every(name => back(name).includes('h2')), 60_000, 500),
      'who was away is said to be back, also by itself'
    )
    t.ok(
      simulation.runUntil(() => names.every(name => back(name).length === 0), 700_000, 5_000),
      'until a while has passed'
    )
    t.same(crashesOf(cluster), [])
  }
)
