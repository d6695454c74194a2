// test: soak, seconds 240
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { CarillonProcess } from './carillon-process.ts'
import { ask, startCluster, until } from './cluster-rig.ts'

interface Cluster {
  readonly hosts: readonly { readonly name: string; readonly dc: string; readonly state: string }[]
}

t.test(
  'two datacenters of two hosts: one stands still, is removed, and wakes up → each_quorum holds without it, and its hosts end',
  async t => {
    const cluster = await startCluster(t, { datacenters: 2, hosts: 2 })
    const [first] = cluster.hosts
    const servers = `nats://127.0.0.1:${first!.natsPort}`
    const store = await connect({ servers })
    t.teardown(() => store.close())
    const bucket = store.bucket<string>('b')
    await bucket.put('before', 'one', { consistency: 'each_quorum', timeoutMs: 10_000 })
    const hosts = async () => (await ask<Cluster>(first!.httpPort, '/api/v1/cluster')).hosts
    const remove = async (dc: string): Promise<{ status: number; text: string }> => {
      const reply = await fetch(`http://127.0.0.1:${first!.httpPort}/api/v1/datacenters/${dc}/removal`, { method: 'POST' })
      return { status: reply.status, text: await reply.text() }
    }
    t.match(await remove('dc1'), { status: 400, text: /is in datacenter dc1 itself/ })
    t.match(await remove('dc3'), { status: 404, text: /there is no datacenter/ })
    t.match(await remove('dc2'), { status: 400, text: /only when all its hosts are down/ })

    const lost = cluster.hosts.filter(({ dc }) => dc === 'dc2').map(({ name }) => name)
    const frozen = lost.map(name => cluster.processOf(name)!)
    t.teardown(() => frozen.forEach(child => child.kill('SIGCONT')))
    for (const child of frozen) child.kill('SIGSTOP')
    await bucket.put('owed', 'two', { consistency: 'local_quorum', timeoutMs: 10_000 })
    await until(
      'all of dc2 is down',
      async () => (await hosts()).filter(({ dc }) => dc === 'dc2').every(({ state }) => state === 'down'),
      60_000
    )
    const command = new CarillonProcess(t, ['remove', '--datacenter', 'dc2', '--json', '--servers', servers])
    t.equal((await command.ended).status, 0, command.err)
    t.same(JSON.parse(command.out), { datacenter: 'dc2', removed: lost.sort() })
    await bucket.put('after', 'three', { consistency: 'each_quorum', timeoutMs: 10_000 })
    t.equal((await hosts()).length, 2)

    for (const child of frozen) child.kill('SIGCONT')
    await until('its hosts have ended', () => frozen.every(({ exitCode }) => exitCode !== null), 60_000)
    t.equal((await bucket.get('owed', { consistency: 'each_quorum' }))?.value, 'two')
  }
)
