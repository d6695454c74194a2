import { AddressCache } from '../bus/address-cache.ts'
import type { Envelope } from '../bus/bus.ts'
import { Reader, Writer } from '../bus/codec.ts'
import { readEnvelope, writeEnvelope } from '../bus/envelope.ts'
import { ask } from './question.ts'
import { hostCodec, receiver, sampleEnvelopes, sender } from './sample-messages.ts'

/* `node --expose-gc build/bench/envelope.js [--ms 100] [--json]`: one thread, no bus. */
await ask('What does it cost to write one message into a frame, and to read it?', bench => {
  const addresses = new AddressCache()
  // Out of the loop, so that the engine cannot do without the object.
  let last: Envelope | undefined
  for (const envelope of sampleEnvelopes()) {
    const { kind } = envelope.message
    const writer = new Writer()
    writeEnvelope(envelope, receiver.length, sender, hostCodec, writer)
    const frame = Buffer.from(writer.view())
    const frame_bytes = frame.length
    bench.measure(
      `write ${kind}`,
      operations => {
        for (let at = 0; at < operations; at++) {
          writer.clear()
          writeEnvelope(envelope, receiver.length, sender, hostCodec, writer)
        }
      },
      { frame_bytes }
    )
    const reader = new Reader()
    bench.measure(
      `read ${kind}`,
      operations => {
        for (let at = 0; at < operations; at++) {
          reader.open(frame)
          reader.varint()
          last = readEnvelope(reader, receiver, sender, 7, false, hostCodec, addresses)
        }
      },
      { frame_bytes }
    )
    if (last?.message.kind !== kind) throw new Error(`${kind} did not come back`)
  }
})
