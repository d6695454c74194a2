import t from 'tap'
import { handoffAgent } from '../../actors/handoff/handoff-agent.ts'
import type { ChangeOrder, ChangeReply, GossipMessage } from '../../actors/gossip/gossip-protocol.ts'
import { preferenceOf } from '../../actors/ring/ring-index.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { isGone } from '../../model/membership.ts'
import { ringOf } from '../../model/ring.ts'
import { hintsOnDisk } from '../../simulation/hint-check.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { type AskingClient, servingCluster } from './asking-client.ts'
import { crashesOf } from './exchange-cluster.ts'

const partitions = 16
const keys = Array.from({ length: 40 }, (_, index) => keyOfText('b', `key-${index}`))

/** Hosts that serve and hold some keys, without exchanges: what is where it should be, the change of the ring has brought there. */
class Rig {
  readonly cluster: SimulatedCluster
  readonly client: AskingClient
  readonly #replies: ChangeReply[] = []

  constructor(seed: number, hosts: number) {
    const { cluster, client } = servingCluster({ seed, hosts, partitions, workBehaviours: { handoff: handoffAgent } })
    this.cluster = cluster
    this.client = client
    cluster.simulation.host('operator').thread('main')
    cluster.simulation.watch(({ to, message, isArrival }) => {
      if (isArrival && to.address === operator.address) this.#replies.push(message as ChangeReply)
    })
    for (const key of keys) client.put('h1', key, key, undefined, { level: 'all' })
  }

  /** @returns how it stands, or why it was refused */
  order(host: string, message: { kind: 'leave' } | { kind: 'remove'; name: string }, order: ChangeOrder = 'begin'): string {
    const to = { address: addressOf(threadAddressOf(host, 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
    const { system } = this.cluster.simulation.host('operator').threads.get('main')!
    const before = this.#replies.length
    system.signal<GossipMessage>(to, { ...message, order, replyTo: operator })
    this.cluster.simulation.runUntil(() => this.#replies.length > before, 2_000, 1)
    const reply = this.#replies[before]
    return reply === undefined ? 'no answer' : reply.kind === 'refused' ? reply.fault.detail : reply.stands
  }

  standing(name: string): string | undefined {
    const { saved, uid } = this.cluster.machine(name)
    const row = saved?.members.find(member => member.uid === uid)
    return row === undefined || isGone(row.state) ? row?.state : row.standing
  }

  run(ms: number): void {
    this.cluster.clock.run(this.cluster.clock.now() + ms)
  }

  until(holds: () => boolean, withinMs = 60_000): boolean {
    return this.cluster.simulation.runUntil(holds, withinMs, 50)
  }

  /** Keys that some owner of now does not hold, straight from the disks. */
  get short(): string[] {
    const [first] = this.cluster.present.filter(({ isRunning }) => isRunning)
    const ring = ringOf(first!.saved!.members, { partitions, replicas: 3 })
    const lists = ring.owners.map(own => own.map(name => this.cluster.machines.findIndex(machine => machine.name === name)))
    const isMissing = (key: Key): boolean => {
      const partition = partitionOf(positionOf(key), partitions)
      return preferenceOf(lists, partition, 3).some(
        index => this.cluster.machines[index]!.disk.pairs(partition)?.has(key) !== true
      )
    }
    return keys.filter(isMissing)
  }
}

const operator = {
  address: addressOf(threadAddressOf('operator', 'main'), 'nobody'),
  correlation: 0,
  incarnation: 0
} as never as {
  readonly address: ReturnType<typeof addressOf>
} & Extract<GossipMessage, { kind: 'leave' }>['replyTo']

t.test('D4, I5, I18: 5 hosts, one leaves → it ends, the others have its data, and have forgotten it', async t => {
  const rig = new Rig(1, 5)
  t.equal(rig.order('h2', { kind: 'leave' }), 'leaving')
  t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft))
  t.same(rig.short, [])
  for (const name of ['h1', 'h3', 'h4', 'h5'])
    t.equal(rig.cluster.machine(name).saved?.members.find(member => member.name === 'h2')?.state, 'left')
  t.equal(rig.order('h1', { kind: 'leave' }, 'tell'), 'up')
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'a host that leaves is killed half-way → it goes on when it is started again; without its sources nobody moves the ring',
  async t => {
    const rig = new Rig(2, 5)
    rig.cluster.kill('h3', false)
    rig.run(10_000)
    t.equal(rig.order('h2', { kind: 'leave' }), 'leaving')
    rig.run(20_000)
    t.equal(rig.standing('h2'), 'leaving', 'h3 might gain by it, and is waited for')
    rig.cluster.kill('h2', true)
    rig.cluster.start('h3')
    rig.run(20_000)
    t.equal(rig.standing('h2'), 'leaving')
    t.notOk(rig.cluster.machine('h2').hasLeft)
    rig.cluster.start('h2')
    t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft))
    t.same(rig.short, [])
    t.same(crashesOf(rig.cluster), [])
  }
)

t.test('a host that leaves is told to stay → it is up for all, and owns what it owned; asked once more, it leaves', async t => {
  const rig = new Rig(3, 4)
  rig.cluster.kill('h4', false)
  rig.run(10_000)
  t.equal(rig.order('h2', { kind: 'leave' }), 'leaving')
  rig.run(5_000)
  t.equal(rig.order('h2', { kind: 'leave' }, 'give-up'), 'up')
  rig.cluster.start('h4')
  rig.run(30_000)
  t.equal(rig.standing('h2'), 'up')
  const epochs = new Set(rig.cluster.machines.map(({ saved }) => ringOf(saved!.members, { partitions, replicas: 3 }).epoch))
  t.equal(epochs.size, 1)
  t.equal(rig.order('h2', { kind: 'leave' }), 'leaving')
  t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft))
  t.same(rig.short, [])
})

