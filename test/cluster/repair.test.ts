// test: seconds 180
import { spawn } from 'node:child_process'
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import type { WorkShown } from '../../api/admin-work.ts'
import { keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { openTableForWriting, tablePrefix } from '../../storage/table.ts'
import { carillonPath } from './carillon-process.ts'
import { ask, freeBasePort, startCluster, temporaryDirectory } from './cluster-rig.ts'

interface Explanation {
  readonly agree: boolean
  readonly preference: readonly { readonly host: string; readonly found: boolean; readonly reached: boolean }[]
}

const keys = 1_500

function repair(servers: readonly string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [
    carillonPath,
    'repair',
    '--wait',
    '--json',
    '--within',
    '60',
    '--servers',
    servers.join(',')
  ])
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => (out += String(chunk)))
  child.stderr.on('data', chunk => (err += String(chunk)))
  return new Promise(resolve => child.once('close', status => resolve({ status, out, err })))
}

t.test(
  'I15: 3 hosts, a third of 1,500 keys has vanished from one disk: carillon repair brings them back, a second one finds nothing',
  async t => {
    const data = temporaryDirectory(t)
    const basePort = await freeBasePort()
    const before = await startCluster(t, { data, basePort })
    const store = await connect({ servers: before.servers })
    const bucket = store.bucket<number>('b')
    for (let from = 0; from < keys; from += 100)
      await Promise.all(Array.from({ length: 100 }, (_, at) => bucket.put(`k${from + at}`, at, { w: 3, timeoutMs: 20_000 })))
    const partitions = (await ask<{ partitions: number }>(before.hosts[0]!.httpPort, '/api/v1/ring')).partitions
    await store.close()
    await before.stop()

    const table = openTableForWriting(before.hosts[2]!.data)
    for (let index = 0; index < keys; index += 3) {
      const key = keyOfText('b', `k${index}`)
      await table.remove(`${tablePrefix(partitionOf(positionOf(key), partitions))}${key}`)
    }
    await table.close()

    const cluster = await startCluster(t, { data, basePort })
    const [first] = cluster.hosts
    const work = await ask<WorkShown>(first!.httpPort, '/api/v1/repair')
    t.ok(work.hosts.every(({ items }) => items.every(({ kind }) => kind !== 'scrub')))
    const { status, out, err } = await repair(cluster.servers)
    t.equal(status, 0, err)
    t.comment(out)
    const isOnAll = async (index: number): Promise<boolean> => {
      const { agree, preference } = await ask<Explanation>(first!.httpPort, `/api/v1/explain/b/k${index}`)
      return agree && preference.length === 3 && preference.every(({ found }) => found)
    }
    for (let index = 0; index < keys; index += 30) if (!(await isOnAll(index))) t.fail(`k${index} is not on all three`)
    const mended = await Promise.all(
      cluster.hosts.map(async ({ httpPort }) => {
        const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text()
        const lines = text.split('\n').filter(line => line.startsWith('carillon_exchange_keys_repaired_total'))
        return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
      })
    )
    const sum = mended.reduce((total, count) => total + count, 0)
    t.ok(sum >= keys / 3 && sum <= keys, `${sum} records were mended for ${keys / 3}`)

    const again = await repair(cluster.servers)
    t.equal(again.status, 0, again.err)
    t.match(JSON.parse(again.out), { repaired: 0, failed: 0, away: [] })
    const begun = await fetch(`http://127.0.0.1:${first!.httpPort}/api/v1/repair`, { method: 'POST' })
    t.equal(begun.status, 202)
    t.equal(((await begun.json()) as WorkShown).hosts.length, 3)
  }
)
