import t from 'tap'
import { AskingClient } from './asking-client.ts'
import { crashesOf, keyAt, place, recordOf, stoppedCluster } from './exchange-cluster.ts'

const partitions = 16
const keys = Array.from({ length: 60 }, (_, index) => keyAt(index))

t.test(
  'I5, I18: a host joins while the one whose place it takes is away, with the only copy left → it waits, and fetches it',
  async t => {
    // No exchange: what arrives, the join has brought.
    const cluster = stoppedCluster({ seed: 41, hosts: 3, partitions, workBehaviours: {} })
    for (const [index, key] of keys.entries()) place(cluster.machine('h2'), key, recordOf(7, index + 1), partitions)
    cluster.start('h1')
    cluster.start('h3')
    const newcomer = cluster.add()
    cluster.start(newcomer.name)
    const { clock, simulation } = cluster
    const standing = (): string | undefined => newcomer.saved?.members.find(({ uid }) => uid === newcomer.uid)?.standing
    t.ok(simulation.runUntil(() => standing() === 'joining', 30_000, 100))
    clock.run(clock.now() + 60_000)
    t.equal(standing(), 'joining', 'it has not taken its place')
    cluster.start('h2')
    t.ok(
      simulation.runUntil(() => standing() === 'up', 60_000, 100),
      'it takes its place once the other is back'
    )
    clock.run(clock.now() + 5_000)
    const client = new AskingClient(cluster, partitions)
    const lost = keys.filter(key => client.values('h4', key, { level: 'all' })?.length !== 1)
    t.same(lost, [])
    t.same(crashesOf(cluster), [])
  }
)