t.test('I19: leaving and removing are refused with the reason; of two that leave four at once one stays', async t => {
  const rig = new Rig(4, 4)
  t.match(rig.order('h1', { kind: 'remove', name: 'h2' }), /h2 is up: only a host that is down is removed/)
  t.match(rig.order('h1', { kind: 'remove', name: 'h9' }), /there is no host "h9": there are h1, h2, h3, h4/)
  // Neither has heard of the other.
  t.equal(rig.order('h2', { kind: 'leave' }), 'leaving')
  const second = rig.order('h3', { kind: 'leave' })
  t.ok(second === 'leaving' || /too few|would stay/.test(second), second)
  t.ok(rig.until(() => ['h2', 'h3'].some(name => rig.cluster.machine(name).hasLeft)))
  rig.run(30_000)
  t.equal(['h2', 'h3'].filter(name => rig.cluster.machine(name).hasLeft).length, 1)
  const stays = rig.cluster.present.map(({ name }) => name)
  for (const name of stays) t.equal(rig.standing(name), 'up')
  t.match(rig.order('h1', { kind: 'leave' }), /without h1 2 hosts would stay, and buckets ask for 3 replicas/)
  t.same(rig.short, [])
})

t.test('I5, I19: a dead host is removed → the others have what it held, from the replicas that are left', async t => {
  const rig = new Rig(5, 5)
  rig.cluster.kill('h4', true)
  rig.run(15_000)
  t.equal(rig.order('h2', { kind: 'remove', name: 'h4' }), 'removing')
  t.equal(rig.order('h1', { kind: 'remove', name: 'h4' }), 'removing', 'asked elsewhere, the same one sees it through')
  t.ok(rig.until(() => rig.order('h2', { kind: 'remove', name: 'h4' }, 'tell') === 'removed'))
  rig.run(2_000)
  t.same(rig.short, [])
  t.ok(rig.cluster.isGone('h4'))
  rig.run(5_000)
  for (const { saved } of rig.cluster.present)
    t.ok(
      saved?.members.every(member => member.removing === undefined),
      'that it was seen through is forgotten'
    )
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'two of six are dead → declared dead together, neither keeps the other waiting; one that comes back in time stays',
  async t => {
    const rig = new Rig(6, 6)
    rig.cluster.kill('h5', false)
    rig.run(15_000)
    rig.cluster.kill('h6', false)
    rig.run(15_000)
    t.equal(rig.order('h1', { kind: 'remove', name: 'h5' }), 'removing')
    rig.run(20_000)
    t.equal(rig.order('h1', { kind: 'remove', name: 'h5' }, 'tell'), 'removing', 'h6 might gain by it, and is waited for')
    t.match(rig.order('h1', { kind: 'remove', name: 'h6' }), /h1 is busy with another change/)
    rig.cluster.start('h5')
    t.ok(rig.until(() => rig.order('h1', { kind: 'remove', name: 'h5' }, 'tell') === 'up'))
    rig.cluster.kill('h5', false)
    rig.run(15_000)
    t.equal(rig.order('h1', { kind: 'remove', name: 'h5' }), 'removing')
    t.equal(rig.order('h2', { kind: 'remove', name: 'h6' }), 'removing')
    t.ok(rig.until(() => rig.cluster.isGone('h5') && rig.cluster.isGone('h6')))
    rig.run(2_000)
    for (const key of keys) t.equal(rig.client.values('h1', key, { level: 'quorum' })?.length, 1)
  }
)

t.test(
  'I13, I14: a host that keeps hints for one that is away leaves → it waits for that one, and ends when it has delivered them',
  async t => {
    const rig = new Rig(7, 6)
    rig.cluster.kill('h6', false)
    rig.run(10_000)
    for (const key of keys) rig.client.put('h1', key, 'later')
    const keeper = ['h2', 'h3', 'h4', 'h5'].find(name => hintsOnDisk(rig.cluster, name) > 0)!
    t.equal(rig.order(keeper, { kind: 'leave' }), 'leaving')
    rig.run(30_000)
    t.notOk(rig.cluster.machine(keeper).hasLeft)
    t.ok(hintsOnDisk(rig.cluster, keeper) > 0)
    rig.cluster.start('h6')
    t.ok(rig.until(() => rig.cluster.machine(keeper).hasLeft))
    t.equal(hintsOnDisk(rig.cluster, keeper), 0)
    rig.run(10_000)
    for (const key of keys) t.ok(rig.client.values('h1', key)?.includes('later'))
  }
)

t.test('a host joins while another one leaves → one after the other, and both come to their end', async t => {
  const rig = new Rig(8, 4)
  t.equal(rig.order('h2', { kind: 'leave' }), 'leaving')
  const { name } = rig.cluster.add()
  rig.cluster.start(name)
  t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft && rig.standing(name) === 'up', 120_000))
  rig.run(2_000)
  t.same(rig.short, [])
  t.same(crashesOf(rig.cluster), [])
})
