import { Outbox } from '../bus/batch.ts'
import { Inbox } from '../bus/inbox.ts'
import { addressOf, type Envelope, threadAddressOf } from '../bus/bus.ts'
import { ask } from './question.ts'
import { hostCodec, receiver, sampleEnvelopes, sender } from './sample-messages.ts'

/*
 * `node --expose-gc build/bench/batch.js [--ms 100] [--json]`: the Outbox and the Inbox of one thread, no bus; per message.
 * Replicates and their answers in turn, as a coordinator's threads send them.
 */
await ask('What does a message cost in a batch, by the size of the batch and the number of receivers?', bench => {
  const samples = sampleEnvelopes().filter(({ message }) => message.kind === 'replicate' || message.kind === 'stored')
  for (const [batch, receivers] of [
    [1, 1],
    [8, 1],
    [64, 1],
    [256, 1],
    [64, 2],
    [64, 8]
  ] as const) {
    const envelopes = Array.from({ length: batch * receivers }, (_, number): Envelope => {
      const sample = samples[number % samples.length]!
      const thread = threadAddressOf(`host-${2 + (number % receivers)}`, 'data-0')
      return { ...sample, to: { ...sample.to, address: addressOf(thread, `vnode-${number % 256}`) } }
    })
    let frames: Buffer[] | undefined = []
    const outbox = new Outbox(sender, hostCodec, (_, writer) => {
      frames?.push(Buffer.from(writer.view()))
      outbox.recycle(writer)
    })
    const turn = (): void => {
      for (const envelope of envelopes) outbox.add(envelope)
      outbox.flush()
    }
    turn()
    const [frame] = frames
    frames = undefined
    const name = `batch of ${batch}${receivers > 1 ? ` to each of ${receivers}` : ''}`
    bench.measure(`pack, ${name}`, messages => {
      for (let left = messages; left > 0; left -= envelopes.length) turn()
    })
    if (receivers > 1) continue
    const inbox = new Inbox(receiver, hostCodec)
    const deliver = (): void => {}
    bench.measure(
      `unpack, ${name}`,
      messages => {
        for (let left = messages; left > 0; left -= envelopes.length) inbox.open(frame!, deliver)
      },
      { frame_bytes: frame!.length }
    )
    if (inbox.malformed > 0) throw new Error(`${inbox.malformed} messages did not decode`)
  }
})
