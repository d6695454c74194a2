import type { Test } from 'tap'
import type { ActorDescription } from '../../runtime/actor.ts'
import { ask, type DoorRig } from './door-rig.ts'

const hostStates = /^(joining|up|leaving|left|suspect|down|removed)$/
const epochPattern = /^[0-9a-f]{8}$/
const names = ['host-1', 'host-2', 'host-3']

/** The documents that tools rely on, at every host. */
export async function shapes(t: Test, { http, cluster, raw, stores }: DoorRig): Promise<void> {
  await t.test('/healthz, /readyz, /openapi.json, /docs → alive, ready and described at every host', async t => {
    for (const host of [0, 1, 2]) {
      t.match(await http(host, 'GET', '/healthz'), { status: 200, json: { status: 'alive' } })
      t.match(await http(host, 'GET', '/readyz'), { status: 200, json: { status: 'ready' } })
      const openapi = await http(host, 'GET', '/openapi.json')
      t.match(openapi.json, { openapi: /^3\./, info: { title: String, version: /^\d+\.\d+\.\d+/ } })
      for (const path of [
        '/api/v1/store/{key}',
        '/api/v1/store',
        '/api/v1/buckets/{bucket}/keys/{key}',
        '/api/v1/buckets/{bucket}/keys'
      ]) {
        t.ok(path in openapi.json.paths, `${path} is described`)
      }
      t.match(await http(host, 'GET', '/docs/'), { status: 200, text: /<html/i })
    }
    t.match(await http(0, 'GET', '/api/v1/nothing'), { status: 404, json: { code: 'not_found', status: 404 } })
    t.match(await http(0, 'PATCH', '/api/v1/store'), { status: 405, json: { code: 'not_allowed' } })
  })

  await t.test('/api/v1/cluster → each host shows the same three, with the processes that run them', async t => {
    const shown = await Promise.all([0, 1, 2].map(async host => (await http(host, 'GET', '/api/v1/cluster')).json))
    for (const one of shown) {
      for (const member of ['cluster', 'epoch', 'datacenters', 'hosts', 'plan']) t.ok(member in one, member)
      t.match(one, { cluster: 'carillon', epoch: epochPattern, datacenters: ['dc1'], plan: null })
      t.same(one.hosts.map((host: { name: string }) => host.name).sort(), names)
      for (const host of one.hosts) {
        const given = cluster.hosts.find(each => each.name === host.name)!
        t.match(host, {
          uid: Number,
          incarnation: Number,
          state: hostStates,
          dc: 'dc1',
          zone: 'zone1',
          weight: 1,
          partitions: 256,
          version: /^\d+\.\d+\.\d+/,
          http: `http://127.0.0.1:${given.httpPort}`,
          nats: `nats://127.0.0.1:${given.natsPort}`,
          pid: cluster.processOf(host.name)!.pid!
        })
      }
    }
    t.equal(new Set(shown.map(one => one.epoch)).size, 1, 'one epoch')
  })

  await t.test('/api/v1/ring → 256 preference lists of three distinct hosts, the same at every host', async t => {
    const shown = await Promise.all([0, 1, 2].map(async host => (await http(host, 'GET', '/api/v1/ring')).json))
    const [first] = shown
    t.same(Object.keys(first), ['epoch', 'partitions', 'replicas', 'owners'])
    t.match(first, { epoch: epochPattern, partitions: 256, replicas: 3 })
    t.equal(first.owners.length, 256)
    t.ok(first.owners.every((owners: string[]) => [...owners].sort().join() === names.join()))
    for (const one of shown) t.same(one, first)
    const { partition } = (await http(1, 'GET', '/api/v1/explain/default/any')).json
    t.same(
      (await http(2, 'GET', '/api/v1/explain/default/any')).json.preference.map((each: { host: string }) => each.host),
      first.owners[partition],
      'and what explain names'
    )
  })

  await t.test('/api/v1/explain → what each replica holds, before, after and deleted', async t => {
    const explain = async (host: number) => (await http(host, 'GET', '/api/v1/explain/x-ray/a%20key')).json
    const before = await explain(0)
    for (const member of ['bucket', 'key', 'partition', 'preference', 'hints', 'agree']) t.ok(member in before, member)
    t.match(before, { bucket: 'x-ray', key: 'a key', partition: Number, hints: [], agree: true })
    t.ok(before.preference.every((replica: { found: boolean }) => !replica.found))

    await http(1, 'PUT', '/api/v1/store/a%20key?bucket=x-ray&w=3', { value: 1 })
    await http(2, 'PUT', '/api/v1/store/a%20key?bucket=x-ray&w=3', { value: 2 })
    const stored = await explain(2)
    t.equal(stored.agree, true)
    t.equal(stored.preference.length, 3)
    for (const replica of stored.preference) {
      for (const member of ['host', 'role', 'state', 'found', 'dots', 'siblings', 'tombstone', 'digest', 'bytes'])
        t.ok(member in replica, member)
      t.match(replica, { role: 'primary', state: 'up', found: true, siblings: 2, tombstone: false, digest: /^[0-9a-f]+$/ })
      t.ok(replica.bytes > 0)
      t.equal(replica.dots.length, 2)
      for (const dot of replica.dots) t.match(dot, [String, Number])
    }
    t.equal(new Set(stored.preference.map((replica: { digest: string }) => replica.digest)).size, 1)

    await http(0, 'DELETE', '/api/v1/store/a%20key?bucket=x-ray&w=3')
    for (const replica of (await explain(1)).preference) t.match(replica, { found: true, tombstone: true })
    t.match(await http(0, 'GET', `/api/v1/explain/x-ray/${Buffer.from([0xff]).toString('base64url')}?encoding=base64url`), {
      status: 200
    })
    t.match(await http(0, 'GET', '/api/v1/explain/no$bucket/k'), { status: 400, json: { code: 'bad_request' } })
  })

  await t.test('/api/v1/actors → the supervision tree of this host, or of another one that is named', async t => {
    for (const host of [0, 1, 2]) {
      for (const other of names) {
        const { json } = await http(host, 'GET', `/api/v1/actors?host=${other}`)
        t.same(Object.keys(json), ['host', 'tree'])
        t.equal(json.host, other)
        const all = everyOne(json.tree)
        t.ok(all.every(isDescribed), 'every actor has its members')
        for (const kind of ['vnode', 'coordinator', 'gossip-agent', 'ring-keeper', 'http-door', 'nats-door']) {
          t.ok(
            all.some(actor => actor.kind === kind),
            `${other} has a ${kind}`
          )
        }
        t.equal(all.filter(actor => actor.kind === 'vnode').length, 256)
      }
    }
    t.equal((await http(0, 'GET', '/api/v1/actors')).json.host, 'host-1')
    t.match(await http(0, 'GET', '/api/v1/actors?host=nobody'), {
      status: 404,
      json: { code: 'not_found', detail: /host-1, host-2, host-3/ }
    })
  })

  await t.test('/metrics → every name begins with carillon_, no label has a key', async t => {
    await http(0, 'PUT', '/api/v1/store/a-key-to-look-for', { value: 1 })
    for (const host of [0, 1, 2]) {
      const { status, headers, text } = await http(host, 'GET', '/metrics')
      t.equal(status, 200)
      t.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
      const samples = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
      t.ok(samples.length > 20, `${samples.length} samples`)
      t.same(
        samples.filter(line => !/^carillon_[a-z0-9_]+(\{[^}]*\})? [-+0-9.eEInfNa]+$/.test(line)),
        []
      )
      t.notMatch(text, /a-key-to-look-for/)
    }
  })

  await t.test('services convention in a cluster: every data thread of every host answers PING, INFO and STATS', async t => {
    for (const verb of ['PING', 'INFO', 'STATS']) {
      const answers = (await raw[0]!.requestMany(`$SRV.${verb}.carillon`, 3)).map(message =>
        JSON.parse(message.payload.toString())
      )
      t.equal(new Set(answers.map(answer => answer.id)).size, 3)
      t.ok(
        answers.every(answer => answer.name === 'carillon' && answer.type === `io.nats.micro.v1.${verb.toLowerCase()}_response`)
      )
    }
  })

  await t.test('over NATS and in TypeScript the administrator is told the same', async t => {
    const overHttp = (await http(0, 'GET', '/api/v1/ring')).json
    t.same(JSON.parse((await raw[2]!.request('carillon.admin.ring', { payload: '{}' })).payload.toString()), overHttp)
    t.same(await stores[1]!.admin('ring'), overHttp)
  })

  await t.test('/api/v1/events → the hosts and the ring as this host came to see them', async t => {
    const stop = new AbortController()
    const response = await fetch(`http://127.0.0.1:${cluster.hosts[1]!.httpPort}/api/v1/events`, { signal: stop.signal })
    t.match(response.headers.get('content-type'), /^text\/event-stream/)
    let text = ''
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString('utf8')
      if (text.includes('event: ring') && names.every(name => text.includes(`"host":"${name}"`))) break
    }
    stop.abort()
    t.match(text, /id: \d+\nevent: (host|ring)\ndata: \{/)
  })
}

/** Crashes and restarts on any host, each in words; and that each host shows its tree at all. */
export async function mishaps(ports: readonly number[]): Promise<string[]> {
  const found: string[] = []
  for (const port of ports) {
    const { status, json } = await ask(port, 'GET', '/api/v1/actors')
    if (status !== 200) found.push(`no tree at ${port}`)
    else
      for (const actor of everyOne(json.tree))
        if (actor.restarts > 0 || actor.last_crash !== null)
          found.push(`${json.host}: ${JSON.stringify({ ...actor, children: [] })}`)
  }
  return found
}

function everyOne(tree: ActorDescription): ActorDescription[] {
  return [tree, ...tree.children.flatMap(everyOne)]
}

function isDescribed(actor: ActorDescription): boolean {
  const { length, limit, handled, refused } = actor.mailbox
  return (
    [actor.name, actor.kind, actor.thread, actor.state].every(text => typeof text === 'string' && text !== '') &&
    [actor.incarnation, actor.restarts, length, limit, handled, refused].every(Number.isInteger) &&
    (actor.last_crash === null || ['at', 'error', 'message_kind'].every(member => member in actor.last_crash!)) &&
    Array.isArray(actor.children)
  )
}
