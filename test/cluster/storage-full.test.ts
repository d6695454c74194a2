// test: seconds 120
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startCluster, temporaryDirectory, until } from './cluster-rig.ts'

const diskBytes = 48 * 1024 * 1024
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'

interface Answer {
  readonly status: number
  readonly type: string
  readonly problem: { readonly code?: string; readonly detail?: string; readonly outcome?: string; readonly value?: unknown }
}

/** A data directory in which each host has a small disk of its own. */
function smallDisks(t: Test, hosts: readonly number[]): string {
  const data = temporaryDirectory(t)
  for (const host of hosts) {
    const mount = join(data, `host-${host}`)
    mkdirSync(mount)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', mount])
    t.teardown(() => void execFileSync('umount', ['-l', mount]))
  }
  return data
}

async function request(port: number, method: string, key: string, value?: string): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/store/${key}`, {
    method,
    signal: AbortSignal.timeout(10_000),
    ...(value === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ value }) })
  })
  const problem = (await response.json()) as Answer['problem']
  return { status: response.status, type: response.headers.get('content-type') ?? '', problem }
}

t.test(
  'I3: the disks of all 3 hosts fill under load → 507 storage_full with what to do, reads go on, writes resume, no process ends',
  isRoot ? {} : { skip: 'SKIPPED: mounting a small tmpfs takes root on Linux' },
  async t => {
    const data = smallDisks(t, [1, 2, 3])
    const cluster = await startCluster(t, { data, logLevel: 'silent' })
    const [first, second] = cluster.hosts
    const pids = cluster.hosts.map(({ name }) => cluster.processOf(name)!.pid)
    const value = 'x'.repeat(8_000)
    const acknowledged: string[] = []
    for (let index = 0; index < 50; index++) {
      if ((await request(first!.httpPort, 'PUT', `before-${index}`, value)).status === 201) acknowledged.push(`before-${index}`)
    }
    t.equal(acknowledged.length, 50)
    const ballast = cluster.hosts.map(host => join(host.data, 'ballast'))
    for (const path of ballast) fill(path)
    let refused: Answer | undefined
    let index = 0
    await until(
      'a write is refused for want of room',
      async () => {
        const batch = await Promise.all(
          Array.from({ length: 16 }, async () => {
            const key = `load-${index++}`
            const answer = await request(index % 2 === 0 ? first!.httpPort : second!.httpPort, 'PUT', key, value)
            if (answer.status === 201) acknowledged.push(key)
            return answer
          })
        )
        refused = batch.find(answer => answer.status === 507) ?? refused
        return refused !== undefined
      },
      60_000
    )
    t.equal(refused?.problem.code, 'storage_full')
    t.match(refused?.type, 'application/problem+json')
    t.match(refused?.problem.detail, /room|free|full/)
    t.ok(refused?.problem.outcome === 'refused' || refused?.problem.outcome === 'indeterminate')
    for (const key of acknowledged.slice(0, 20)) {
      const answer = await request(second!.httpPort, 'GET', key)
      t.equal(answer.status, 200)
      t.equal(answer.problem.value, value)
    }
    for (const path of ballast) rmSync(path)
    await until('writes resume', async () => (await request(first!.httpPort, 'PUT', 'after', value)).status === 201, 30_000)
    t.same(
      cluster.hosts.map(({ name }) => cluster.processOf(name)!.pid),
      pids,
      'no host was started anew'
    )
    let missing = 0
    for (const key of acknowledged) if ((await request(first!.httpPort, 'GET', key)).problem.value !== value) missing++
    t.equal(missing, 0, `of ${acknowledged.length} acknowledged writes`)
  }
)

/** Until nothing more goes in. */
function fill(path: string): void {
  for (let bytes = diskBytes; bytes >= 4096; bytes = Math.floor(bytes / 2)) {
    try {
      writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' })
    } catch {
      // It does not fit: what went in stays, half as much is tried.
    }
  }
}
