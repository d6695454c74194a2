import fc from 'fast-check'
import t from 'tap'
import { keyOfText } from '../../model/key.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import { servingCluster } from './asking-client.ts'
import { areEqual } from './exchange-cluster.ts'

const partitions = 8
const key = keyOfText('b', 'k')

t.test(
  'I3, I5: 3 hosts, the disk of one refuses a write whose dot the others hold → its next write does not replace that one',
  async t => {
    const { cluster, client } = servingCluster({ seed: 11, hosts: 3, partitions })
    const { disk } = cluster.machine('h1')
    t.equal(client.put('h1', key, 'before')?.kind, 'written')
    disk.failing = true
    const written = client.put('h1', key, 'refused here')
    t.equal(written?.kind, 'written', 'the other two have it')
    disk.failing = false
    t.equal(client.put('h1', key, 'after')?.kind, 'written')
    t.same(client.values('h2', key, { level: 'all' }), ['after', 'before', 'refused here'])
    const reply = client.get('h3', key, { level: 'all' })
    const { context } = decodeSiblings(reply?.kind === 'got' ? reply.siblings : new Uint8Array(0))
    t.ok(context.cloud.length > 0, 'single dots are claimed until there is a new epoch')
    const epochs = cluster.machine('h1').epochs
    cluster.clock.run(cluster.clock.now() + 100)
    t.equal(client.put('h1', key, 'later')?.kind, 'written')
    t.equal(client.values('h2', key, { level: 'all' })?.length, 4)
    t.equal(cluster.machine('h1').epochs, epochs, 'one new epoch is enough')
    t.same(cluster.crashes, [])
  }
)

t.test('I3: 3 hosts, two disks are full → storage_full, indeterminate, with its figures; reads go on; writes resume', async t => {
  const { cluster, client } = servingCluster({ seed: 12, hosts: 3, partitions })
  t.equal(client.put('h1', key, 'before')?.kind, 'written')
  for (const name of ['h1', 'h2']) cluster.machine(name).disk.full = true
  const reply = client.put('h1', key, 'x')
  t.equal(reply?.kind === 'refused' && reply.fault.code, 'storage_full')
  t.equal(reply?.kind === 'refused' && reply.fault.outcome, 'indeterminate', 'the third host may have it')
  t.ok(client.values('h1', key)?.includes('before'))
  for (const name of ['h1', 'h2']) cluster.machine(name).disk.full = false
  t.equal(client.put('h1', key, 'after', undefined, { level: 'all' })?.kind, 'written')
  t.same(client.values('h2', key, { level: 'all' })?.sort(), ['after', 'before', 'x'])
})

t.test('I5: disks of 3 hosts fail and recover between blind writes at any of them → no acknowledged value is lost', async () => {
  const step = fc.record({
    host: fc.constantFrom('h1', 'h2', 'h3'),
    what: fc.constantFrom('put', 'put', 'put', 'fail', 'full', 'mend', 'merge')
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 30 }), fc.integer({ min: 1, max: 1_000_000 }), (steps, seed) => {
      const { cluster, client } = servingCluster({ seed, hosts: 3, partitions })
      const acknowledged = new Set<string>()
      steps.forEach(({ host, what }, index) => {
        const { disk } = cluster.machine(host)
        if (what === 'fail') disk.failing = true
        else if (what === 'full') disk.full = true
        else if (what === 'mend') disk.failing = disk.full = false
        else if (what === 'merge') {
          const reply = client.get(host, key)
          const seen = reply?.kind === 'got' && reply.siblings.length > 0 ? decodeSiblings(reply.siblings) : undefined
          if (seen === undefined) return
          const values = seen.versions.map(version => Buffer.from(version.value).toString())
          if (client.put(host, key, [...values, `v${index}`].join(','), seen.context)?.kind === 'written')
            acknowledged.add(`v${index}`)
        } else if (client.put(host, key, `v${index}`)?.kind === 'written') acknowledged.add(`v${index}`)
      })
      for (const { disk } of cluster.machines) disk.failing = disk.full = false
      cluster.clock.run(cluster.clock.now() + 3_000)
      const values = new Set((client.values('h1', key, { level: 'all' }) ?? []).flatMap(value => value.split(',')))
      return [...acknowledged].every(value => values.has(value)) && cluster.crashes.length === 0
    }),
    { numRuns: 40 }
  )
})

t.test('I9: 3 hosts with exchanges, a disk failed for a while → all replicas are equal again without requests', async t => {
  const { cluster, client } = servingCluster({ seed: 13, hosts: 3, partitions, isRepairing: true })
  const { disk } = cluster.machine('h1')
  disk.failing = true
  for (let index = 0; index < 20; index++) client.put('h1', keyOfText('b', `k${index}`), 'x')
  disk.failing = false
  t.ok(cluster.simulation.runUntil(() => areEqual(cluster.machines), 120_000, 500))
})
