import { decodeContext, emptyContext, encodeContext } from '../model/causal-context.ts'
import { contextAfterWrite, emptySiblings, merge, type Sibling, type Siblings, write } from '../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings, relationOfBytes } from '../model/siblings-codec.ts'
import { type VnodeId, vnodeIdOf } from '../model/version-vector.ts'
import { ask } from './question.ts'

const value = Buffer.alloc(100, 'v')
const ids = Array.from({ length: 16 }, (_, index) => vnodeIdOf(index + 1, 7))

function version(vnode: VnodeId, counter: number): Sibling {
  return { vnode, counter, value, contentType: 'application/json', modifiedMs: counter, expiresMs: 0, tombstone: false }
}

/** What a key has after `writers` vnodes have written it in turn, each over the one before; then `blind` of them at once. */
function history(writers: number, blind: number): Siblings {
  let siblings = emptySiblings
  for (let counter = 1; counter <= writers; counter++)
    siblings = write(siblings, siblings.context, version(ids[counter - 1]!, counter))
  const seen = siblings.context
  for (let number = 0; number < blind; number++) siblings = write(siblings, seen, version(ids[number % writers]!, 100 + number))
  return siblings
}

/* `node --expose-gc build/bench/versions.js [--ms 100] [--json]`: values of 100 bytes. */
await ask('What do versions cost a put and a get: write, merge, compare, encode, decode?', bench => {
  // Out of the loops, so that the engine cannot do without what is made.
  let last: unknown
  for (const [writers, blind] of [
    [1, 0],
    [3, 0],
    [3, 3],
    [16, 0],
    [3, 16]
  ] as const) {
    const local = history(writers, blind)
    const bytes = encodeSiblings(local)
    const vnode = ids[0]!
    const dot = { vnode, counter: 1_000 }
    const next = version(vnode, 1_000)
    const ahead = write(local, local.context, next)
    const aheadBytes = encodeSiblings(ahead)
    const apart = write(local, local.context, version(ids[1]!, 999))
    const token = encodeContext(local.context)
    const of = `${local.versions.length} of ${writers} writers`
    const measure = (what: string, operation: () => unknown): void =>
      bench.measure(
        `${what}, ${of}`,
        operations => {
          for (let at = 0; at < operations; at++) last = operation()
        },
        { record_bytes: bytes.length }
      )
    measure('write over what was read', () => write(local, local.context, next))
    measure('write blindly', () => write(local, emptyContext, next))
    measure('context of the reply', () => contextAfterWrite(ahead, local.context, dot))
    measure('merge with an equal one', () => merge(local, local))
    measure('merge with a newer one', () => merge(local, ahead))
    measure('merge with a concurrent one', () => merge(apart, ahead))
    measure('encode', () => encodeSiblings(local))
    measure('decode', () => decodeSiblings(bytes))
    measure('digest of the bytes', () => digestOf(bytes))
    measure('compare bytes with newer ones', () => relationOfBytes(bytes, aheadBytes))
    measure('token of the context', () => encodeContext(local.context))
    measure('context of a token', () => decodeContext(token))
    if (last === undefined) throw new Error('an operation gave nothing')
  }
})
