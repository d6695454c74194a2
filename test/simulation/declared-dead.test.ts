import t from 'tap'
import type { GossipMessage } from '../../actors/gossip/gossip-protocol.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import { checkHints, hintsOnDisk } from '../../simulation/hint-check.ts'
import { crashesOf } from './exchange-cluster.ts'
import { operator } from './operator.ts'
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

t.test(
  'two hosts are told at once to remove a dead one, and told again → each goes on by itself, nothing is passed to and fro',
  async t => {
    const rig = new PlansRig(8, 5)
    const { cluster } = rig
    cluster.kill('h5', true)
    rig.run(15_000)
    // For a moment the two do not hear of each other.
    cluster.network.partition([['h2'], ['h1', 'h3', 'h4']])
    t.equal(rig.remove('h1', 'h5'), '')
    t.equal(rig.remove('h2', 'h5'), '')
    cluster.network.heal()
    // Who is cut off holds both up, so that there is time to ask again.
    cluster.network.partition([['h4'], ['h1', 'h2', 'h3']])
    rig.run(2_000)
    t.same(
      ['h1', 'h2', 'h3'].map(name => rig.row(name)?.removing),
      [cluster.machine('h5').uid, cluster.machine('h5').uid, undefined]
    )
    let passedOn = 0
    let told = 0
    cluster.simulation.watch(({ from, to, message, isArrival }) => {
      if (isArrival && message.kind === 'change-told' && to.address === operator.address) told++
      if (!isArrival && message.kind === 'remove' && from?.endsWith('.gossip-agent')) passedOn++
    })
    const { system } = cluster.simulation.host('operator').threads.get('main')!
    for (const name of ['h1', 'h2', 'h3']) {
      const to = { address: addressOf(threadAddressOf(name, 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
      system.signal<GossipMessage>(to, { kind: 'remove', name: 'h5', order: 'begin', replyTo: operator })
    }
    rig.run(1_000)
    t.equal(told, 3)
    t.equal(passedOn, 1, 'the third host asks one of the two how far it is')
    cluster.network.heal()
    t.ok(rig.until(() => cluster.isGone('h5')))
    t.ok(rig.until(() => ['h1', 'h2'].every(name => rig.row(name)?.removing === undefined)))
    t.same(crashesOf(cluster), [])
  }
)
