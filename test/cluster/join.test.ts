// test: seconds 180
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { type Host, startHost } from '../../deploy/host.ts'
import { breath, temporaryDirectory, until } from './cluster-rig.ts'

const pairs = 1_000

interface Cluster {
  readonly hosts: readonly { readonly name: string; readonly state: string }[]
}

interface Ring {
  readonly owners: readonly (readonly string[])[]
}

t.test('S3: one host alone serves; four more join it under load; nothing is lost, and each pair is on three hosts', async t => {
  const directory = temporaryDirectory(t)
  const hosts: Host[] = []
  t.teardown(async () => {
    for (const host of hosts.reverse()) await host.stop()
  })
  const start = async (name: string): Promise<Host> => {
    const seeds = hosts.map(host => host.route)
    const data = `${directory}/${name}`
    const host = await startHost({
      name,
      data,
      seeds,
      httpPort: 0,
      natsPort: 0,
      routePort: 0,
      monitorPort: 0,
      threads: 1,
      partitions: 64,
      logLevel: 'error'
    })
    hosts.push(host)
    return host
  }
  const first = await start('h1')
  const store = await connect({ servers: first.nats })
  t.teardown(() => store.close())
  const bucket = store.bucket<number>('join')
  for (let index = 0; index < pairs; index += 200) {
    await Promise.all(Array.from({ length: 200 }, (_, offset) => bucket.put(`k${index + offset}`, index + offset)))
  }
  t.equal((await bucket.get('k7'))?.value, 7, 'a host alone serves reads and writes at a quorum')

  const stop = new AbortController()
  const acknowledged: string[] = []
  const load = (async () => {
    for (let turn = 0; !stop.signal.aborted; turn++, await breath()) {
      const key = `during-${turn}`
      await bucket.put(key, turn).then(
        () => acknowledged.push(key),
        () => {}
      )
    }
  })()
  for (const name of ['h2', 'h3', 'h4', 'h5']) {
    await start(name)
    await until(
      `${name} is up in the eyes of all`,
      async () => {
        const views = await Promise.all(hosts.map(host => view(host)))
        return views.every(({ hosts: seen }) => seen.length === hosts.length && seen.every(host => host.state === 'up'))
      },
      60_000
    )
  }
  stop.abort()
  await load
  t.ok(acknowledged.length > 0, `${acknowledged.length} writes were acknowledged meanwhile`)

  const lost: string[] = []
  const refusals: string[] = []
  // What this is about is that nothing is lost: a machine with much else to do may refuse a read, which is then asked for again.
  const isThere = async (key: string): Promise<boolean> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await bucket.get(key, { r: 2 })) !== undefined
      } catch (error) {
        refusals.push(`${key}: ${error}`)
        if (attempt === 3) throw error
      }
    }
  }
  const wanted = [...acknowledged, ...Array.from({ length: pairs }, (_, index) => `k${index}`)]
  for (let at = 0; at < wanted.length; at += 100) {
    await Promise.all(
      wanted.slice(at, at + 100).map(async key => {
        if (!(await isThere(key))) lost.push(key)
      })
    )
  }
  for (const refusal of refusals) t.comment(refusal)
  t.same(lost, [], 'nothing is lost')
  let rings: Ring[] = []
  await until('I18: every host has the same ring', async () => {
    rings = await Promise.all(hosts.map(async host => (await (await fetch(`${host.http}/api/v1/ring`)).json()) as Ring))
    return new Set(rings.map(({ owners }) => JSON.stringify(owners))).size === 1
  })
  t.ok(
    rings[0]?.owners.every(owners => new Set(owners).size === 3),
    'I19: three distinct hosts hold each partition'
  )
})

async function view(host: Host): Promise<Cluster> {
  return (await (await fetch(`${host.http}/api/v1/cluster`)).json()) as Cluster
}
