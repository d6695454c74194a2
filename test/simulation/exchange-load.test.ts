import t from 'tap'
import type { CoordinatorMessage, StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { partitionOf, positionOf, systemKeysEnd } from '../../model/key.ts'
import type { Behaviour } from '../../runtime/actor.ts'
import { areEqual, contentsOf, crashesOf, keyAt, place, recordOf, startAll, stoppedCluster, sumOf } from './exchange-cluster.ts'

interface WriterArguments {
  readonly hosts: readonly string[]
  readonly untilMs: number
  readonly counts: { sent: number; written: number }
}

const keys = 1_000

/** Writes a value under one key after the other, one every four milliseconds, whatever becomes of it. */
const writer: Behaviour<WriterArguments, StoreReply | { readonly kind: 'next' }, WriterArguments> = {
  kind: 'writer',
  start(args, context) {
    context.after(0, { kind: 'next' })
    return args
  },
  receive({ hosts, untilMs, counts }, message, context) {
    if (message.kind === 'written') counts.written++
    if (message.kind !== 'next' || context.now() > untilMs) return
    const index = counts.sent++
    const to: Ref<CoordinatorMessage> = {
      address: addressOf(threadAddressOf(hosts[index % hosts.length]!, `data-${index % 2}`), 'coordinator'),
      correlation: 0,
      incarnation: 0
    }
    context.send(
      to,
      {
        kind: 'put',
        key: keyAt(Math.floor(context.random() * keys)),
        value: Buffer.from('v'),
        contentType: '',
        context: undefined,
        mode: 'put',
        ifMatch: '',
        ttlSeconds: 0,
        options: {},
        hops: 0,
        replyTo: context.replyRef<StoreReply>(index + 1)
      },
      2_000
    )
    context.after(4, { kind: 'next' })
  }
}

t.test(
  '3 hosts that are written to all the time: what is on its way is not taken for lost, what is lost is mended all the same',
  async t => {
    const partitions = 16
    const defaults = { resolver: 'last-write-wins' as const }
    const weather = { delayMinMs: 0.5, delayMaxMs: 5 }
    const cluster = stoppedCluster({ seed: 11, hosts: 3, partitions, weather, defaults })
    const { machines } = cluster
    for (let index = 0; index < keys; index++)
      for (const machine of machines) place(machine, keyAt(index), recordOf(1, index + 1), partitions)
    startAll(cluster)
    cluster.clock.run(cluster.clock.now() + 4_000)
    const counts = { sent: 0, written: 0 }
    const args: WriterArguments = { hosts: machines.map(({ name }) => name), untilMs: cluster.clock.now() + 75_000, counts }
    cluster.client('writer', undefined).start({
      type: 'supervisor',
      name: 'root',
      strategy: 'one-for-one',
      intensity: 0,
      periodMs: 1_000,
      children: [{ type: 'actor', name: 'writer', behaviour: writer, args, mailboxMax: 65_536 }]
    })
    let listed = 0
    cluster.simulation.watch(({ message, isArrival }) => {
      if (!isArrival && message.kind === 'list-nodes') listed++
    })
    cluster.clock.run(cluster.clock.now() + 30_000)
    const rounds = sumOf(cluster, 'exchange_rounds_total')
    t.ok(rounds >= 3, `${rounds} rounds, ${counts.written} of ${counts.sent} written`)
    t.equal(sumOf(cluster, 'exchange_keys_repaired_total'), 0, `${listed} lists were asked for`)

    // Nobody writes these keys any more, and one host never got them.
    const lost = Array.from({ length: 40 }, (_, index) => keyAt(keys + index))
    for (const { name } of machines) cluster.kill(name, false)
    for (const machine of machines.slice(0, 2)) for (const key of lost) place(machine, key, recordOf(1, 7), partitions)
    startAll(cluster)
    const [, , third] = machines
    const holdsAll = () => lost.every(key => third!.disk.pairs(partitionOf(positionOf(key), partitions))?.has(key) === true)
    t.ok(cluster.simulation.runUntil(holdsAll, 60_000, 1_000), `mended at ${cluster.clock.now()} ms, in the middle of writes`)
    t.ok(cluster.clock.now() < args.untilMs)
    cluster.clock.run(args.untilMs)
    t.ok(
      cluster.simulation.runUntil(() => areEqual(machines), 120_000, 1_000),
      'and in the end all are equal'
    )
    t.ok([...contentsOf(third!).keys()].every(key => key > systemKeysEnd))
    t.same(crashesOf(cluster), [])
  }
)
