// test: alone, seconds 120
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import type { WorkShown } from '../../api/admin-work.ts'
import { ask, startCluster, until } from './cluster-rig.ts'

interface Explanation {
  readonly agree: boolean
  readonly preference: readonly { readonly host: string; readonly found: boolean; readonly reached: boolean }[]
}

const keys = 2_000
const command = fileURLToPath(new URL('../../deploy/carillon.js', import.meta.url))

function repair(servers: readonly string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [command, 'repair', '--wait', '--json', '--within', '60', '--servers', servers.join(',')])
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => (out += String(chunk)))
  child.stderr.on('data', chunk => (err += String(chunk)))
  return new Promise(resolve => child.once('close', status => resolve({ status, out, err })))
}

t.test('I15: 3 hosts, 2,000 keys: one is killed and its disk wiped; carillon repair makes it whole, and a second one finds nothing', async t => {
  const cluster = await startCluster(t)
  const [first, , third] = cluster.hosts
  const store = await connect({ servers: cluster.servers })
  t.teardown(() => store.close())
  const bucket = store.bucket<number>('b')
  for (let from = 0; from < keys; from += 200)
    await Promise.all(Array.from({ length: 200 }, (_, at) => bucket.put(`k${from + at}`, at, { w: 3, timeoutMs: 20_000 })))

  const victim = cluster.processOf(third!.name)!
  const { pid } = victim
  // Its next life begins half a second after this one's end.
  victim.once('exit', () => {
    for (const directory of ['table', 'log']) rmSync(join(third!.data, directory), { recursive: true, force: true })
  })
  victim.kill('SIGKILL')
  const isBack = async (): Promise<boolean> => {
    const path = '/api/v1/cluster'
    const { hosts } = await ask<{ hosts: { name: string; state: string; pid: number }[] }>(first!.httpPort, path)
    return hosts.some(host => host.name === third!.name && host.state === 'up' && host.pid !== pid)
  }
  await until('the host is back', () => isBack().catch(() => false), 40_000)

  const work = await ask<WorkShown>(first!.httpPort, '/api/v1/repair')
  t.ok(work.hosts.some(({ items }) => items.some(({ kind }) => kind === 'exchange')))
  t.ok(work.hosts.every(({ items }) => items.every(({ kind }) => kind !== 'scrub')))
  const { status, out, err } = await repair(cluster.servers)
  t.equal(status, 0, err)
  t.comment(out)
  const holds = async (index: number): Promise<boolean> => {
    const { agree, preference } = await ask<Explanation>(first!.httpPort, `/api/v1/explain/b/k${index}`)
    return agree && preference.length === 3 && preference.every(({ found }) => found)
  }
  const sample = Array.from({ length: 100 }, (_, at) => at * 20)
  const whole = await Promise.all(sample.map(holds))
  t.ok(whole.every(Boolean), `${whole.filter(Boolean).length} of ${whole.length} keys are on all three`)

  const again = await repair(cluster.servers)
  t.equal(again.status, 0, again.err)
  t.match(JSON.parse(again.out), { repaired: 0, failed: 0, away: [] })
  const begun = await fetch(`http://127.0.0.1:${first!.httpPort}/api/v1/repair`, { method: 'POST' })
  t.equal(begun.status, 202)
  t.equal(((await begun.json()) as WorkShown).hosts.length, 3)
})
