import t from 'tap'
import { connect } from 'nats'
import { StoreError } from '../../api/client/errors.ts'
import { connectCluster } from '../../api/cli/nats-cluster.ts'
import { natsServerFor } from '../bus/nats-fixture.ts'
import { startCluster } from './cluster-rig.ts'

const attempts = 3

t.test('the command line: servers of which one takes what it is asked and stays silent → another one answers', async t => {
  // As the nats-server of a host that was stopped in its tracks.
  const { ports } = await natsServerFor(t)
  const silent = [`nats://127.0.0.1:${ports.client}`, `nats://localhost:${ports.client}`]
  const hearer = await connect({ servers: silent })
  t.teardown(() => hearer.close())
  hearer.subscribe('carillon.>', { callback: () => {} })
  await hearer.flush()
  const options = { token: '', cluster: 'carillon', connectTimeoutMs: 2_000 }
  const why = await connectCluster({ ...options, servers: silent }).catch((error: unknown) => error)
  t.ok(why instanceof StoreError && why.code === 'timeout', `where all are silent, it ends: ${why}`)

  const real = await startCluster(t, { hosts: 1 })
  // Servers are taken in any order.
  for (let attempt = 0; attempt < attempts; attempt++) {
    const cluster = await connectCluster({ ...options, servers: [...silent, ...real.servers] })
    t.match(await cluster.admin('cluster', {}, 10_000), { hosts: [{ name: 'host-1' }] })
    await cluster.close()
  }
})
