// test: alone, seconds 300
import t from 'tap'
import { connect as connectNats } from 'nats'
import { connect } from '../../api/client/client.ts'
import { eventActuator, scaleSubject } from '../../deploy/scale/event-actuator.ts'
import { ask, startCluster, until } from './cluster-rig.ts'

interface Cluster {
  readonly hosts: readonly { readonly name: string; readonly state: string }[]
}

const pairs = 300
const timeoutMs = 30_000
const patienceMs = 150_000
/** More than hosts should have, and far below what they can. */
const targetPerHost = 20

t.test(
  'D5: 3 local hosts, load above the target → a fourth comes and carries its part; the load ends → it leaves, and nothing is lost',
  async t => {
    const cluster = await startCluster(t, {
      autoscale: { min: 3, max: 4 },
      settings: {
        'autoscale-requests': targetPerHost,
        'autoscale-cpu': 0,
        'autoscale-disk': 0,
        'autoscale-period-ms': 1_000,
        'autoscale-cooldown-ms': 3_000
      }
    })
    const [first] = cluster.hosts
    const shown = async () =>
      (await ask<Cluster>(first!.httpPort, '/api/v1/cluster')).hosts.map(({ name, state }) => `${name} ${state}`).sort()
    const three = ['host-1 up', 'host-2 up', 'host-3 up']
    const store = await connect({ servers: cluster.servers[0]! })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('scaled')
    for (let at = 0; at < pairs; at++) await bucket.put(`k${at}`, at, { timeoutMs })

    const published: unknown[] = []
    const listener = await connectNats({ servers: cluster.servers[0]! })
    t.teardown(() => listener.close())
    const subscription = listener.subscribe(scaleSubject('carillon'), {
      callback: (_, message) => void published.push(message.json())
    })
    await listener.flush()

    const failures: string[] = []
    const stop = new AbortController()
    const load = Array.from({ length: 4 }, async (_, reader) => {
      for (let turn = reader; !stop.signal.aborted; turn++) {
        const key = turn % pairs
        try {
          const value = (await bucket.get(`k${key}`, { timeoutMs }))?.value
          if (value !== key) failures.push(`k${key} is ${value}`)
        } catch (error) {
          failures.push(String(error))
        }
      }
    })
    await until('a fourth host is up', async () => (await shown()).includes('host-4 up'), patienceMs)
    t.equal(cluster.hosts.length, 4)
    stop.abort()
    await Promise.all(load)
    await until('it has left', async () => (await shown()).join() === three.join(), patienceMs)
    await until('its process has ended', () => cluster.hosts.length === 3, 60_000)
    t.same(failures, [])
    for (let at = 0; at < pairs; at++)
      if ((await bucket.get(`k${at}`, { timeoutMs, r: 3 }))?.value !== at) t.fail(`k${at} is lost`)

    // The other way to tell: an order becomes an event that anybody may listen to.
    await eventActuator(() => connectNats({ servers: cluster.servers[0]! })).scale({
      cluster: 'carillon',
      hosts: 4,
      present: 3,
      why: 'CPU at 120 %',
      left: ''
    })
    await until('the event has come', () => published.length > 0)
    subscription.unsubscribe()
    t.same(published, [{ hosts: 4, present: 3, left: '', why: 'CPU at 120 %' }])
  }
)
