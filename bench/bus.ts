/*
 * What does a message cost on the bus? Codec alone; one way at fixed batch sizes; echo at fixed numbers in flight.
 * Two threads and a nats-server of their own; CPU is that of all of them together, per message (an echo is two).
 *   node build/bench/bus.js [--seconds 2] [--json]
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { connect } from 'nats'
import { Outbox } from '../bus/batch.ts'
import { Inbox } from '../bus/inbox.ts'
import { addressOf, type Envelope, type Message, threadAddressOf } from '../bus/bus.ts'
import { findNatsServer } from '../bus/nats-binary.ts'
import { NatsServer } from '../bus/nats-server.ts'
import { benchCodec, benchPut, type BenchOrder, type BenchResult } from './bus-thread.ts'

const flag = process.argv.indexOf('--seconds')
const runMs = (flag < 0 ? 2 : Number(process.argv[flag + 1])) * 1_000
const asJson = process.argv.includes('--json')
const [left, right] = [threadAddressOf('a', 'data-0'), threadAddressOf('b', 'data-0')]

interface Row {
  readonly what: string
  readonly perSecond: number
  /** CPU of client threads and of nats-server, µs for each message. */
  readonly threadsUs: number
  readonly serverUs: number
  readonly messagesPerBatch: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Nanoseconds of CPU to encode and to decode one message of a batch of 64. */
function codecCost(
  what: string,
  message: (number: number) => Message
): { what: string; encodeNs: number; decodeNs: number; bytes: number } {
  let frame = Buffer.alloc(0)
  const outbox = new Outbox(left, benchCodec, (_, writer) => {
    frame = Buffer.from(writer.view())
    outbox.recycle(writer)
  })
  const to = { address: addressOf(right, 'vnode-17'), correlation: 2, incarnation: 3 }
  const envelopes = Array.from(
    { length: 64 },
    (_, number): Envelope => ({ to, lane: 'data', budgetMs: 2_000, traceparent: undefined, message: message(number) })
  )
  const inbox = new Inbox(right, benchCodec)
  let seen = 0
  const deliver = (): void => {
    seen++
  }
  const rounds = 6_000
  const time = (work: () => void): number => {
    for (let round = 0; round < rounds; round++) work()
    const cpu = process.cpuUsage()
    for (let round = 0; round < rounds; round++) work()
    const { user, system } = process.cpuUsage(cpu)
    return ((user + system) * 1e3) / (rounds * envelopes.length)
  }
  const encodeNs = time(() => {
    for (const envelope of envelopes) outbox.add(envelope)
    outbox.flush()
  })
  const decodeNs = time(() => inbox.open(frame, deliver))
  return { what, encodeNs, decodeNs, bytes: frame.length / envelopes.length + (seen > 0 ? 0 : Number.NaN) }
}

/** CPU of another process so far, in µs; NaN where /proc is not there. */
function cpuOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return Number.NaN
  }
}

async function start(server: NatsServer, thread: string, peer: string): Promise<Worker> {
  const worker = new Worker(new URL('bus-thread.js', import.meta.url), {
    workerData: { url: server.url, user: server.internal.user, password: server.internal.password, thread, peer }
  })
  await once(worker, 'message')
  return worker
}

async function run(worker: Worker, server: NatsServer, what: string, order: BenchOrder, messagesEach: number): Promise<Row> {
  worker.postMessage({ ...order, ms: Math.min(500, order.ms) })
  await once(worker, 'message')
  const [cpu, serverCpu] = [process.cpuUsage(), cpuOf(server.pid)]
  worker.postMessage(order)
  const [result] = (await once(worker, 'message')) as [BenchResult]
  const used = process.cpuUsage(cpu)
  const messages = result.messages * messagesEach
  return {
    what,
    perSecond: result.messages / (result.elapsedMs / 1_000),
    threadsUs: (used.user + used.system) / messages,
    serverUs: (cpuOf(server.pid) - serverCpu) / messages,
    messagesPerBatch: result.messages / result.batches,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms
  }
}

/** p50 of a bare NATS request, one at a time: what the broker itself costs. */
async function bareRequestMs(server: NatsServer): Promise<number> {
  const options = { servers: server.url, user: server.internal.user, pass: server.internal.password, noAsyncTraces: true }
  const [asking, answering] = [await connect(options), await connect(options)]
  const payload = Buffer.alloc(100)
  answering.subscribe('bench.echo', { callback: (_, message) => void message.respond(payload) })
  await answering.flush()
  const latencies: number[] = []
  for (let round = 0; round < 4_000; round++) {
    const begun = performance.now()
    await asking.request('bench.echo', payload)
    if (round >= 1_000) latencies.push(performance.now() - begun)
  }
  await Promise.all([asking.close(), answering.close()])
  return latencies.sort((one, other) => one - other)[latencies.length >> 1] ?? 0
}

const folder = await mkdtemp(join(tmpdir(), 'carillon-bench-'))
const binary = await findNatsServer(process.env['CARILLON_NATS_SERVER'], process.env['PATH'])
const server = await NatsServer.start({
  binary,
  name: 'bench',
  cluster: 'carillon',
  directory: folder,
  ports: { client: -1, route: -1, monitor: -1 }
})
try {
  const codecs = [
    codecCost('hand-laid put, 100 B', number => benchPut(left, number)),
    codecCost('plain put, 100 B', number => ({ ...benchPut(left, number), kind: 'bench.plain' }))
  ]
  const [one, other] = [await start(server, left, right), await start(server, right, left)]
  const rows: Row[] = []
  for (const batch of [1, 8, 32, 128])
    rows.push(await run(one, server, `one way, batch of ${batch}`, { what: 'one-way', batch, ms: runMs }, 1))
  for (const inFlight of [1, 64, 256, 1_024])
    rows.push(await run(one, server, `echo, ${inFlight} in flight`, { what: 'echo', inFlight, ms: runMs }, 2))
  one.postMessage('close')
  other.postMessage('close')
  await Promise.all([once(one, 'exit'), once(other, 'exit')])
  const requestMs = await bareRequestMs(server)
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, nats: binary.version }
  if (asJson) process.stdout.write(`${JSON.stringify({ machine, codecs, rows, bareRequestMs: requestMs })}\n`)
  else {
    console.log('What does a message cost on the bus: its bytes, one way, and as an echo?')
    console.log(`${machine.cpu}, ${machine.cores} cores, node ${machine.node}, nats-server ${machine.nats}`)
    console.table(
      codecs.map(row => ({
        ...row,
        encodeNs: Math.round(row.encodeNs),
        decodeNs: Math.round(row.decodeNs),
        bytes: Math.round(row.bytes)
      }))
    )
    console.table(
      rows.map(row => ({
        what: row.what,
        'per second': Math.round(row.perSecond),
        'µs CPU threads': Number(row.threadsUs.toFixed(2)),
        'µs CPU nats': Number(row.serverUs.toFixed(2)),
        'per batch': Number(row.messagesPerBatch.toFixed(1)),
        'p50 ms': Number(row.p50Ms.toFixed(3)),
        'p99 ms': Number(row.p99Ms.toFixed(3))
      }))
    )
    console.log(`bare NATS request, 1 in flight: p50 ${requestMs.toFixed(3)} ms`)
  }
} finally {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
}
