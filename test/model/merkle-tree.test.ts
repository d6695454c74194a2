import fc from 'fast-check'
import t from 'tap'
import { keyOfText } from '../../model/key.ts'
import {
  depthFor,
  firstChildOf,
  levelOf,
  MerkleTree,
  nodeAt,
  parentOf,
  treeDepthMax,
  treeFanOut,
  treeHashOf
} from '../../model/merkle-tree.ts'

const keyOf = (index: number) => keyOfText('b', `k${index}`)
const digest = fc.integer({ min: 0, max: 2 ** 53 - 1 })
const records = fc.dictionary(fc.nat(5_000).map(String), digest, { maxKeys: 60 })

function treeOf(entries: readonly (readonly [string, number])[], depth: number): MerkleTree {
  const tree = new MerkleTree(depth)
  for (const [index, value] of entries) tree.add(keyOf(Number(index)), value)
  return tree
}

function* nodesOf(depth: number): Generator<number> {
  for (let node = 0; levelOf(node) <= depth; node++) yield node
}

t.test('whatever the order of writes, replacements and erasures: equal records, equal nodes', async () => {
  fc.assert(
    fc.property(records, records, fc.integer({ min: 1, max: 3 }), (before, after, depth) => {
      const built = treeOf(Object.entries(after), depth)
      const kept = treeOf(Object.entries(before).reverse(), depth)
      for (const [index, value] of Object.entries(before)) {
        const now = after[index]
        if (now === undefined) kept.remove(keyOf(Number(index)), value)
        else kept.replace(keyOf(Number(index)), value, now)
      }
      for (const [index, value] of Object.entries(after)) if (before[index] === undefined) kept.add(keyOf(Number(index)), value)
      for (const node of nodesOf(depth))
        if (kept.high(node) !== built.high(node) || kept.low(node) !== built.low(node)) return false
      return kept.keys === built.keys
    }),
    { numRuns: 200 }
  )
})

t.test('one record more, or another one: every node on its path differs, and no other', async () => {
  fc.assert(
    fc.property(records, fc.nat(5_000), digest, (before, index, value) => {
      fc.pre(before[String(index)] !== value)
      const one = treeOf(Object.entries(before), 3)
      const other = treeOf(Object.entries({ ...before, [index]: value }), 3)
      const hash = treeHashOf(keyOf(index))
      const path = new Set([0, 1, 2, 3].map(level => nodeAt(level, hash)))
      for (const node of nodesOf(3)) {
        const differs = one.high(node) !== other.high(node) || one.low(node) !== other.low(node)
        if (differs !== path.has(node)) return false
      }
      return true
    }),
    { numRuns: 100 }
  )
})

t.test('a node is the XOR of its children, and has the same value in a tree of any depth', async t => {
  const entries = Array.from({ length: 500 }, (_, index) => [String(index), index * 7 + 1] as const)
  const deep = treeOf(entries, 3)
  for (let depth = 1; depth <= treeDepthMax; depth++) {
    const tree = depth <= 3 ? deep.cut(depth) : treeOf(entries, depth)
    t.equal(tree.depth, depth)
    t.equal(tree.keys, 500)
    for (const node of nodesOf(Math.min(depth, 2))) {
      if (tree.high(node) !== deep.high(node) || tree.low(node) !== deep.low(node)) t.fail(`node ${node} at depth ${depth}`)
      if (levelOf(node) === depth) continue
      if (node !== parentOf(firstChildOf(node)) || node !== parentOf(firstChildOf(node) + 15))
        t.fail(`the parent of the children of ${node}`)
      let high = 0
      let low = 0
      for (let child = 0; child < treeFanOut; child++) {
        high ^= tree.high(firstChildOf(node) + child)
        low ^= tree.low(firstChildOf(node) + child)
      }
      if (high >>> 0 !== tree.high(node) || low >>> 0 !== tree.low(node)) t.fail(`the children of ${node} at depth ${depth}`)
    }
  }
})

t.test('depth grows with the keys, so that a leaf has few; keys spread evenly over the leaves', async t => {
  t.same([0, 100, 129, 2_048, 2_049, 32_768, 32_769, 10 ** 9].map(depthFor), [1, 1, 2, 2, 3, 3, 4, 4])
  const counts = new Array<number>(256).fill(0)
  for (let index = 0; index < 25_600; index++) counts[nodeAt(2, treeHashOf(keyOf(index))) - 17]!++
  t.ok(Math.max(...counts) < 160 && Math.min(...counts) > 50, `${Math.min(...counts)} to ${Math.max(...counts)} of 100`)
})

t.test('the highest counter of each vnode that was seen stays', async t => {
  const tree = new MerkleTree(1)
  tree.see([7, 3, 2, 9])
  tree.see([7, 2, 8, 1])
  tree.see([7, 5])
  t.same(tree.seen, [2, 9, 7, 5, 8, 1])
  t.same(tree.cut(1).seen, tree.seen)
})
