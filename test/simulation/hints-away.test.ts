import t from 'tap'
import type { StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import { keyOfText } from '../../model/key.ts'
import { decodeSiblings, digestOf } from '../../model/siblings-codec.ts'
import { crashesOf } from './exchange-cluster.ts'
import { HintsCluster } from './hints-cluster.ts'

const key = keyOfText('b', 'k')

const refused = (code: string) => ({ kind: 'refused', fault: { code, outcome: 'refused' } })
const sloppy = { kind: 'written', strength: 'sloppy' }

function etagOf(reply: StoreReply | undefined): string {
  return reply?.kind === 'got' && reply.siblings.length > 0 ? digestOf(reply.siblings).toString(16) : ''
}

t.test('I5: all owners of a key are away → it is created at most once by those who see each other, and arrives', async t => {
  const world = new HintsCluster(key, { seed: 11 })
  const { client, owners, others } = world
  world.away(...owners)
  t.match(client.put(others[0]!, key, 'first', undefined, {}, { mode: 'create' }), sloppy)
  t.match(client.put(others[1]!, key, 'second', undefined, {}, { mode: 'create' }), refused('key_exists'))
  t.match(client.put(others[0]!, key, 'third', undefined, {}, { mode: 'create' }), refused('key_exists'))
  t.same(client.values(others[1]!, key), ['first'])
  world.back(...owners)
  t.ok(world.drained())
  t.same(client.values(owners[0]!, key, { level: 'all' }), ['first'])
  t.ok(world.isBalanced)
  t.same(crashesOf(world.cluster), [])
})

t.test('I5: all owners of a key are away → If-Match decides by what the stand-ins know, and replaces it', async t => {
  const world = new HintsCluster(key, { seed: 12 })
  const { client, owners, others } = world
  world.away(...owners)
  t.match(client.put(others[0]!, key, 'x', undefined, {}, { ifMatch: '*' }), refused('precondition_failed'))
  t.match(client.put(others[0]!, key, 'v1'), sloppy)
  const read = client.get(others[1]!, key)
  const etag = etagOf(read)
  const seen = read?.kind === 'got' ? decodeSiblings(read.siblings).context : undefined
  t.match(client.put(others[1]!, key, 'v2', seen, {}, { ifMatch: etag }), sloppy)
  t.match(client.put(others[0]!, key, 'v3', seen, {}, { ifMatch: etag }), refused('precondition_failed'))
  t.same(client.values(others[0]!, key), ['v2'])
  world.back(...owners)
  t.ok(world.drained())
  t.same(client.values(owners[0]!, key, { level: 'all' }), ['v2'])
  t.ok(world.isBalanced)
  t.same(crashesOf(world.cluster), [])
})

t.test('I5, I12: all owners of a key are away → a delete takes what the stand-ins have seen, and no more', async t => {
  const world = new HintsCluster(key, { seed: 13 })
  const { client, owners, others } = world
  t.match(client.put(owners[0]!, key, 'before'), { kind: 'written', strength: 'strong' })
  world.run(1_000)
  world.away(...owners)
  t.match(client.put(others[0]!, key, 'meanwhile'), sloppy)
  t.match(client.delete(others[1]!, key), sloppy)
  t.same(client.values(others[0]!, key), [])
  world.back(...owners)
  t.ok(world.drained())
  t.same(client.values(owners[0]!, key, { level: 'all' }), ['before'], 'nobody who deleted had seen it')
  t.ok(world.isBalanced)
  t.same(crashesOf(world.cluster), [])
})

t.test(
  'I5: owners are away by turns, and the same stand-ins mint again and again → every acknowledged value is there',
  async t => {
    const world = new HintsCluster(key, { seed: 14 })
    const { client, owners, others } = world
    const acknowledged: string[] = []
    for (let round = 0; round < 4; round++) {
      world.away(...owners)
      for (const host of others) {
        const value = `r${round}-${host}`
        if (client.put(host, key, value)?.kind === 'written') acknowledged.push(value)
      }
      world.back(...owners)
      t.ok(world.drained(), `round ${round}`)
      const value = `r${round}-owner`
      if (client.put(owners[round % 3]!, key, value)?.kind === 'written') acknowledged.push(value)
    }
    t.ok(acknowledged.length >= 8, `${acknowledged.length} were acknowledged`)
    t.same(client.values(owners[0]!, key, { level: 'all' }), [...acknowledged].sort())
    t.ok(world.isBalanced)
    t.same(crashesOf(world.cluster), [])
  }
)
