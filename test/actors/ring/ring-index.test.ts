import t from 'tap'
import { RingIndex } from '../../../actors/ring/ring-index.ts'
import type { HostView, RingView } from '../../../actors/ring/ring-view.ts'
import type { HostState } from '../../../model/membership.ts'

function hostOf(name: string, state: HostState): HostView {
  return {
    name,
    uid: name.charCodeAt(0),
    incarnation: 1,
    state,
    dc: 'dc1',
    zone: 'z1',
    weight: 1,
    threads: 1,
    pid: 1,
    http: '',
    nats: '',
    version: '0',
    isBack: false,
    isDirect: true,
    standing: 'up',
    isReplaced: false,
    isRemoving: false,
    seen: '',
    arrived: ''
  }
}

/** Hosts a, b, c, …; N = 3; partition 0 belongs to the first three. */
function indexOf(states: readonly HostState[]): RingIndex {
  const hosts = states.map((state, index) => hostOf(String.fromCharCode(97 + index), state))
  const around = (from: number) => [0, 1, 2].map(step => (from + step) % hosts.length)
  const view: RingView = {
    cluster: 'carillon',
    epoch: '00000000',
    revision: '1',
    partitions: 8,
    replicas: 3,
    hosts,
    owners: Array.from({ length: 8 }, (_, partition) => around(partition % hosts.length)),
    future: [],
    moving: 0
  }
  return new RingIndex(view, 'a')
}

const asked = (ring: RingIndex) =>
  ring
    .replicasOf(0, 3)
    .replicas.filter(replica => replica.isReachable)
    .map(replica => replica.host.name)

t.test('three hosts, one suspected: the other two make a quorum, and it is left alone', async t => {
  t.same(asked(indexOf(['up', 'up', 'suspect'])), ['a', 'b'])
})

t.test('three hosts, one down and one suspected: the suspected one is asked, for nobody could stand in', async t => {
  t.same(asked(indexOf(['up', 'down', 'suspect'])), ['a', 'c'])
})

t.test('five hosts, two owners suspected: healthy hosts stand in, in the order of the ring', async t => {
  const ring = indexOf(['up', 'suspect', 'suspect', 'up', 'up'])
  t.same(asked(ring), ['a'])
  const set = ring.replicasOf(0, 3)
  t.equal(set.mayFallBack, true)
  t.same(
    set.fallbacks.map(replica => replica.host.name),
    ['d', 'e']
  )
})
