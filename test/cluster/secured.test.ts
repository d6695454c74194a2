// test: alone, seconds 120
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { until } from './cluster-rig.ts'
import { askTls, securedFiles, startHosts } from './secured-rig.ts'

interface Cluster {
  readonly hosts: readonly { readonly name: string; readonly state: string; readonly http: string; readonly nats: string }[]
}

t.test(
  'R8: three hosts on addresses of their own, TLS and credentials → one cluster, whose clients reach every host by TLS',
  async t => {
    const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
    const secured = await securedFiles(t, addresses)
    const { ca, token } = secured
    const hosts = await startHosts(
      t,
      addresses.map(bind => ({ bind, ...secured.optionsOf(bind) }))
    )
    for (const host of hosts) {
      await until(
        `${host.name} sees all`,
        async () => {
          const answer = await askTls(`${host.http}/api/v1/cluster`, { ca, token })
          const { hosts: seen } = JSON.parse(answer.body) as Cluster
          return seen.length === 3 && seen.every(each => each.state === 'up')
        },
        40_000
      )
      t.equal((await askTls(`${host.http}/healthz?ready`, { ca })).status, 200)
    }
    const seen = (JSON.parse((await askTls(`${hosts[0]!.http}/api/v1/cluster`, { ca, token })).body) as Cluster).hosts
    t.same(seen.map(({ http, nats }) => [http, nats]).toSorted(), hosts.map(({ http, nats }) => [http, nats]).toSorted())
    t.ok(seen.every(({ http, nats }) => http.startsWith('https://127.0.0.') && nats.startsWith('tls://127.0.0.')))

    const store = await connect({ servers: hosts.map(host => host.nats), token, tls: { ca } })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('secured')
    for (let from = 0; from < 400; from += 100)
      await Promise.all(Array.from({ length: 100 }, (_, index) => bucket.put(`k${from + index}`, from + index, { w: 3 })))
    for (const host of hosts) {
      const { status, body } = await askTls(`${host.http}/api/v1/store/k7?bucket=secured&r=3`, { ca, token })
      t.match([status, JSON.parse(body)], [200, { value: 7 }])
      const metrics = await askTls(`${host.http}/metrics`, { ca, token })
      t.match(
        metrics.body,
        /^carillon_bus_near_links\S* [1-9]/m,
        `${host.name} has connections to the others’ own servers, by TLS`
      )
    }
  }
)
