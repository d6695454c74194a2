import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type NatsConnection } from 'nats'
import type { Target } from '../../api/bench/target.ts'
import type { NatsServer } from '../../bus/nats-server.ts'
import type { PrototypeOrder } from './prototype-host.ts'
import { Batch, clientNumber, clientSubject, hostSubject, type Kind, kinds, noValue, readFrame } from './prototype-wire.ts'

const keyBytesMax = 255

/** The prototype's hosts, one process and one server each, and a client that spreads its requests over them. */
export async function openPrototype(servers: readonly NatsServer[], directory: string): Promise<Target> {
  const children = await Promise.all(servers.map((server, number) => startHost(server, number, servers.length, directory)))
  const connections: NatsConnection[] = []
  const batches: Batch[] = []
  const waiting = new Map<number, (value: Buffer) => void>()
  const done = (_kind: Kind, id: number, _key: string, value: Buffer): void => {
    const resolve = waiting.get(id)
    waiting.delete(id)
    resolve?.(value)
  }
  for (const [number, { url, internal }] of servers.entries()) {
    const { user, password } = internal
    const connection = await connect({ servers: url, user, pass: password, noAsyncTraces: true, ignoreClusterUpdates: true })
    connection.subscribe(clientSubject(number), { callback: (_, message) => readFrame(message.data, done) })
    await connection.flush()
    connections.push(connection)
    batches.push(new Batch(clientNumber, frame => connection.publish(hostSubject(number), frame)))
  }
  let next = 0
  const ask = (kind: Kind, key: string, value: Uint8Array): Promise<Buffer> => {
    if (key.length > keyBytesMax) throw new RangeError(`a key of the prototype has at most ${keyBytesMax} bytes`)
    next = (next + 1) >>> 0
    batches[next % batches.length]!.add(kind, next, key, value)
    return new Promise(resolve => waiting.set(next, resolve))
  }
  const put = (key: string, value: Uint8Array): Promise<unknown> => ask(kinds.put, key, value)
  const get = (key: string): Promise<unknown> => ask(kinds.get, key, noValue)
  return {
    name: 'prototype',
    version: '',
    less: 'keeps no versions, checks nothing, repairs nothing, and waits for ever',
    modes: [{ name: '', promise: 'N=3, W=2, R=2, in memory that the system writes out', put, get }],
    prepare: put,
    processes: async () => [
      ...children.map(child => ({ pid: child.pid!, role: 'peer' as const })),
      ...servers.map(server => ({ pid: server.pid!, role: 'peer' as const }))
    ],
    async close() {
      for (const connection of connections) await connection.close()
      await Promise.all(children.map(ended))
    }
  }
}

async function startHost(server: NatsServer, number: number, hosts: number, directory: string): Promise<ChildProcess> {
  const own = join(directory, `prototype-${number}`)
  mkdirSync(own, { recursive: true })
  const child = fork(new URL('./prototype-host.js', import.meta.url))
  const { user, password } = server.internal
  const order: PrototypeOrder = { number, hosts, directory: own, server: { url: server.url, user, password } }
  await new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', code => reject(new Error(`host ${number} of the prototype ended (${code})`)))
    child.send(order)
  })
  return child
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
