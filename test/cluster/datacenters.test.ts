// test: seconds 240
import { connect as natsConnect } from 'nats'
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { StoreError } from '../../api/client/errors.ts'
import type { ReplicationShown } from '../../api/admin-replication.ts'
import type { OwedKeysPage } from '../../api/admin-replication.ts'
import { CarillonProcess } from './carillon-process.ts'
import { ask, startCluster, until } from './cluster-rig.ts'

const keys = Array.from({ length: 60 }, (_, index) => `k${index}`)

t.test(
  'two datacenters of two hosts: one stands still under writes to the other → that one serves, says what is missing, and gives it when it is back',
  async t => {
    const cluster = await startCluster(t, { datacenters: 2, hosts: 2 })
    const serversOf = (dc: string) =>
      cluster.hosts.filter(host => host.dc === dc).map(host => `nats://127.0.0.1:${host.natsPort}`)
    const here = await connect({ servers: serversOf('dc1') })
    t.teardown(() => here.close())
    const there = await connect({ servers: serversOf('dc2') })
    t.teardown(() => there.close())
    const [first] = cluster.hosts
    const [mine, theirs] = [here.bucket<string>('b'), there.bucket<string>('b')]

    await mine.put('shared', 'one', { consistency: 'each_quorum', timeoutMs: 10_000 })
    t.equal((await theirs.get('shared', { consistency: 'local_quorum' }))?.value, 'one', 'a quorum of both had it')
    await theirs.put('back', 'two')
    await until('a write of dc2 is in dc1', async () => (await mine.get('back'))?.value === 'two')

    const anyClient = await natsConnect({ servers: serversOf('dc2'), reconnect: false })
    t.teardown(() => anyClient.close())
    const stored = await anyClient.request('carillon.kv.put.b.any', '1', { timeout: 5_000 })
    t.equal(stored.headers?.get('Nats-Service-Error-Code') ?? '', '', 'any NATS client may write there')
    t.equal((await anyClient.request('carillon.kv.get.b.any', '', { timeout: 5_000 })).string(), '1', 'and read what it wrote')

    const frozen = cluster.hosts.filter(({ dc }) => dc === 'dc2').map(({ name }) => cluster.processOf(name)!)
    t.teardown(() => frozen.forEach(child => child.kill('SIGCONT')))
    for (const child of frozen) child.kill('SIGSTOP')
    await until('hosts that are silent are told as such, and do not keep the command from its answer', async () => {
      const told = new CarillonProcess(t, ['replication', '--json', '--servers', serversOf('dc1').join(',')])
      if ((await told.ended).status !== 0) return false
      const { hosts } = JSON.parse(told.out) as ReplicationShown
      return hosts.every(({ dc, reached }) => reached === (dc === 'dc1'))
    })
    for (const key of keys) await mine.put(key, key, { consistency: 'local_quorum' })
    const why = await mine.put('late', 'x', { consistency: 'each_quorum', timeoutMs: 4_000 }).then(
      () => undefined,
      (error: unknown) => error
    )
    t.ok(why instanceof StoreError)
    t.match((why as Error).message, /dc2 is missing/)
    const shown = await ask<ReplicationShown>(first!.httpPort, '/api/v1/replication')
    const pair = shown.pairs.find(({ from, to }) => from === 'dc1' && to === 'dc2')
    t.ok((pair?.keys ?? 0) >= keys.length, `${pair?.keys} keys are missing in dc2`)
    const listed = new Set<string>()
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: OwedKeysPage = await ask(first!.httpPort, `/api/v1/replication/keys?to=dc2&limit=25&cursor=${cursor}`)
      for (const owed of page.keys) listed.add(Buffer.from(owed.key_base64, 'base64').toString())
      cursor = page.cursor
    }
    for (const key of keys) if (!listed.has(key)) t.fail(`${key} is missing in dc2, and not listed`)

    for (const child of frozen) child.kill('SIGCONT')
    await until(
      'nothing is owed any more',
      async () => (await ask<ReplicationShown>(first!.httpPort, '/api/v1/replication')).pairs.every(each => each.keys === 0),
      60_000
    )
    for (const key of keys) t.equal((await theirs.get(key, { consistency: 'local_quorum' }))?.value, key)
  }
)
