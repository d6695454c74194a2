import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ProfileShown } from '../../api/admin-profile.ts'
import { connectCluster } from '../../api/cli/nats-cluster.ts'
import { connect } from '../../api/client/client.ts'
import type { CpuProfile } from '../../runtime/cpu-profile.ts'
import { run, TestTerminal } from '../api/cli-test-terminal.ts'
import { startCluster, temporaryDirectory, until } from './cluster-rig.ts'

t.test('profile: a real host', async t => {
  const cluster = await startCluster(t, { hosts: 1 })
  const [host] = cluster.hosts
  const at = `http://127.0.0.1:${host!.httpPort}/api/v1/profile`
  const servers = `nats://127.0.0.1:${host!.natsPort}`
  const shown = async (): Promise<ProfileShown> => (await fetch(at)).json() as Promise<ProfileShown>
  await until('ready', async () => (await fetch(`http://127.0.0.1:${host!.httpPort}/readyz`)).ok)

  await t.test('none was taken, and no such thread → 404, the second with the list', async t => {
    t.equal((await fetch(at)).status, 404)
    const unknown = await fetch(`${at}?thread=data-9`, { method: 'POST' })
    t.equal(unknown.status, 404)
    t.match(await unknown.text(), /main, system, data-0, api/)
  })

  await t.test('over HTTP, while a client writes → a second one is refused; table and file agree', async t => {
    const store = await connect({ servers })
    const begun = await fetch(`${at}?thread=data-0&seconds=1`, { method: 'POST' })
    t.equal(begun.status, 202)
    const refused = await fetch(`${at}?thread=main&seconds=1`, { method: 'POST' })
    t.equal(refused.status, 409)
    t.match(await refused.json(), { code: 'already_running', detail: /data-0/ })
    let profile = await shown()
    for (let number = 0; profile.state === 'running'; number++) {
      await store.bucket('b').put(`key-${number}`, { number })
      if (number % 32 === 0) profile = await shown()
    }
    await store.close()
    t.match(profile, { host: host!.name, thread: 'data-0', state: 'done', error: '' })
    const { table, id, file_bytes: size } = profile
    t.ok(table!.functions.length > 5)
    t.ok(table!.functions.length <= 30)
    const file = await fetch(`${at}/${id}`)
    t.match(file.headers.get('content-disposition'), `${id}.cpuprofile`)
    const text = await file.text()
    t.equal(Buffer.byteLength(text), size)
    const whole = JSON.parse(text) as CpuProfile
    t.equal(whole.samples?.length, table!.samples)
    t.ok(whole.nodes.some(({ callFrame: { url } }) => url.endsWith('/actors/coordinator/coordinator.js')))
  })

  for (const thread of ['main', 'system', 'api']) {
    await t.test(`carillon profile --thread ${thread} → a table, and a file that DevTools would open`, async t => {
      const reached = await connectCluster({ servers: [servers], token: '', cluster: 'carillon', connectTimeoutMs: 5_000 })
      const terminal = new TestTerminal(reached)
      const out = join(temporaryDirectory(t), 'x.cpuprofile')
      t.equal(await run(terminal, 'profile', '--thread', thread, '--seconds', '1', '--top', '5', '--out', out), 0, terminal.err)
      t.match(terminal.out, new RegExp(`^${thread} of ${host!.name}: .* idle\nbusy .*garbage collection\n`))
      const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(out, 'utf8')) as CpuProfile
      t.ok(nodes.length > 0)
      t.equal(samples?.length, timeDeltas?.length)
    })
  }

  await t.test('carillon profile of a thread that is not there → exit status 1, and the list', async t => {
    const reached = await connectCluster({ servers: [servers], token: '', cluster: 'carillon', connectTimeoutMs: 5_000 })
    const terminal = new TestTerminal(reached)
    t.equal(await run(terminal, 'profile', '--thread', 'nope', '--seconds', '1'), 1)
    t.match(terminal.err, /main, system, data-0, api.*not_found/)
  })
})
