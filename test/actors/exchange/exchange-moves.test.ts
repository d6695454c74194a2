import t from 'tap'
import type { ExchangeDesk } from '../../../actors/exchange/exchange-desk.ts'
import { ExchangeMoves } from '../../../actors/exchange/exchange-moves.ts'
import type { NodesAsk } from '../../../actors/exchange/exchange-protocol.ts'
import type { HostView } from '../../../actors/ring/ring-view.ts'
import type { SystemResources } from '../../../actors/system-resources.ts'
import { type Key, keyOfText } from '../../../model/key.ts'
import { treeHashOf } from '../../../model/merkle-tree.ts'
import { decodeWords, encodeWords } from '../../../model/tree-codec.ts'
import { recordOf } from '../../simulation/exchange-cluster.ts'

const share = { partition: 5, n: 3 }
const nobody = { address: 'h1.system.nobody', correlation: 0, incarnation: 0 } as never
/** Both hosts have the first three, with other records; the peer alone has `theirs`. What `large` has is too large to travel. */
const names = ['old', 'newer', 'large', 'theirs']
const keyOf = (name: string): Key => keyOfText('b', name)
const hashesOf = (...of: readonly string[]): number[] => of.map(name => treeHashOf(keyOf(name)))
const namesIn = (hashes: readonly number[]): string => names.filter(name => hashes.includes(hashesOf(name)[0]!)).join()
const host = (name: string) => ({ name, threads: 1 }) as HostView

/** What passes between the two until nothing waits. */
function passed(givesFirst: boolean, richer: readonly NodesAsk[] | undefined): string[] {
  const steps: string[] = []
  const desk: ExchangeDesk = {
    resources: { defaults: {} } as SystemResources,
    askVnodes(asks, _, done) {
      const ask = asks[0]?.message(nobody)
      if (ask?.kind !== 'fetch') return done([])
      const pairs = ['old', 'newer']
        .filter(name => ask.hashes.includes(hashesOf(name)[0]!))
        .map(name => ({ key: keyOf(name), siblings: recordOf(1, 1) }))
      done([{ kind: 'fetched', ...share, pairs, floor: undefined, taken: ask.hashes.length, next: undefined }])
    },
    askPeer(message, _, done) {
      const question = message(nobody)
      if (question.kind === 'push-records') {
        const given = question.records.flatMap(({ pairs }) => pairs.map(([key]) => treeHashOf(key)))
        steps.push(`give ${namesIn(given)}`)
        const merged = { kind: 'records-pushed', stored: given.length, failed: 0, obsolete: [] } as const
        return done(question.asksBack === true && richer !== undefined ? { ...merged, richer } : merged)
      }
      if (question.kind !== 'fetch-records') throw new Error(question.kind)
      steps.push(`ask for ${namesIn(question.asks.flatMap(([, , hashes]) => decodeWords(hashes)))}`)
      const taken = question.asks.map(([, , hashes]) => hashes.length / 4)
      done({ kind: 'records', records: [], taken, next: undefined })
    },
    pause: (_, done) => done(),
    wait: (_, done) => done(),
    ended() {}
  }
  const figures = { trees: 0, differing: 0, pulled: 0, pushed: 0, purged: 0, failed: 0 }
  const classes = { replicas: 3, others: [] }
  const moves = new ExchangeMoves(desk, figures, { self: host('h1'), peer: host('h2'), table: {}, classes, givesFirst })
  moves.add(share, hashesOf(...names), hashesOf('old', 'newer', 'large'))
  const step = (): void => {
    if (moves.waiting > 0) moves.move(step)
  }
  step()
  if (moves.isIncomplete) steps.push('incomplete')
  return steps
}

t.test('neither host was away → all that differs is asked for, then what is here is given', async t => {
  t.same(passed(false, undefined), ['ask for old,newer,large,theirs', 'give old,newer'])
})

t.test(
  'the peer was away → what is here is given; asked for is what it alone has, what it says more of, and what was too large to go',
  async t => {
    const richer: NodesAsk[] = [[share.partition, share.n, encodeWords(hashesOf('newer'))]]
    t.same(passed(true, richer), ['give old,newer', 'ask for newer,large,theirs'])
    t.same(passed(true, []), ['give old,newer', 'ask for large,theirs'])
  }
)

t.test(
  'the peer was away and runs an earlier version, which names nothing → all that differs is asked for after all',
  async t => {
    t.same(passed(true, undefined), ['give old,newer', 'ask for old,newer,large,theirs'])
  }
)
