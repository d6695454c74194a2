// test: alone, seconds 90
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { atLeast, atMost, judged } from '../../bench/targets/judgement.ts'
import { PacedLoad } from '../../bench/targets/paced-load.ts'
import { diskBytes, memoryMb } from '../../bench/targets/processes.ts'
import { TargetCluster } from '../../bench/targets/target-cluster.ts'
import { tableBegin, tableEnd, targetTable, withTable } from '../../bench/targets/target-table.ts'
import { until } from '../../bench/targets/waiting.ts'
import { hasProc, processesWith } from '../cluster/carillon-process.ts'

t.test('targets: a figure at its bound is met, one beyond it missed, none at all not measured', async t => {
  t.match(judged('x', 2, atMost(2, '×')), { wanted: '≤ 2 ×', measured: '2 ×', outcome: 'met' })
  t.match(judged('x', 2.01, atMost(2, '×')), { outcome: 'missed' })
  t.match(judged('x', 50, atLeast(50, 'MB/s')), { wanted: '≥ 50 MB/s', outcome: 'met' })
  t.match(judged('x', 49, atLeast(50, 'MB/s')), { outcome: 'missed' })
  for (const none of [undefined, Number.NaN])
    t.match(judged('x', none, atMost(2, '×')), { measured: '–', outcome: 'not measured' })
})

t.test('targets: the table stands between its comments, and replaces the one before', async t => {
  const table = (measured: number): string => targetTable([judged('a | b', measured, atMost(2, 's'), { at_rest_ms: 1.2345 })])
  const document = `before\n${tableBegin}\n${tableEnd}\nafter\n`
  const once = withTable(document, table(1))
  t.match(once, /^before\n[^]*\n\| a \\\| b \| ≤ 2 s \| 1 s \| met \| at rest \(ms\) 1\.23 \|\n[^]*\nafter\n$/)
  t.equal(withTable(once, table(1)), once)
  t.match(withTable(once, table(3)), /missed/)
  t.throws(() => withTable('no comments', table(1)), /does not have/)
  t.throws(() => withTable(document + document, table(1)), /once each/)
})

t.test('targets: a paced load keeps its rate, and counts what fails by its code', async t => {
  let begun = 0
  const load = new PacedLoad(async () => {
    if (++begun % 4 === 0) throw Object.assign(new Error('no'), { code: 'timeout' })
  }, 2_000)
  await until('200 were begun', () => begun >= 200, 10_000)
  const figures = await load.end()
  t.equal(figures.operations + figures.failed, begun)
  t.equal(figures.failures, `timeout ${Math.floor(begun / 4)}`)
})

t.test('targets: the rig starts a host, sees what it takes, starts it again, and leaves nothing behind', async t => {
  const data = mkdtempSync(join(tmpdir(), 'carillon-targets-test-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const cluster = await TargetCluster.start(data, 1)
  t.teardown(() => cluster.stop())
  const [host] = cluster.hosts
  t.ok(host!.readyMs > 0)
  const store = await connect({ servers: cluster.servers })
  for (let at = 0; at < 20; at++) await store.bucket<string>('b').put(`k${at}`, 'value')
  await store.close()
  t.equal(await cluster.metric('store_writes_total'), 20)
  await cluster.settle()
  t.equal(await cluster.metric('memory_table_bytes'), 0)
  t.ok(diskBytes(host!.place.data) > 0)
  if (existsSync('/proc/self/smaps_rollup')) t.ok(memoryMb(host!.pids, 'Pss')! > memoryMb(host!.pids, 'Pss_Anon')!)
  await host!.stop()
  host!.start()
  await cluster.ready()
  const again = await connect({ servers: cluster.servers })
  t.equal((await again.bucket<string>('b').get('k7'))?.value, 'value')
  await again.close()
  await cluster.stop()
  if (hasProc) t.same(processesWith(data), [])
})
