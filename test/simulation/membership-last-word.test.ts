import t from 'tap'
import { MembershipCluster } from '../../simulation/membership-cluster.ts'

const weather = { delayMinMs: 0.2, delayMaxMs: 5 }
const seeds = [1, 2, 3, 4, 5]

t.test(
  'I16: 4 hosts, one is cut off from all; meanwhile another one comes back and dies for good → the one that was cut off hears its last word, too',
  async t => {
    for (const seed of seeds) {
      const cluster = new MembershipCluster({ seed, hosts: 4, areMembers: true, weather })
      cluster.startAll()
      cluster.run(5_000)
      const said = (by: string): number => cluster.host(by).view.find(({ name }) => name === 'h3')?.incarnation ?? 0
      const areDown = (by: string, of: readonly string[]): boolean => of.every(name => cluster.stateOf(by, name) === 'down')
      cluster.network.isolate('h4')
      t.ok(cluster.until(() => areDown('h4', ['h1', 'h2', 'h3']), 60_000))
      cluster.kill('h3')
      cluster.run(2_000)
      cluster.start('h3')
      t.ok(cluster.until(() => ['h1', 'h2'].every(by => cluster.stateOf(by, 'h3') === 'up' && said(by) > said('h4')), 30_000))
      cluster.kill('h3')
      t.ok(cluster.until(() => ['h1', 'h2'].every(by => areDown(by, ['h3'])), 60_000))
      cluster.network.heal()
      t.ok(
        cluster.until(() => said('h4') === said('h1') && said('h1') === said('h2') && areDown('h4', ['h3']), 60_000),
        `seed ${seed}: ${['h1', 'h2', 'h4'].map(said).join(' ')}`
      )
      cluster.start('h3')
      t.ok(
        cluster.until(() => cluster.isConverged(), 60_000),
        'it may come back all the same'
      )
      t.same(cluster.crashes, [])
    }
  }
)
