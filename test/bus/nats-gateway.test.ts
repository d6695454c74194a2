import t from 'tap'
import { natsConfigText } from '../../bus/nats-config.ts'

const credentials = (user: string) => ({ user, password: 'secret' })
const base = {
  serverName: 'a',
  cluster: 'carillon',
  bindHost: '0.0.0.0',
  ports: { client: 7420, route: 7620, monitor: 7820 },
  portsFolder: '/nowhere',
  routes: [],
  routeSecret: undefined,
  internal: credentials('internal'),
  door: credentials('door'),
  system: credentials('system'),
  application: undefined
}
const gatewayIn = (text: string): string => text.slice(text.indexOf('gateway {'))

t.test('nats configuration: a gateway that binds to all addresses tells other datacenters the one to be reached by', async t => {
  const gateway = { dc: 'dc1', port: 7970, remotes: new Map([['dc2', ['b.example:7970']]]) }
  t.match(gatewayIn(natsConfigText({ ...base, gateway, advertise: 'a.example' })), /^ {2}advertise: "a\.example:7970"$/m)
  t.notMatch(gatewayIn(natsConfigText({ ...base, gateway })), /advertise/, 'without one it is what it binds to')
  const anyPort = { ...gateway, port: -1 }
  t.notMatch(
    gatewayIn(natsConfigText({ ...base, gateway: anyPort, advertise: 'a.example' })),
    /advertise/,
    'a port that is not known yet is told by the server itself'
  )
})
