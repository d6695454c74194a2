import t from 'tap'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { NatsBus } from '../../bus/nats-bus.ts'
import { subjectScheme } from '../../bus/subject.ts'
import { limits } from '../../model/limits.ts'
import { contractCodec, envelopeTo, type Numbered, numberedMessage, Recorder, until } from '../contract/bus-harness.ts'
import { natsServerFor } from './nats-fixture.ts'

const a = threadAddressOf('a', 'data-0')
const b = threadAddressOf('b', 'data-0')
const size = 50_000

class Teller extends Recorder {
  readonly refusals: number[] = []
  refused(replyTo: Ref): void {
    this.refusals.push(replyTo.correlation)
  }
  get numbers(): number[] {
    return this.messages.map(message => (message as Numbered).number)
  }
}

t.test(
  'nats bus: four times as much at once as may be under way → that much leaves, and the rest as it is taken, in order',
  async t => {
    const server = await natsServerFor(t)
    const connect = (thread: typeof a): Promise<NatsBus> =>
      NatsBus.connect({
        servers: server.url,
        ...server.internal,
        scheme: subjectScheme('carillon'),
        thread,
        codec: contractCodec
      })
    const [busA, busB] = [await connect(a), await connect(b)]
    t.teardown(() => Promise.all([busA.close(), busB.close()]))
    const [atA, atB] = [new Teller(), new Teller()]
    busA.listen(atA)
    busB.listen(atB)
    await Promise.all([busA.ready(), busB.ready()])
    const send = (number: number): boolean => {
      const replyTo = { address: addressOf(a, 'asker'), correlation: number, incarnation: 1 }
      return busA.send(envelopeTo({ address: addressOf(b, 'x') }, { ...numberedMessage(0, number, size), replyTo }))
    }
    busB.send(envelopeTo({ address: addressOf(a, 'x') }, { kind: 'hello' }))
    busB.flush()
    await until('they know each other', () => atA.envelopes.length === 1)
    const count = Math.floor((4 * limits.creditBytesMax) / size)
    for (let number = 0; number < count; number++) t.ok(send(number))
    busA.flush()
    const { bytesOut, heldBytes } = busA.figures()
    t.ok(Math.abs(bytesOut - limits.creditBytesMax) < 2 * size, `${bytesOut} bytes have left`)
    t.ok(heldBytes > 2 * limits.creditBytesMax, `${heldBytes} wait`)
    await until('all have come', () => atB.envelopes.length === count)
    t.same(
      atB.numbers,
      Array.from({ length: count }, (_, number) => number)
    )
    t.equal(busA.figures().heldBytes, 0)
    t.same(atA.refusals, [])
  }
)
