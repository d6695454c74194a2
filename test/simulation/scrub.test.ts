import t from 'tap'
import { scrubAgent } from '../../actors/scrub/scrub-agent.ts'
import { keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import type { WorkKeeperArguments } from '../../actors/work/work-keeper.ts'
import { servingCluster } from './asking-client.ts'
import { areEqual, sumOf } from './exchange-cluster.ts'

const partitions = 8
const behaviours: WorkKeeperArguments['behaviours'] = { scrub: scrubAgent }

t.test('I4: records are damaged that nobody reads → a scrub finds them all, each is repaired and counted once', async t => {
  const { cluster, client } = servingCluster({ seed: 31, hosts: 3, partitions, workBehaviours: behaviours })
  const keys = Array.from({ length: 300 }, (_, index) => keyOfText('b', `k${index}`))
  for (const key of keys) client.put('h1', key, 'x'.repeat(200), undefined, { level: 'all' })
  const damaged = keys.filter((_, index) => index % 7 === 0)
  for (const key of damaged) cluster.machine('h2').disk.corrupt(partitionOf(positionOf(key), partitions), key)
  t.equal(sumOf(cluster, 'corrupt_records_total'), 0)
  const told = client.work('h2', replyTo => ({ kind: 'run', kinds: ['scrub'], replyTo }))
  t.equal(told?.kind, 'work')
  const isDone = () => sumOf(cluster, 'repaired_records_total') === damaged.length
  t.ok(cluster.simulation.runUntil(isDone, 120_000, 100), `${sumOf(cluster, 'repaired_records_total')} of ${damaged.length}`)
  t.equal(sumOf(cluster, 'corrupt_records_total'), damaged.length)
  t.ok(sumOf(cluster, 'scrub_bytes_total') >= (keys.length - damaged.length) * 200)
  t.ok(areEqual(cluster.machines))
  const after = client.work('h2', replyTo => ({ kind: 'describe-work', replyTo }))
  const scrubs = after?.kind === 'work' ? after.items.filter(item => item.kind === 'scrub') : []
  t.equal(scrubs.length, cluster.threads)
  t.same(cluster.crashes, [])
})
