import t from 'tap'
import { MembershipCluster } from '../../simulation/membership-cluster.ts'
import { crashesOf } from './exchange-cluster.ts'
import { PlansRig } from './plans-cluster.ts'

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

t.test(
  'I16: 5 hosts, one is cut off from all; meanwhile another one begins a change, and dies without another life → the one that was cut off hears of the change, too',
  async t => {
    const rig = new PlansRig(6, 5)
    const { cluster } = rig
    rig.run(5_000)
    const said = (by: string) => cluster.machine(by).saved?.members.find(({ name }) => name === 'h3')
    cluster.network.isolate('h4')
    rig.run(20_000)
    t.equal(rig.stage('h1', { kind: 'weight', host: 'h3', weight: 2 }), '')
    t.equal(rig.order('h1', { what: 'commit' }), '')
    t.ok(rig.until(() => said('h1')?.nextWeight === 2))
    cluster.kill('h3', false)
    rig.run(20_000)
    t.equal(said('h4')?.incarnation, said('h1')?.incarnation)
    cluster.network.heal()
    t.ok(
      rig.until(() => said('h4')?.nextWeight === 2),
      'else there are two memberships, and nobody joins or leaves any more'
    )
    rig.run(10_000)
    t.same(said('h4'), said('h1'))
    t.same(crashesOf(cluster), [])
  }
)
