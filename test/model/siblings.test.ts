import fc from 'fast-check'
import t from 'tap'
import { contextOfWrite, descends, emptyContext, withCounter, withDot, type CausalContext } from '../../model/causal-context.ts'
import {
  contextAfterWrite,
  DotReused,
  emptySiblings,
  isDeleted,
  live,
  merge,
  newest,
  relation,
  resolveLastWriteWins,
  write,
  type Sibling,
  type Siblings
} from '../../model/siblings.ts'

const sibling = (vnode: number, counter: number, more: Partial<Sibling> = {}): Sibling => ({
  vnode,
  counter,
  value: new Uint8Array([vnode, counter]),
  contentType: 'application/octet-stream',
  modifiedMs: counter,
  expiresMs: 0,
  tombstone: false,
  ...more
})
const dotsOf = (siblings: Siblings) => siblings.versions.map(({ vnode, counter }) => `${vnode}:${counter}`)

t.test('write: with the context of a read, removes exactly what was read', async t => {
  let local = write(emptySiblings, emptyContext, sibling(1, 1))
  const read = local.context
  local = write(local, emptyContext, sibling(1, 2))
  t.same(dotsOf(local), ['1:1', '1:2'], 'a blind write removes nothing')
  local = write(local, read, sibling(1, 3))
  t.same(dotsOf(local), ['1:2', '1:3'], 'what came after the read stays')
  t.same(local.context, { vector: [1, 3], cloud: [] })
})

t.test('write: blind writes through three replicas, none lost in any merge', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2), { minLength: 1, maxLength: 20 }), at => {
      const replicas: Siblings[] = [emptySiblings, emptySiblings, emptySiblings]
      at.forEach((replica, count) => {
        replicas[replica] = write(replicas[replica]!, emptyContext, sibling(replica + 1, count + 1))
      })
      return replicas.reduce(merge).versions.length === at.length
    })
  )
})

t.test('write: read then write, one after the other through any replicas with any replication, leaves one version', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 40 }), steps => {
      const replicas: Siblings[] = [emptySiblings, emptySiblings, emptySiblings, emptySiblings]
      let context: CausalContext = emptyContext
      steps.forEach(([writeAt, from, to], count) => {
        const next = sibling(writeAt + 1, count + 1)
        replicas[writeAt] = write(replicas[writeAt]!, context, next)
        if (replicas[writeAt].versions.length !== 1) throw new Error(`${dotsOf(replicas[writeAt])}`)
        context = count % 2 === 0 ? contextAfterWrite(replicas[writeAt], context, next) : replicas[writeAt].context
        replicas[to] = merge(replicas[to]!, replicas[from]!)
        if (replicas[to].versions.length > 1) throw new Error(`${dotsOf(replicas[to])}`)
      })
      return replicas.reduce(merge).versions.length === 1
    }),
    { numRuns: 1000 }
  )
})

t.test('I7: two writers interleaved, each with the context of its own last reply, never make more than two siblings', async t => {
  for (const reply of [contextAfterWrite, (_: Siblings, context: CausalContext, dot: Sibling) => contextOfWrite(context, dot)]) {
    let local = emptySiblings
    const contexts = [emptyContext, emptyContext]
    for (let count = 1; count <= 500; count++) {
      const writer = count % 2
      const next = sibling(1, count)
      local = write(local, contexts[writer]!, next)
      contexts[writer] = reply(local, contexts[writer]!, next)
      if (local.versions.length > 2) t.fail(`${local.versions.length} siblings after ${count} writes`)
    }
    t.same(dotsOf(local), ['1:499', '1:500'])
    t.same(local.context, { vector: [1, 500], cloud: [] }, 'and the replica knows it in one entry')
  }
})

t.test('contextAfterWrite: a chain of writes without reads, through alternating replicas, keeps a short context', async t => {
  const replicas: Siblings[] = [emptySiblings, emptySiblings, emptySiblings]
  let context: CausalContext = emptyContext
  for (let count = 1; count <= 300; count++) {
    const at = count % 3
    const next = sibling(at + 1, count)
    replicas[at] = write(replicas[at]!, context, next)
    context = contextAfterWrite(replicas[at], context, next)
  }
  t.equal(context.vector.length, 6)
  t.same(context.cloud, [])
  t.same(dotsOf(replicas.reduce(merge)), ['1:300'])
})

