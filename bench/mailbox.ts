import { Mailbox } from '../runtime/mailbox.ts'
import { ask } from './question.ts'

/* `node --expose-gc build/bench/mailbox.js [--ms 100] [--json]` */
await ask('What does it cost to put a message into a mailbox and to take it out, by how many wait?', bench => {
  const message = { kind: 'm' }
  for (const waiting of [0, 63, 4_095]) {
    const mailbox = new Mailbox(4_096, 65_536)
    for (let at = 0; at < waiting; at++) mailbox.data.put(message, at, Number.POSITIVE_INFINITY, undefined)
    bench.measure(`put and take, data lane, ${waiting} waiting`, operations => {
      for (let at = 0; at < operations; at++) {
        mailbox.data.put(message, at, 12.5, undefined)
        mailbox.take()
      }
    })
  }
  const control = new Mailbox(4_096, 65_536)
  bench.measure('put and take, control lane', operations => {
    for (let at = 0; at < operations; at++) {
      control.control.put(message, at, Number.POSITIVE_INFINITY, undefined)
      control.take()
    }
  })
  const full = new Mailbox(64, 64)
  while (full.data.put(message, 0, 0, undefined));
  bench.measure('put, refused: the lane is full', operations => {
    for (let at = 0; at < operations; at++) full.data.put(message, at, 12.5, undefined)
  })
  bench.measure('a new mailbox that takes one message', operations => {
    for (let at = 0; at < operations; at++) {
      const mailbox = new Mailbox(4_096, 65_536)
      mailbox.data.put(message, at, 12.5, undefined)
      mailbox.take()
    }
  })
})
