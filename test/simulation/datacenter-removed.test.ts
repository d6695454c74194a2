import t from 'tap'
import type { PlanOrder } from '../../actors/gossip/gossip-protocol.ts'
import { membersIn } from '../../model/datacenter.ts'
import type { Key } from '../../model/key.ts'
import { owedEnd, owedStart } from '../../model/owed.ts'
import { type DatacentersRig, datacenters, keysNamed, owedOnDisk } from './datacenters-cluster.ts'
import { crashesOf } from './exchange-cluster.ts'
import { Operator } from './operator.ts'

const floors = { roundMs: 1_000, pauseMsMax: 5_000 }

/** Notes of what hosts of a datacenter owe, on their disks. */
function notesIn({ cluster, namesOf }: DatacentersRig, dc: string): number {
  const disks = namesOf(dc).map(name => cluster.machine(name).disk)
  const keys = disks.flatMap(disk => disk.partitions().flatMap(partition => [...(disk.pairs(partition)?.keys() ?? [])]))
  return keys.filter(key => key > owedStart && key < owedEnd).length
}

class Site {
  readonly rig: DatacentersRig
  readonly #operator: Operator

  constructor(seed: number) {
    this.rig = datacenters({ seed, floors })
    this.#operator = new Operator(this.rig.cluster)
  }

  /** @returns '' where it was done, else why it was refused */
  remove(host: string, dc: string): string {
    return this.#operator.say(host, replyTo => ({ kind: 'remove-datacenter', dc, replyTo }))
  }

  order(host: string, order: PlanOrder): string {
    return this.#operator.say(host, replyTo => ({ kind: 'plan', order, replyTo }))
  }

  /** As a host has it on its disk. */
  states(host: string, dc: string): string[] {
    return membersIn(this.rig.cluster.machine(host).saved!.members, dc).map(({ state }) => state)
  }

  /** What a host holds itself to be. */
  own(name: string): string | undefined {
    const { saved, uid } = this.rig.cluster.machine(name)
    return saved?.members.find(member => member.uid === uid)?.state
  }

  held(key: Key, dc: string): boolean {
    return this.rig.namesOf(dc).some(name => this.rig.heldBy(name).has(key))
  }
}

t.test(
  'D6, I12, I13: a datacenter that is cut off is removed → nothing is owed to it, tombstones go, each_quorum holds, and it is refused when it comes back',
  async t => {
    const site = new Site(41)
    const { rig } = site
    const [kept, deleted, later, theirs] = [
      keysNamed(10, 'kept'),
      keysNamed(10, 'deleted'),
      keysNamed(10, 'later'),
      keysNamed(5, 'theirs')
    ]
    for (const key of [...kept, ...deleted]) rig.client.put('h1', key, 'old')
    t.ok(rig.until(() => owedOnDisk(rig).length === 0, 30_000))
    t.match(site.remove('h1', 'dc1'), /h1 is in datacenter dc1 itself/)
    t.match(site.remove('h1', 'dc9'), /there is no datacenter "dc9" to remove: others are dc2/)
    t.match(site.remove('h1', 'dc2'), /of datacenter dc2 is up: it is removed only when all its hosts are down/)
    rig.cut()
    rig.run(20_000)
    for (const key of deleted) t.equal(rig.client.delete('h1', key)?.kind, 'written')
    for (const key of later) t.equal(rig.client.put('h2', key, 'new')?.kind, 'written')
    for (const key of theirs) t.equal(rig.client.put('h4', key, 'theirs')?.kind, 'written')
    t.not(rig.client.put('h1', later[0]!, 'new', undefined, { level: 'each_quorum' })?.kind, 'written')
    rig.run(30_000)
    t.ok(
      deleted.every(key => site.held(key, 'dc1')),
      'while it is a member nothing is purged'
    )
    t.equal(site.order('h2', { what: 'stage', change: { kind: 'weight', host: 'h3', weight: 2 } }), '')
    t.match(site.remove('h1', 'dc2'), /there is a plan in datacenter dc1, which h2 keeps/)
    t.equal(site.order('h2', { what: 'abort' }), '')
    t.equal(site.remove('h1', 'dc2'), '')
    t.match(site.remove('h1', 'dc2'), /there is no datacenter "dc2" to remove: there is no other/)
    const owed = () => notesIn(rig, 'dc1')
    t.ok(owed() > 0)
    t.ok(
      rig.until(() => owed() === 0, 120_000),
      'what it was owed is dropped'
    )
    t.ok(
      rig.until(() => deleted.every(key => !site.held(key, 'dc1')), 180_000),
      'tombstones go without it'
    )
    t.equal(rig.client.put('h1', later[0]!, 'new', undefined, { level: 'each_quorum' })?.kind, 'written')
    rig.mend()
    t.ok(
      rig.until(() => rig.namesOf('dc2').every(name => site.own(name) === 'removed'), 60_000),
      'its hosts hear of it'
    )
    rig.run(60_000)
    for (const key of [...deleted, ...theirs]) t.same(rig.client.values('h3', key), [], 'nothing comes back with it')
    for (const key of kept) t.same(rig.client.values('h2', key, { level: 'all' }), ['old'])
    t.not(rig.client.put('h4', theirs[0]!, 'more')?.kind, 'written', 'it serves nobody any more')
    t.same(crashesOf(rig.cluster), [])
  }
)

t.test('a datacenter is removed, and comes anew with empty disks → it is founded with what the others have', async t => {
  const site = new Site(42)
  const { rig } = site
  const keys = keysNamed(20)
  for (const key of keys) rig.client.put('h1', key, key)
  for (const name of rig.namesOf('dc2')) rig.cluster.kill(name, true)
  rig.run(20_000)
  for (const key of keys.slice(10)) rig.client.delete('h2', key)
  t.equal(site.remove('h3', 'dc2'), '')
  rig.run(60_000)
  for (const name of rig.namesOf('dc2')) rig.cluster.wipe(name)
  for (const name of rig.namesOf('dc2')) rig.cluster.start(name)
  const areIn = () => site.states('h1', 'dc2').filter(state => state === 'up').length === 3
  t.ok(rig.until(areIn, 90_000))
  for (const key of keys.slice(0, 10)) t.same(rig.client.values('h4', key, { level: 'each_quorum' }), [key])
  for (const key of keys.slice(10)) t.same(rig.client.values('h4', key, { level: 'each_quorum' }), [])
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'each of two datacenters removes the other while the link is cut → each goes on alone, and they are silent to each other',
  async t => {
    const site = new Site(43)
    const { rig } = site
    rig.cut()
    rig.run(20_000)
    t.equal(site.remove('h1', 'dc2'), '')
    t.equal(site.remove('h4', 'dc1'), '')
    rig.mend()
    rig.run(5_000)
    let between = 0
    const here = new Set(rig.namesOf('dc1'))
    rig.cluster.simulation.watch(({ to, message, isArrival }) => {
      const { gist } = message as { readonly gist?: { readonly from: string } }
      if (isArrival && gist !== undefined && here.has(gist.from) !== here.has(to.address.split('.')[0] ?? '')) between++
    })
    rig.run(20_000)
    t.ok(between < 500, `${between} messages between them in 20 s`)
    for (const host of ['h1', 'h4']) {
      const [key] = keysNamed(1, host)
      t.equal(rig.client.put(host, key!, 'x')?.kind, 'written')
      t.same(rig.client.values(host, key!, { level: 'all' }), ['x'])
    }
    t.same(crashesOf(rig.cluster), [])
  }
)
