import t from 'tap'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { HostReplication, ReplicationPair } from '../../api/admin-replication.ts'
import { faultsOf, linksBetween } from './datacenters.ts'
import { linksOf, placesOf } from './host-places.ts'
import { readOptions } from './options.ts'
import { areSame, type Explained } from './replicas.ts'

const places = placesOf({
  count: 4,
  datacenters: 2,
  network: undefined,
  disks: [],
  basePort: 1000,
  directory: '/run-of-chaos',
  skewed: false
})

t.test(
  'chaos, two datacenters of two hosts: only the first of each begins a ring, and only the very first a cluster',
  async t => {
    t.same(
      places.map(({ name, dc, gatewayPort }) => [name, dc, gatewayPort]),
      [
        ['host-1', 'dc1', 1851],
        ['host-2', 'dc1', 1852],
        ['host-3', 'dc2', 1853],
        ['host-4', 'dc2', 1854]
      ]
    )
    const toFirst = ['dc1@127.0.0.1:1851', 'dc1@127.0.0.1:1852']
    const toSecond = ['dc2@127.0.0.1:1853', 'dc2@127.0.0.1:1854']
    const born = places.map(place => linksOf(place, places, 'born'))
    t.same(
      born.map(({ join }) => join),
      [[], ['127.0.0.1:1551'], [], ['127.0.0.1:1553']]
    )
    t.same(
      born.map(({ gatewayJoin }) => gatewayJoin),
      [[], toSecond, toFirst, toFirst]
    )
    t.same(linksOf(places[0]!, places, 'replaced'), { join: [], gatewayJoin: toSecond }, 'it must not begin a second cluster')
  }
)

t.test('chaos: the link between datacenters is that of each host of one with each of the other, both ways', async t => {
  const cuts = linksBetween({ hosts: places.map(place => ({ place })) } as unknown as ChaosCluster)
  t.same(cuts.map(({ from, to }) => `${from}>${to}`).sort(), ['1>3', '1>4', '2>3', '2>4', '3>1', '3>2', '4>1', '4>2'])
  t.ok(cuts.every(({ loss }) => loss === 'all'))
})

t.test('I9: chaos: datacenters that agree each within itself, and not with each other, are not the same', async t => {
  const of = (digest: string): Explained => ({
    agree: true,
    preference: [{ host: 'a', reached: true, found: true, dots: [], digest, tombstone: false }]
  })
  t.ok(areSame([of('x'), of('x')]))
  t.notOk(areSame([of('x'), of('y')]))
  t.notOk(areSame([of('x'), undefined]))
})

t.test('I13: chaos: what is owed at rest, a ledger that does not add up, and a host that does not answer are told', async t => {
  const host: HostReplication = {
    host: 'host-1',
    dc: 'dc1',
    reached: true,
    created: 5,
    delivered: 3,
    superseded: 2,
    pending: 0
  }
  const pair: ReplicationPair = { from: 'dc1', to: 'dc2', keys: 0, oldest_seconds: null }
  t.same(faultsOf({ pairs: [pair], hosts: [host] }, 1), [])
  t.match(faultsOf({ pairs: [{ ...pair, keys: 7 }], hosts: [host] }, 1), [/^dc1 owes dc2 7 keys$/])
  t.match(faultsOf({ pairs: [pair], hosts: [{ ...host, delivered: 2 }] }, 1), [/^what host-1 owes does not add up/])
  t.match(faultsOf({ pairs: [pair], hosts: [{ ...host, reached: false }] }, 1), [/^host-1 does not say/])
  t.match(faultsOf({ pairs: [pair], hosts: [host] }, 2), [/^1 of 2 hosts/])
})

t.test(
  'npm run chaos: scenarios of two datacenters have an even number of hosts, six by default, and a cut of a minute',
  async t => {
    t.match(readOptions(['--scenario', 'datacenter-cut']), { hosts: 6, datacenters: 2, minutes: 1 })
    t.match(readOptions(['--scenario', 'datacenter-lost', '--hosts', '4']), { hosts: 4, datacenters: 2, rounds: 2 })
    t.match(readOptions(['--scenario', 'one-down']), { hosts: 5, datacenters: 1, minutes: 10 })
    t.throws(() => readOptions(['--scenario', 'datacenter-cut', '--hosts', '5']), /even number/)
  }
)
