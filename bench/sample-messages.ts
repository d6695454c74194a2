import { wireCodecs } from '../actors/wire.ts'
import { addressOf, type Envelope, type Message, threadAddressOf } from '../bus/bus.ts'
import { type Codec, codecRegistry } from '../bus/codec.ts'
import { keyOfText } from '../model/key.ts'
import { digestOf, encodeSiblings } from '../model/siblings-codec.ts'
import { vnodeIdOf } from '../model/version-vector.ts'

/** What a put and a get of 100 bytes send between two threads, as real hosts do. */
export const sender = threadAddressOf('host-1', 'data-0')
export const receiver = threadAddressOf('host-2', 'data-0')
export const hostCodec: Codec = codecRegistry(wireCodecs)

const key = keyOfText('default', 'user:1000042:profile')
const value = Buffer.alloc(100, 'v')
const vector = [1, 2, 3].flatMap(uid => [vnodeIdOf(uid, 7), 12_345])
const context = { vector, cloud: [] }
const vnode = vector[0]!
const siblings = encodeSiblings({
  context,
  versions: [
    {
      vnode,
      counter: 12_345,
      value,
      contentType: 'application/json',
      modifiedMs: 1_767_225_600_000,
      expiresMs: 0,
      tombstone: false
    }
  ]
})
const options = { level: undefined, durability: undefined, sloppy: true, receipt: false }
const replied = { strength: 'strong', answered: 2, epoch: '0a1b2c3d', receipt: undefined }

const messages: readonly Readonly<Record<string, unknown>>[] = [
  { kind: 'put', key, value, contentType: '', context: undefined, mode: 'put', ifMatch: '', ttlSeconds: 0, options, hops: 0 },
  { kind: 'get', key, options, hops: 0 },
  { kind: 'replicate', key, siblings, resolver: 'siblings', durability: 'flushed' },
  { kind: 'stored', durability: 'flushed' },
  { kind: 'compare', key, digest: digestOf(siblings) },
  { kind: 'same' },
  { kind: 'record', siblings },
  { kind: 'written', context, ...replied },
  { kind: 'got', siblings, ...replied },
  { kind: 'work', host: 'host-1', items: [{ job: 'exchange/host-2', state: 'running', fence: 7, runs: 12 }] }
]

const questions = ['put', 'get', 'replicate', 'compare']

/** One of each kind; the last has no codec of its own and travels as msgpack. */
export function sampleEnvelopes(): readonly Envelope[] {
  return messages.map((message, number) => {
    const isQuestion = questions.includes(message['kind'] as string)
    const replyTo = { address: addressOf(sender, 'coordinator'), correlation: 1_000 + number, incarnation: 3 }
    return {
      to: { address: addressOf(receiver, 'vnode-17'), correlation: isQuestion ? 0 : 4_242, incarnation: isQuestion ? 0 : 3 },
      lane: 'data',
      budgetMs: isQuestion ? 2_000 : 0,
      traceparent: undefined,
      message: (isQuestion ? { ...message, replyTo } : message) as unknown as Message
    }
  })
}
