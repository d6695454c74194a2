import fc from 'fast-check'
import t from 'tap'
import { clientCodecs } from '../../../actors/coordinator/request-wire.ts'
import { wireCodecs } from '../../../actors/wire.ts'
import type { Message } from '../../../bus/bus.ts'
import { codecRegistry, Reader, Writer } from '../../../bus/codec.ts'
import { readDots } from '../../../model/dot-codec.ts'

const hosts = codecRegistry(wireCodecs)
const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const slot = fc.integer({ min: 0, max: 255 })

function bytesOf(message: Message): Buffer {
  const writer = new Writer()
  hosts.write(message, writer)
  return Buffer.from(writer.view())
}

const read = (bytes: Uint8Array): Message => hosts.read(new Reader().open(bytes))

t.test('acknowledgements of any content come back from their bytes as they were', async () => {
  const message = fc.oneof(
    fc.record({ kind: fc.constant('acked'), slot }),
    fc.record({ kind: fc.constant('recall'), put: number }),
    fc.record({ kind: fc.constant('stored-list'), acks: fc.array(fc.tuple(number, number)).map(pairs => pairs.flat()) }),
    fc.record({
      kind: fc.constant('coordinated'),
      slot,
      needed: slot,
      asked: slot,
      strength: fc.constantFrom('strong', 'sloppy', 'weak'),
      epoch: fc.stringMatching(/^[0-9a-f]{8}$/),
      context: fc.constant({ vector: [7, 3], cloud: [9, 4] })
    })
  )
  fc.assert(
    fc.property(message, given => {
      const { replyTo: _, ...came } = read(bytesOf(given)) as Message & Record<string, unknown>
      return JSON.stringify(came) === JSON.stringify(given)
    })
  )
})

t.test(
  'replicate with a client to be told → it comes back; an earlier version finds an empty floor in its place, and stops there',
  async t => {
    const direct = { client: { address: 'client.x.store', correlation: 2 ** 40, incarnation: 7 }, slot: 2, epoch: '00000001' }
    const replicate = { kind: 'replicate', key: 'b\0k', resolver: 'siblings', durability: 'flushed', siblings: Buffer.from('s') }
    t.match(read(bytesOf({ ...replicate, direct } as unknown as Message)), { ...replicate, floor: undefined, direct })
    t.match(read(bytesOf(replicate)), { ...replicate, floor: undefined, direct: undefined })
    const floor = [7, 3]
    t.match(read(bytesOf({ ...replicate, floor } as unknown as Message)), { ...replicate, floor, direct: undefined })
    const [plain, told] = [bytesOf(replicate), bytesOf({ ...replicate, direct } as unknown as Message)]
    t.same(told.subarray(0, plain.length), plain, 'the same bytes')
    t.same(readDots({ bytes: told, at: plain.length }, true), [], 'then what is read as a floor')
  }
)

t.test('at the door of clients they have bytes, what owners tell coordinators has none', async t => {
  const door = codecRegistry(clientCodecs, { plain: false })
  for (const kind of ['acked', 'recall']) t.doesNotThrow(() => door.write({ kind, slot: 1, put: 1 } as Message, new Writer()))
  t.throws(() => door.write({ kind: 'stored-list', acks: [] } as Message, new Writer()))
  t.throws(() => door.read(new Reader().open(bytesOf({ kind: 'stored-list', acks: [1, 1] } as Message))))
})
