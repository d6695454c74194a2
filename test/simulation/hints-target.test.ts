import t from 'tap'
import { keyOfText } from '../../model/key.ts'
import { crashesOf } from './exchange-cluster.ts'
import { HintsCluster } from './hints-cluster.ts'

const key = keyOfText('b', 'k')

t.test(
  'I14: the host that a hint is for comes back with an empty disk, as another → the present owners get the hint',
  async t => {
    const world = new HintsCluster(key, { seed: 21 })
    const { cluster, client, owners } = world
    world.away(owners[1]!)
    t.match(client.put(owners[0]!, key, 'v', undefined, { replicas: 3 }), { kind: 'written', strength: 'sloppy' })
    t.equal(world.hintsOnDisks, 1)
    cluster.wipe(owners[1]!)
    world.back(owners[1]!)
    t.ok(world.drained(180_000), 'the hint for the uid that is gone is delivered')
    t.match(client.get(owners[0]!, key, { level: 'all' }), { kind: 'got', answered: 3 })
    t.same(client.values(owners[0]!, key, { level: 'all' }), ['v'])
    t.ok(world.isBalanced)
    t.same(crashesOf(cluster), [])
  }
)

t.test(
  'I5, I14: a stand-in minted it while all owners were away, and one of these comes back wiped → all owners have it in the end',
  async t => {
    const world = new HintsCluster(key, { seed: 22 })
    const { cluster, client, owners, others } = world
    world.away(...owners)
    t.match(client.put(others[0]!, key, 'v'), { kind: 'written', strength: 'sloppy' })
    t.equal(world.hintsOnDisks, 2)
    cluster.wipe(owners[0]!)
    world.back(...owners)
    t.ok(world.drained(180_000))
    t.same(client.values(others[0]!, key, { level: 'all' }), ['v'])
    t.ok(world.isBalanced)
    t.same(crashesOf(cluster), [])
  }
)
