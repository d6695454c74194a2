// test: soak, alone, seconds 300
import t from 'tap'
import { connect as connectNats } from 'nats'
import { connect } from '../../api/client/client.ts'
import { scaleSubject } from '../../deploy/scale/event-actuator.ts'
import { ask, startCluster, until } from './cluster-rig.ts'

/** '' of a host that has ended. */
async function readMetrics(httpPort: number): Promise<string> {
  try {
    return await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text()
  } catch {
    return ''
  }
}

interface Cluster {
  readonly hosts: readonly { readonly name: string; readonly state: string }[]
}

const pairs = 300
const timeoutMs = 30_000
const patienceMs = 150_000
/** Looks and rests that a test can wait for. */
const quick = {
  'autoscale-requests': 20,
  'autoscale-cpu': 0,
  'autoscale-disk': 0,
  'autoscale-period-ms': 1_000,
  'autoscale-cooldown-ms': 3_000
}

t.test(
  'D5: 3 local hosts, load above the target → a fourth comes and carries its part; the load ends → it leaves, and nothing is lost',
  async t => {
    const cluster = await startCluster(t, {
      autoscale: { min: 3, max: 4 },
      settings: quick
    })
    const [first] = cluster.hosts
    const shown = async () =>
      (await ask<Cluster>(first!.httpPort, '/api/v1/cluster')).hosts.map(({ name, state }) => `${name} ${state}`).sort()
    const three = ['host-1 up', 'host-2 up', 'host-3 up']
    const store = await connect({ servers: cluster.servers[0]! })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('scaled')
    for (let at = 0; at < pairs; at++) await bucket.put(`k${at}`, at, { timeoutMs })

    const failures: string[] = []
    const stop = new AbortController()
    t.teardown(() => stop.abort())
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
    const through = /^carillon_autoscaler_plans_total\{[^}]*outcome="through"[^}]*\} 1$/m
    const metrics = () => Promise.all(cluster.hosts.map(({ httpPort }) => readMetrics(httpPort)))
    await until('it left by a plan, which is through', async () => (await metrics()).some(text => through.test(text)), 60_000)
    await until('its process has ended', () => cluster.hosts.length === 3, 60_000)
    t.same(failures, [])
    // Not all: that would be load enough for the fourth to come again.
    for (let at = 0; at < pairs; at += 10)
      if ((await bucket.get(`k${at}`, { timeoutMs, r: 3 }))?.value !== at) t.fail(`k${at} is lost`)
  }
)

t.test(
  'D5: 3 hosts that publish what they want, load above the target → an event asks for four, and no host is started',
  async t => {
    const cluster = await startCluster(t, {
      settings: { ...quick, 'autoscale-requests': 2, autoscale: 'event', 'autoscale-hosts-min': 3, 'autoscale-hosts-max': 4 }
    })
    const listener = await connectNats({ servers: cluster.servers[0]! })
    t.teardown(() => listener.close())
    const published: unknown[] = []
    listener.subscribe(scaleSubject('carillon'), { callback: (_, message) => void published.push(message.json()) })
    await listener.flush()
    const store = await connect({ servers: cluster.servers[0]! })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('wanted')
    const stop = new AbortController()
    t.teardown(() => stop.abort())
    const failures: string[] = []
    const load = Array.from({ length: 4 }, async (_, writer) => {
      for (let turn = 0; !stop.signal.aborted; turn++)
        // Another key each time: blind writes of one become siblings, and soon too many of them.
        await bucket.put(`k${writer}-${turn}`, turn, { timeoutMs }).catch((error: unknown) => failures.push(String(error)))
    })
    await until('the event has come', () => published.length > 0, patienceMs)
    stop.abort()
    await Promise.all(load)
    t.same(failures, [])
    t.match(published[0], { hosts: 4, present: 3, left: '', why: /^the rate of requests at \d+ % of its target on 3 hosts$/ })
    t.equal(cluster.hosts.length, 3)
  }
)
