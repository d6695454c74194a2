import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BackupDirectory } from '../api/backup/backup-directory.ts'
import { BackupRun } from '../api/backup/backup-run.ts'
import { CutRequests } from '../api/backup/cut-requests.ts'
import { RestoreRun } from '../api/backup/restore-run.ts'
import { VerifyRun } from '../api/backup/verify-run.ts'
import { connect } from '../api/client/client.ts'
import { connectCluster } from '../api/cli/nats-cluster.ts'
import { freeBasePort } from '../deploy/bench-cluster.ts'
import { DevCluster } from '../deploy/dev.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { type Bench, ask } from './question.ts'

/*
 * `node build/bench/backup.js [--keys 100000] [--value-bytes 100] [--hosts 3] [--restore-hosts 3] [--changed 1000] [--json]`: real hosts
 * on this machine, one cluster after the other, without a limit of megabytes a second. The figures are times, so the machine has to be quiet.
 */
const never = new AbortController().signal
const unbounded = { inFlightMax: 4, bytesPerSecond: 1e12, bucket: undefined }
const putsAtOnce = 256
const timeoutMs = 20_000

await ask('How long do a backup, an incremental one, and a restore take?', async bench => {
  const keys = bench.option('keys', 100_000)
  const changed = Math.min(keys, bench.option('changed', 1_000))
  const value = 'x'.repeat(bench.option('value-bytes', 100))
  const data = mkdtempSync(join(tmpdir(), 'carillon-bench-backup-'))
  const directory = new BackupDirectory(join(data, 'backup'))
  try {
    await withHosts(join(data, 'source'), bench.option('hosts', 3), async servers => {
      await put(servers, keys, value)
      await timedCut(bench, 'backup', directory, servers, false)
      await timedCut(bench, 'incremental, nothing changed', directory, servers, true)
      await put(servers, changed, `${value}!`)
      await timedCut(bench, `incremental, ${changed} keys changed`, directory, servers, true)
    })
    const cut = await directory.manifest(undefined)
    const verify = new VerifyRun(directory, () => {})
    await timed(bench, 'verify of the last cut', keys, () => verify.verify([cut.id], never))
    if (verify.damages.length > 0) throw new Error(`the backup is damaged: ${verify.damages[0]?.what}`)
    await withHosts(join(data, 'target'), bench.option('restore-hosts', 3), async servers => {
      for (const what of ['restore into an empty cluster', 'the same restore again']) {
        const cluster = await clusterOf(servers)
        const options = { ...unbounded, isDry: false, asNew: false, staysOpen: false }
        const run = new RestoreRun(new CutRequests(cluster), directory, systemClock, options, () => {})
        await timed(bench, what, keys, () => run.run(cut, never))
        await cluster.close()
        if (run.figures.failed > 0) throw new Error(`${run.figures.failed} records were not restored`)
      }
    })
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})

async function withHosts(data: string, hosts: number, work: (servers: readonly string[]) => Promise<void>): Promise<void> {
  const basePort = await freeBasePort(hosts)
  const cluster = new DevCluster({ hosts, data, basePort, threads: 1, token: '', logLevel: 'error', say: () => {} })
  try {
    await cluster.start()
    await work(cluster.servers)
  } finally {
    await cluster.stop()
  }
}

function clusterOf(servers: readonly string[]) {
  return connectCluster({ servers, token: '', cluster: 'carillon', connectTimeoutMs: timeoutMs })
}

async function put(servers: readonly string[], keys: number, value: string): Promise<void> {
  const store = await connect({ servers: [...servers] })
  const bucket = store.bucket<string>('bench')
  for (let from = 0; from < keys; from += putsAtOnce) {
    const some = Array.from({ length: Math.min(putsAtOnce, keys - from) }, (_, at) => `user:${from + at}:profile`)
    await Promise.all(some.map(key => bucket.put(key, value, { timeoutMs })))
  }
  await store.close()
}

async function timedCut(
  bench: Bench,
  what: string,
  directory: BackupDirectory,
  servers: readonly string[],
  isIncremental: boolean
): Promise<void> {
  const cluster = await clusterOf(servers)
  const options = { ...unbounded, isIncremental, isResumed: false, isPartial: false, patienceMs: timeoutMs }
  const run = new BackupRun(new CutRequests(cluster), directory, systemClock, options, () => {})
  await timed(
    bench,
    what,
    0,
    () => run.run(never),
    () => run.figures.read
  )
  await cluster.close()
}

async function timed(
  bench: Bench,
  what: string,
  records: number,
  work: () => Promise<unknown>,
  counted: () => number = () => records
): Promise<void> {
  const startMs = systemClock.now()
  await work()
  const seconds = (systemClock.now() - startMs) / 1_000
  bench.row({ what, seconds, records: counted(), records_per_second: Math.round(counted() / seconds) })
}
