import { open } from 'lmdb'
import { connect } from 'nats'
import { Batch, clientSubject, hostSubject, type Kind, kinds, noValue, readFrame } from './prototype-wire.ts'

/*
 * A host of the prototype, started by `prototype-target.ts`: coordinator and store in one thread, every key on all hosts, a put done when
 * two have it, a get when two have been read. No versions, checks, repair, supervision, time-outs or metrics.
 */
export interface PrototypeOrder {
  readonly number: number
  readonly hosts: number
  readonly directory: string
  readonly server: { readonly url: string; readonly user: string; readonly password: string }
}

interface Request {
  /** What the client knows it by. */
  readonly id: number
  left: number
  value: Uint8Array
}

const quorum = 2

async function run({ number, hosts, directory, server }: PrototypeOrder): Promise<void> {
  // Acknowledged when it survives the death of the process, as `committed` is.
  const table = open<Buffer, string>({ path: directory, encoding: 'binary', noSync: true, useWritemap: true, mapSize: 2 ** 34 })
  const { url, user, password } = server
  const connection = await connect({ servers: url, user, pass: password, noAsyncTraces: true, ignoreClusterUpdates: true })
  const batchTo = (subject: string): Batch => new Batch(number, frame => connection.publish(subject, frame))
  const peers = Array.from({ length: hosts }, (_, peer) => batchTo(hostSubject(peer)))
  const client = batchTo(clientSubject(number))
  const others = peers.filter((_, peer) => peer !== number)
  const requests = new Map<number, Request>()
  let next = 0

  const begin = (id: number, value: Uint8Array): number => {
    next = (next + 1) >>> 0
    requests.set(next, { id, left: quorum, value })
    return next
  }
  const answered = (own: number, value: Uint8Array): void => {
    const request = requests.get(own)
    if (request === undefined) return
    if (value.length > 0) request.value = value
    if (--request.left > 0) return
    requests.delete(own)
    client.add(kinds.done, request.id, '', request.value)
  }

  const take = (kind: Kind, id: number, key: string, value: Buffer, sender: number): void => {
    switch (kind) {
      case kinds.put: {
        const own = begin(id, noValue)
        for (const other of others) other.add(kinds.store, own, key, value)
        void table.put(key, value).then(() => answered(own, noValue))
        return
      }
      case kinds.get: {
        const own = begin(id, noValue)
        others[own % others.length]!.add(kinds.fetch, own, key, noValue)
        return answered(own, table.get(key) ?? noValue)
      }
      case kinds.store:
        void table.put(key, value).then(() => peers[sender]!.add(kinds.done, id, '', noValue))
        return
      case kinds.fetch:
        return peers[sender]!.add(kinds.done, id, '', table.get(key) ?? noValue)
      default:
        return answered(id, value)
    }
  }
  const listen = (error: Error | null, message: { data: Uint8Array }): void => {
    if (error !== null) throw error
    readFrame(message.data, take)
  }
  connection.subscribe(hostSubject(number), { callback: listen })
  await connection.flush()
  process.send?.('ready')
}

process.once('disconnect', () => process.exit(0))
process.once('message', (order: PrototypeOrder) => void run(order))
