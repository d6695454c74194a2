import { existsSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { readStat } from '../../api/bench/process-cpu.ts'
import { PeerMissing } from '../../api/bench/target.ts'
import { natsProgram } from '../../deploy/bench-nats-kv.ts'
import { etcdProgram } from '../../deploy/bench-etcd.ts'
import { peerNames, type PeerName } from '../../deploy/bench-peer-names.ts'
import { peers } from '../../deploy/bench-peers.ts'
import { programPath, type PeerProgram } from '../../deploy/bench-program.ts'
import { dynomiteProgram, redisProgram } from '../../deploy/bench-redis.ts'
import { startPeer } from '../../deploy/bench-replicas.ts'

t.jobs = 3

const programs: Readonly<Record<PeerName, readonly PeerProgram[]>> = {
  redis: [redisProgram],
  etcd: [etcdProgram],
  'nats-kv': [natsProgram],
  dynomite: [dynomiteProgram, redisProgram]
}
const processesOf: Readonly<Record<PeerName, number>> = { redis: 3, etcd: 3, 'nats-kv': 3, dynomite: 6 }

/** Loud: who reads the result has to see what was not tried here. */
function missing(name: PeerName): string | false {
  for (const program of programs[name]) {
    try {
      programPath(program)
    } catch (error) {
      return (error as Error).message
    }
  }
  return false
}

for (const name of peerNames) {
  t.test(
    `${name}: three replicas are started, store and find by every mode, and nothing is left of them`,
    { skip: missing(name) },
    async t => {
      const target = await peers[name]({ keys: 10, valueBytes: 100 })
      t.teardown(() => target.close())
      t.equal(target.name, name)
      t.match(target.version, /^\d+\.\d+/)
      t.not(target.less, '')
      const processes = await target.processes()
      t.equal(processes.length, processesOf[name])
      t.ok(processes.every(({ role, pid }) => role === 'peer' && readStat(pid) !== undefined))
      await target.prepare?.('bench-prepared', Buffer.from('prepared'))
      for (const [index, mode] of target.modes.entries()) {
        const value = Buffer.alloc(100, `${index + 1}`)
        const keys = Array.from({ length: 20 }, (_, each) => `bench-${index}-${each}`)
        await Promise.all(keys.map(key => mode.put!(key, value)))
        const found = await Promise.all(keys.map(key => eventually(() => mode.get!(key))))
        t.ok(
          found.every(each => value.equals(each as Uint8Array)),
          `${name} ${mode.name}`
        )
        t.notOk(await mode.get!('bench-of-nobody'), 'a key that nobody stored')
      }
      const folder = folderOf(processes[0]!.pid)
      await target.close()
      t.notOk(processes.some(({ pid }) => readStat(pid) !== undefined))
      if (folder !== undefined) t.notOk(existsSync(folder))
      await t.rejects(target.modes[0]!.put!('bench-late', Buffer.from('late')), { code: /closed/ }, 'nobody is there any more')
    }
  )
}

/** A get of one replica may come before the replica has heard of the put. */
async function eventually(get: () => Promise<unknown>): Promise<unknown> {
  for (let attempt = 0; ; attempt += 1) {
    const found = (await get()) ?? undefined
    if (found !== undefined || attempt === 100) return found
    await pause(20)
  }
}

/** @returns undefined where there is no /proc */
function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

t.test('program: one that is not there → which package to install', async t => {
  const nowhere = { command: 'no-such-program', advice: 'install the Debian package nothing' }
  t.throws(
    () => programPath(nowhere, '/nowhere'),
    new PeerMissing('no-such-program is not on the PATH: install the Debian package nothing')
  )
  t.match(redisProgram.advice, 'apt-get install --no-install-recommends redis-server')
  t.match(etcdProgram.advice, 'etcd-server')
  t.match(programPath({ command: 'sh', advice: '' }), /\/sh$/)
})

t.test('a peer that ends at once → its last words, after other ports were tried, and no folder left', async t => {
  const folders: string[] = []
  const recipe = {
    name: 'stillborn',
    ports: 2,
    async commands(ports: readonly number[], folder: string) {
      folders.push(folder)
      t.equal(new Set(ports).size, 2)
      return [{ path: '/bin/sh', args: ['-c', 'echo the port is taken; exit 3'] }]
    },
    open: (_: readonly number[], running: { wait<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> }) =>
      running.wait('anything', async () => undefined)
  }
  await t.rejects(startPeer(recipe, undefined), { message: /ended before anything \(exit status 3: the port is taken\)/ })
  t.equal(folders.length, 3)
  t.notOk(folders.some(folder => existsSync(folder)))
})

t.test('a peer that is interrupted while it starts → stopped, and no folder left', async t => {
  const controller = new AbortController()
  let folder = ''
  let pid = 0
  await t.rejects(
    startPeer(
      {
        name: 'slow',
        ports: 1,
        async commands(_, own) {
          folder = own
          return [{ path: '/bin/sleep', args: ['600'] }]
        },
        open(_, running) {
          pid = running.processes()[0]!.pid
          return running.wait('anything', async () => controller.abort())
        }
      },
      controller.signal
    ),
    { message: 'interrupted' }
  )
  t.notOk(existsSync(folder))
  t.equal(readStat(pid), undefined)
})

t.test('the bench is killed → its peers end, and their folders go', async t => {
  const replicas = new URL('../../deploy/bench-replicas.js', import.meta.url).href
  const script = `import { startPeer } from ${JSON.stringify(replicas)}
    await startPeer({
      name: 'orphan', ports: 1,
      commands: async (_, folder) => (process.stdout.write(folder + '\\n'), [{ path: '/bin/sleep', args: ['600'] }]),
      open: (_, running) => (process.stdout.write(running.processes()[0].pid + '\\n'), new Promise(() => setInterval(() => {}, 1000)))
    }, undefined)`
  const bench = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => bench.kill('SIGKILL'))
  let said = ''
  for await (const chunk of bench.stdout) {
    said += chunk
    if (said.split('\n').length > 2) break
  }
  const [folder = '', pid = ''] = said.split('\n')
  t.ok(existsSync(folder) && readStat(Number(pid)) !== undefined)
  bench.kill('SIGKILL')
  await once(bench, 'exit')
  const isGone = () => !existsSync(folder) && (readStat(Number(pid)) === undefined || isZombie(Number(pid)))
  for (let attempt = 0; attempt < 500 && !isGone(); attempt += 1) await pause(20)
  t.ok(isGone())
})

/** Dead, and waiting for whoever adopts it. */
function isZombie(pid: number): boolean {
  return folderOf(pid) === undefined
}
