// test: seconds 180
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { CarillonProcess } from './carillon-process.ts'
import { ask, breath, startCluster, until } from './cluster-rig.ts'

interface Cluster {
  readonly hosts: readonly { readonly name: string; readonly state: string }[]
}

interface Explanation {
  readonly agree: boolean
  readonly preference: readonly { readonly host: string; readonly role: string; readonly found: boolean }[]
}

const pairs = 400
const writers = 4

t.test(
  'D4, I5: 4 hosts, load at a quorum, one leaves → no request fails, each write is on three hosts, its process has ended',
  async t => {
    const cluster = await startCluster(t, { hosts: 4 })
    const [first, second, third, fourth] = cluster.hosts as [
      (typeof cluster.hosts)[0],
      (typeof cluster.hosts)[0],
      (typeof cluster.hosts)[0],
      (typeof cluster.hosts)[0]
    ]
    const leaving = cluster.processOf(fourth.name)!
    const store = await connect({ servers: cluster.servers[0]! })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('leave')
    const acknowledged: string[] = []
    for (let from = 0; from < pairs; from += 100)
      await Promise.all(Array.from({ length: 100 }, (_, at) => bucket.put(`k${from + at}`, at, { timeoutMs: 20_000 })))
    for (let at = 0; at < pairs; at++) acknowledged.push(`k${at}`)

    const stop = new AbortController()
    const failures: string[] = []
    const load = Array.from({ length: writers }, async (_, writer) => {
      for (let turn = 0; !stop.signal.aborted; turn++, await breath()) {
        const key = `during-${writer}-${turn}`
        try {
          await bucket.put(key, turn, { timeoutMs: 20_000 })
          acknowledged.push(key)
          if ((await bucket.get(key, { timeoutMs: 20_000 }))?.value !== turn) failures.push(`${key} is not read after its write`)
        } catch (error) {
          failures.push(`${key}: ${String(error)}`)
        }
      }
    })
    const command = new CarillonProcess(t, [
      'leave',
      fourth.name,
      '--now',
      '--wait',
      '--within',
      '100',
      '--servers',
      cluster.servers[0]!
    ])
    const { status } = await command.ended
    t.equal(status, 0, command.out + command.err)
    t.match(command.out, /host-4 has left the cluster\n$/)
    await until('its process has ended', () => leaving.exitCode !== null, 60_000)
    t.equal(leaving.exitCode, 0, 'in order')
    const writtenBy = acknowledged.length
    await until('the load goes on', () => acknowledged.length > writtenBy + 20)
    stop.abort()
    await Promise.all(load)
    t.same(failures, [])
    t.ok(acknowledged.length > pairs + 50, `${acknowledged.length - pairs} writes were acknowledged meanwhile`)

    const shown = await ask<Cluster>(first.httpPort, '/api/v1/cluster')
    t.same(
      shown.hosts.map(host => `${host.name} ${host.state}`),
      [first, second, third].map(host => `${host.name} up`)
    )
    const short: string[] = []
    for (let at = 0; at < acknowledged.length; at += 50) {
      await Promise.all(
        acknowledged.slice(at, at + 50).map(async key => {
          const { preference } = await ask<Explanation>(first.httpPort, `/api/v1/explain/leave/${key}`)
          if (preference.filter(({ found }) => found).length < 3) short.push(key)
        })
      )
    }
    t.same(short, [], 'each write that was acknowledged is on three hosts')

    const again = new CarillonProcess(t, [
      'host',
      '--name',
      fourth.name,
      '--data',
      fourth.data,
      '--http-port',
      '0',
      '--nats-port',
      '0'
    ])
    t.equal((await again.ended).status, 3, 'with its old directory it does not come back')
    t.match(again.err, /has left the cluster\. To let it join anew, move/)
    const more = new CarillonProcess(t, ['leave', third.name, '--now', '--servers', cluster.servers[0]!])
    t.equal((await more.ended).status, 1)
    t.match(more.err, /without host-3 2 hosts would stay, and buckets ask for 3 replicas/)
  }
)

t.test('D4: 4 hosts, one is dead for good → it is removed, and each write is on the three others', async t => {
  const cluster = await startCluster(t, { hosts: 4 })
  const [first, second] = cluster.hosts
  const servers = cluster.servers[0]!
  const store = await connect({ servers })
  t.teardown(() => store.close())
  const bucket = store.bucket<number>('remove')
  const keys = Array.from({ length: pairs }, (_, index) => `k${index}`)
  for (let from = 0; from < pairs; from += 100)
    await Promise.all(keys.slice(from, from + 100).map((key, at) => bucket.put(key, from + at, { timeoutMs: 20_000 })))
  await cluster.stopHosts([second!.name])
  await until(
    'it is down',
    async () => {
      const { hosts } = await ask<Cluster>(first!.httpPort, '/api/v1/cluster')
      return hosts.some(({ name, state }) => name === second!.name && state === 'down')
    },
    60_000
  )
  const command = new CarillonProcess(t, ['remove', second!.name, '--wait', '--within', '100', '--json', '--servers', servers])
  t.equal((await command.ended).status, 0, command.err)
  t.same(JSON.parse(command.out), { host: second!.name, stands: 'removed', waits_for: [] })
  const { hosts } = await ask<Cluster>(first!.httpPort, '/api/v1/cluster')
  t.same(
    hosts.map(host => `${host.name} ${host.state}`),
    ['host-1 up', 'host-3 up', 'host-4 up']
  )
  const short: string[] = []
  for (let at = 0; at < pairs; at += 50) {
    await Promise.all(
      keys.slice(at, at + 50).map(async key => {
        const { preference } = await ask<Explanation>(first!.httpPort, `/api/v1/explain/remove/${key}`)
        if (preference.filter(({ found }) => found).length < 3) short.push(key)
      })
    )
  }
  t.same(short, [])
})
