// test: seconds 180
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { CarillonProcess } from './carillon-process.ts'
import { ask, freeBasePort, startCluster, temporaryDirectory, until } from './cluster-rig.ts'

interface Host {
  readonly name: string
  readonly state: string
  readonly weight: number
  readonly partitions: number
}

interface Cluster {
  readonly hosts: readonly Host[]
  readonly plan: {
    readonly keeper: string
    readonly state: string
    readonly changes: readonly { readonly stands: string }[]
  } | null
}

interface Explanation {
  readonly preference: readonly { readonly found: boolean }[]
}

const pairs = 300

t.test(
  'D4, I5: 4 hosts, one is replaced and another gets more weight, by a plan → all of it comes about, each write is on three hosts',
  async t => {
    const basePort = await freeBasePort()
    const cluster = await startCluster(t, { hosts: 4, basePort })
    const [first, second, third, fourth] = cluster.hosts as unknown as (typeof cluster.hosts)[number][] & { length: 4 }
    const servers = cluster.servers[0]!
    const run = async (...words: string[]): Promise<CarillonProcess> => {
      const command = new CarillonProcess(t, [...words, '--servers', servers])
      await command.ended
      return command
    }
    const store = await connect({ servers })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('plan')
    const keys = Array.from({ length: pairs }, (_, at) => `k${at}`)
    for (let from = 0; from < pairs; from += 100)
      await Promise.all(keys.slice(from, from + 100).map((key, at) => bucket.put(key, from + at, { timeoutMs: 20_000 })))
    const shown = () => ask<Cluster>(first!.httpPort, '/api/v1/cluster')
    const port = (offset: number) => String(basePort + offset + 5)
    const newcomer = new CarillonProcess(t, [
      'host',
      ...['--name', 'host-5', '--data', temporaryDirectory(t), '--threads', '1', '--newcomers', 'wait'],
      ...['--http-port', port(0), '--nats-port', port(350), '--route-port', port(550), '--monitor-port', port(750)],
      ...['--join', `127.0.0.1:${basePort + 551}`]
    ])
    await until('it has come', async () => (await shown()).hosts.some(({ name }) => name === 'host-5'), 60_000)

    for (const [words, why] of [
      [['weight', third!.name, '0'], /a weight is a number from 0\.01 to 1000, not 0/],
      [['replace', second!.name, third!.name], /host-3 is a member already/],
      [['leave', 'host-9'], /there is no host "host-9" in this datacenter: there are host-1, host-2/],
      [['commit'], /nothing is staged: stage a change first/]
    ] as const) {
      const refused = await run(...words)
      t.match(refused.err, why)
      t.equal((await refused.ended).status, 1)
    }
    t.equal((await shown()).plan, null)

    t.match((await run('replace', second!.name, 'host-5')).out, /replace host-2 by host-5/)
    t.equal((await ask<{ plan: unknown }>(fourth!.httpPort, '/api/v1/plan')).plan !== null, true, 'every host shows it')
    const posted = await fetch(`http://127.0.0.1:${fourth!.httpPort}/api/v1/plan`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ change: 'weight', host: third!.name, weight: 2 })
    })
    t.equal(posted.status, 202, await posted.text())
    const plan = JSON.parse((await run('plan', '--json')).out) as {
      plan: { replicas_to_move: number; bytes_to_move: number; quorum_margin: number; loads: readonly { host: string }[] }
    }
    t.ok(plan.plan.replicas_to_move > 0 && plan.plan.bytes_to_move > 0)
    t.equal(plan.plan.quorum_margin, 0)
    t.equal(plan.plan.loads.length, 5)
    t.equal((await shown()).plan?.state, 'staged')
    await run('pause')
    await run('commit')
    t.equal((await shown()).plan?.state, 'paused')
    t.ok((await shown()).plan?.changes.every(({ stands }) => stands === 'waiting'))
    const replaced = cluster.processOf(second!.name)!
    await run('resume')
    const commit = await run('commit', '--wait', '--within', '150')
    t.equal((await commit.ended).status, 0, commit.out + commit.err)
    await until('the replaced host has ended', () => replaced.exitCode !== null, 60_000)
    t.equal(replaced.exitCode, 0)

    const { hosts, plan: left } = await shown()
    t.equal(left, null)
    t.same(
      hosts.map(({ name, state, weight }) => `${name} ${state} ${weight}`),
      ['host-1 up 1', 'host-3 up 2', 'host-4 up 1', 'host-5 up 1']
    )
    const short: string[] = []
    for (let at = 0; at < pairs; at += 50) {
      await Promise.all(
        keys.slice(at, at + 50).map(async key => {
          const { preference } = await ask<Explanation>(first!.httpPort, `/api/v1/explain/plan/${key}`)
          if (preference.filter(({ found }) => found).length < 3) short.push(key)
        })
      )
    }
    t.same(short, [], 'each write is on three hosts')
    t.match((await run('leave', fourth!.name)).out, /leave host-4/)
    t.match((await run('abort')).out, /no plan/)
    t.equal((await shown()).plan, null)
    t.notOk(newcomer.err.includes('crashed'))
  }
)
