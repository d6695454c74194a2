import t from 'tap'
import { gatewayOf, heardUnder } from '../../deploy/host-gateway.ts'
import type { HostSettings } from '../../deploy/configuration-schema.ts'

const of = (given: Partial<HostSettings>): HostSettings =>
  ({ cluster: 'carillon', dc: 'eu.west', gatewayPort: 0, gatewayJoin: [], busServers: [], ...given }) as HostSettings

t.test(
  'a host of one datacenter hears requests under the name of the cluster, one of several under that of its datacenter',
  async t => {
    t.equal(heardUnder(of({})), 'carillon')
    t.equal(heardUnder(of({ gatewayPort: 7970 })), 'carillon_eu-west')
    t.equal(heardUnder(of({ gatewayJoin: ['dc2@b:7970'] })), 'carillon_eu-west')
    t.equal(
      heardUnder(of({ gatewayPort: 7970, busServers: ['nats://b:4222'] })),
      'carillon',
      'servers of others give no subject another name'
    )
  }
)

t.test('gateways of other datacenters are told by datacenter; a host without any has no gateway', async t => {
  t.equal(gatewayOf(of({})), undefined)
  t.same(gatewayOf(of({ gatewayJoin: ['dc2@b:7970', 'dc2@c:7970', 'dc3@d:7970'] })), {
    dc: 'eu.west',
    port: -1,
    remotes: new Map([
      ['dc2', ['b:7970', 'c:7970']],
      ['dc3', ['d:7970']]
    ])
  })
})
