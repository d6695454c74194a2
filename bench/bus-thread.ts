/*
 * A thread of the bus bench: sends, takes or echoes what `bus.ts` tells it to.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { addressOf, type Envelope, type Message, type Receiver, type ThreadAddress } from '../bus/bus.ts'
import { type Codec, codecRegistry, type MessageCodec } from '../bus/codec.ts'
import { NatsBus } from '../bus/nats-bus.ts'
import { subjectScheme } from '../bus/subject.ts'

/** A put as a coordinator would tell it to a replica: a key, a small header, 100 bytes of value. */
export interface BenchPut extends Message {
  readonly kind: 'bench.put'
  readonly key: string
  readonly partition: number
  readonly value: Uint8Array
}

export interface BenchAck extends Message {
  readonly kind: 'bench.ack'
  readonly code: number
}

const put: MessageCodec<BenchPut> = {
  tag: 1,
  kind: 'bench.put',
  write(message, writer) {
    writer.latin1(message.key)
    writer.varint(message.partition)
    writer.bytes(message.value)
  },
  read(reader) {
    return { kind: 'bench.put', key: reader.latin1(), partition: reader.varint(), value: reader.bytes() }
  }
}

const ack: MessageCodec<BenchAck> = {
  tag: 2,
  kind: 'bench.ack',
  write(message, writer) {
    writer.varint(message.code)
  },
  read(reader) {
    return { kind: 'bench.ack', code: reader.varint() }
  }
}

export const benchCodec: Codec = codecRegistry([put, ack])

export function benchPut(thread: ThreadAddress, number: number): BenchPut {
  return {
    kind: 'bench.put',
    key: `users\0user:${1_000_000 + (number % 100_000)}`,
    partition: number % 256,
    value,
    replyTo: { address: addressOf(thread, 'coordinator-0'), correlation: number, incarnation: 1 }
  }
}

const value = Buffer.alloc(100, 'v')

/** What the main thread asks for. */
export type BenchOrder =
  | { readonly what: 'one-way'; readonly batch: number; readonly ms: number }
  | { readonly what: 'echo'; readonly inFlight: number; readonly ms: number }

export interface BenchResult {
  readonly messages: number
  readonly batches: number
  readonly elapsedMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

interface ThreadData {
  readonly url: string
  readonly user: string
  readonly password: string
  readonly thread: ThreadAddress
  readonly peer: ThreadAddress
}

/** Messages that a one-way sender may be ahead, and how often the taker says how far it is. */
const ahead = 32_768
const creditEvery = 2_048

class BenchThread implements Receiver {
  readonly #bus: NatsBus
  readonly #data: ThreadData
  #taken = 0
  #acknowledged = 0
  #onAck: ((envelope: Envelope) => void) | undefined
  #onAcks: (() => void) | undefined

  constructor(bus: NatsBus, data: ThreadData) {
    this.#bus = bus
    this.#data = data
    bus.listen(this)
  }

  deliver(envelope: Envelope): void {
    const message = envelope.message as BenchPut | BenchAck
    if (message.kind === 'bench.ack') {
      this.#onAck?.(envelope)
      return
    }
    const { replyTo } = message
    if (replyTo === undefined) return
    if (envelope.to.correlation === 1) {
      this.#bus.send({
        to: replyTo,
        lane: 'data',
        budgetMs: 0,
        traceparent: undefined,
        message: { kind: 'bench.ack', code: 200 } as BenchAck
      })
    } else if (++this.#taken % creditEvery === 0) {
      this.#bus.send({
        to: replyTo,
        lane: 'control',
        budgetMs: 0,
        traceparent: undefined,
        message: { kind: 'bench.ack', code: 1 } as BenchAck
      })
    }
  }

  delivered(): void {
    this.#onAcks?.()
    this.#bus.flush()
  }

  unreachable(): void {}

  #tell(number: number, correlation: number): void {
    this.#bus.send({
      to: { address: addressOf(this.#data.peer, 'vnode-17'), correlation, incarnation: 3 },
      lane: 'data',
      budgetMs: 2_000,
      traceparent: undefined,
      message: benchPut(this.#data.thread, number)
    })
  }

  async oneWay(batch: number, ms: number): Promise<BenchResult> {
    this.#acknowledged = 0
    let sent = 0
    let wake: (() => void) | undefined
    this.#onAck = () => {
      this.#acknowledged += creditEvery
    }
    this.#onAcks = () => wake?.()
    const start = performance.now()
    const before = this.#bus.figures().batchesOut
    const end = start + ms
    while (performance.now() < end) {
      while (sent - this.#acknowledged < ahead) {
        // one turn of the event loop: as much as a busy thread would make
        for (let round = 0; round < 512; round += batch) {
          for (let index = 0; index < batch; index++) this.#tell(sent++, 2)
          this.#bus.flush()
        }
        await new Promise<void>(resolve => setImmediate(resolve))
        if (performance.now() >= end) break
      }
      if (sent - this.#acknowledged >= ahead) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    }
    while (sent - this.#acknowledged >= creditEvery) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    const elapsedMs = performance.now() - start
    // what is left over is less than a credit; make the next run begin even
    while (sent % creditEvery !== 0) this.#tell(sent++, 2)
    this.#bus.flush()
    while (sent > this.#acknowledged) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    return { messages: sent, batches: this.#bus.figures().batchesOut - before, elapsedMs, p50Ms: 0, p99Ms: 0 }
  }

  echo(inFlight: number, ms: number): Promise<BenchResult> {
    return new Promise(resolve => {
      const startedAt = new Float64Array(inFlight)
      const latencies: number[] = []
      const start = performance.now()
      const end = start + ms
      const before = this.#bus.figures().batchesOut
      let open = inFlight
      let now = start
      this.#onAck = envelope => {
        const slot = envelope.to.correlation
        now = performance.now()
        latencies.push(now - (startedAt[slot] as number))
        if (now >= end) {
          open--
          return
        }
        startedAt[slot] = now
        this.#tell(slot, 1)
      }
      this.#onAcks = () => {
        if (open > 0) return
        this.#onAcks = undefined
        const sorted = Float64Array.from(latencies).sort()
        resolve({
          messages: latencies.length,
          batches: this.#bus.figures().batchesOut - before,
          elapsedMs: now - start,
          p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
          p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0
        })
      }
      for (let slot = 0; slot < inFlight; slot++) {
        startedAt[slot] = performance.now()
        this.#tell(slot, 1)
      }
      this.#bus.flush()
    })
  }
}

if (parentPort !== null) {
  const port = parentPort
  const data = workerData as ThreadData
  const bus = await NatsBus.connect({
    servers: data.url,
    user: data.user,
    password: data.password,
    scheme: subjectScheme(),
    thread: data.thread,
    codec: benchCodec
  })
  const bench = new BenchThread(bus, data)
  await bus.ready()
  const carryOut = async (order: BenchOrder | 'close'): Promise<void> => {
    if (order === 'close') {
      await bus.close()
      port.close()
      return
    }
    port.postMessage(
      order.what === 'one-way' ? await bench.oneWay(order.batch, order.ms) : await bench.echo(order.inFlight, order.ms)
    )
  }
  port.on('message', (order: BenchOrder | 'close') => void carryOut(order))
  port.postMessage('ready')
}