t.test('I6 write: a dot that the replica or the client claims to have seen → DotReused, nothing made', async t => {
  const local = write(emptySiblings, emptyContext, sibling(1, 5))
  t.throws(() => write(local, emptyContext, sibling(1, 5)), DotReused)
  t.throws(() => write(local, emptyContext, sibling(1, 4)), DotReused)
  t.throws(() => write(local, withDot(emptyContext, 1, 6), sibling(1, 6)), { name: 'DotReused', message: /dot 1:6 is covered/ })
})

t.test('merge: N=3, a stale replica learns of a replaced value and does not bring it back', async t => {
  const first = write(emptySiblings, emptyContext, sibling(1, 1))
  const second = write(first, first.context, sibling(2, 1))
  t.equal(merge(first, second), second)
  t.equal(merge(second, first), second)
  t.equal(relation(first, second), 'before')
  t.equal(relation(second, first), 'after')
  t.equal(relation(second, { ...second }), 'equal')
  t.equal(relation(second, write(first, first.context, sibling(3, 1))), 'concurrent')
})

t.test(
  'I12 merge: a delete and a write beside it that had not seen it → both stay; an old value below the delete does not return',
  async t => {
    const first = write(emptySiblings, emptyContext, sibling(1, 1))
    const deleted = write(first, first.context, sibling(1, 2, { tombstone: true }))
    t.ok(isDeleted(deleted))
    t.same(live(deleted), [])
    t.same(dotsOf(merge(first, deleted)), ['1:2'])
    const beside = merge(deleted, write(first, first.context, sibling(2, 1)))
    t.same(dotsOf(beside), ['1:2', '2:1'])
    t.notOk(isDeleted(beside))
    t.same(
      live(beside).map(({ vnode }) => vnode),
      [2]
    )
  }
)

t.test('live, isDeleted: what has expired is not shown where a time is given', async t => {
  const local = write(write(emptySiblings, emptyContext, sibling(1, 1, { expiresMs: 100 })), emptyContext, sibling(1, 2))
  t.equal(live(local), local.versions)
  t.equal(live(local, 99).length, 2)
  t.equal(live(local, 100).length, 1)
  const alone = write(emptySiblings, emptyContext, sibling(1, 1, { expiresMs: 100 }))
  t.notOk(isDeleted(alone))
  t.ok(isDeleted(alone, 100))
  t.notOk(isDeleted(emptySiblings), 'never written is not deleted')
})

t.test('newest: by time, then vnode, then counter', async t => {
  const of = (...versions: Sibling[]): Siblings => ({ context: emptyContext, versions })
  t.equal(newest(emptySiblings), undefined)
  t.match(newest(of(sibling(1, 1, { modifiedMs: 9 }), sibling(2, 1, { modifiedMs: 8 }))), { vnode: 1 })
  t.match(newest(of(sibling(1, 1, { modifiedMs: 9 }), sibling(2, 1, { modifiedMs: 9 }), sibling(2, 2, { modifiedMs: 9 }))), {
    vnode: 2,
    counter: 2
  })
})

t.test(
  'resolveLastWriteWins: replicas that resolve before or after merging, in any order, end with the newest of all',
  async () => {
    const writes = fc.array(fc.tuple(fc.nat(2), fc.nat(5), fc.boolean(), fc.nat(2), fc.nat(2)), { minLength: 1, maxLength: 15 })
    fc.assert(
      fc.property(writes, steps => {
        const replicas: Siblings[] = [emptySiblings, emptySiblings, emptySiblings]
        const all: Sibling[] = []
        steps.forEach(([at, modifiedMs, resolves, from, to], count) => {
          const next = sibling(at + 1, count + 1, { modifiedMs })
          all.push(next)
          replicas[at] = write(replicas[at]!, emptyContext, next)
          if (resolves) replicas[at] = resolveLastWriteWins(replicas[at])
          replicas[to] = merge(replicas[to]!, replicas[from]!)
        })
        const best = all.reduce((a, b) =>
          (a.modifiedMs - b.modifiedMs || a.vnode - b.vnode || a.counter - b.counter) > 0 ? a : b
        )
        const end = resolveLastWriteWins(replicas.reduce(merge))
        return (
          end.versions.length === 1 &&
          end.versions[0] === best &&
          descends(end.context, withCounter(emptyContext, best.vnode, best.counter))
        )
      }),
      { numRuns: 2000 }
    )
  }
)
