import t from 'tap'
import { checkHints, hintsOnDisk } from '../../simulation/hint-check.ts'
import { crashesOf } from './exchange-cluster.ts'
import { keys, PlansRig } from './plans-cluster.ts'

t.test(
  'a host hangs and keeps hints, another takes its place → alive again it ends at once, and what it alone kept is given up',
  async t => {
    const rig = new PlansRig(4, 6)
    const { cluster, client } = rig
    cluster.kill('h6', false)
    rig.run(15_000)
    for (const key of keys) client.put('h1', key, `${key} again`)
    const hints = (name: string): number => (name === 'h6' || name === 'h1' ? 0 : hintsOnDisk(cluster, name))
    const keeper = cluster.machines.find(({ name }) => hints(name) > 0)!
    cluster.host(keeper.name).pause()
    cluster.start('h6')
    rig.run(15_000)
    const name = rig.newcomer()
    t.equal(rig.stage('h1', { kind: 'replace', host: name, replaced: keeper.name }), '')
    t.equal(rig.order('h1', { what: 'commit' }), '')
    t.ok(rig.until(() => rig.standing(name) === 'up'))
    cluster.host(keeper.name).resume()
    t.ok(rig.until(() => keeper.hasLeft))
    t.equal(rig.standing(keeper.name), 'removed')
    t.ok(hints(keeper.name) > 0)
    t.same(checkHints(cluster, [], true), [])
    t.same(rig.short(), [], 'all owners have what was acknowledged')

    // Had it left by itself, it ought to have waited until its hints were delivered.
    const { members, ...rest } = keeper.saved!
    keeper.saved = { ...rest, members: members.map(row => (row.uid === keeper.uid ? { ...row, state: 'left' } : row)) }
    t.match(checkHints(cluster, [], true), [/has left the cluster with \d+ hints for others/])
    t.same(crashesOf(cluster), [])
  }
)
