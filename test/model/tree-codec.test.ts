import fc from 'fast-check'
import t from 'tap'
import { keyOfText } from '../../model/key.ts'
import { firstChildOf, MerkleTree, nodeAt, treeFanOut, treeHashOf } from '../../model/merkle-tree.ts'
import { decodeRoots, digestOfRoots, encodeRoots } from '../../model/root-list.ts'
import {
  decodeWords,
  differingChildren,
  differingKeys,
  encodeChildren,
  encodeListed,
  encodeWords,
  type ListedKey
} from '../../model/tree-codec.ts'

const keyOf = (index: number) => keyOfText('b', `k${index}`)
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const listed: fc.Arbitrary<ListedKey> = fc.record({ hash: word, digest: fc.integer({ min: 0, max: 2 ** 53 - 1 }) })

t.test('children as they travel: exactly those whose hashes differ are found, in any trees', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300)), fc.array(fc.nat(300)), (ours, theirs) => {
      const [a, b] = [ours, theirs].map(indices => {
        const tree = new MerkleTree(2)
        for (const index of new Set(indices)) tree.add(keyOf(index), index + 1)
        return tree
      }) as [MerkleTree, MerkleTree]
      const nodes = [0, ...Array.from({ length: treeFanOut }, (_, child) => firstChildOf(0) + child)]
      const { children, alike } = differingChildren(nodes, encodeChildren(a, nodes), encodeChildren(b, nodes))
      const expected: number[] = []
      for (const node of nodes) {
        for (let child = firstChildOf(node); child < firstChildOf(node) + treeFanOut; child++)
          if (a.low(child) !== b.low(child) || a.high(child) !== b.high(child)) expected.push(child)
      }
      const parents = nodes.filter(
        node => !expected.some(child => child >= firstChildOf(node) && child < firstChildOf(node) + 16)
      )
      return JSON.stringify([children, alike]) === JSON.stringify([expected, parents])
    })
  )
})

t.test('an empty child takes no bytes but its bit', async t => {
  const tree = new MerkleTree(2)
  t.equal(encodeChildren(tree, [0, 1]).length, 4)
  tree.add(keyOf(1), 5)
  t.equal(encodeChildren(tree, [0, nodeAt(1, treeHashOf(keyOf(1)))]).length, 12)
  t.throws(() => differingChildren([0], Buffer.alloc(1), encodeChildren(tree, [0])), RangeError)
})

t.test('lists of keys: what one has and the other has not, or with another digest', async t => {
  fc.assert(
    fc.property(
      fc.uniqueArray(listed, { selector: key => key.hash }),
      fc.array(fc.nat(30)),
      fc.array(listed),
      (keys, gone, more) => {
        const ours = keys.filter((_, index) => !gone.includes(index))
        const theirs = [...keys, ...more.filter(({ hash }) => !keys.some(key => key.hash === hash))]
        const { wanted, given } = differingKeys(encodeListed(ours), encodeListed(theirs))
        const missing = new Set(
          [...keys.filter((_, index) => gone.includes(index)), ...theirs.slice(keys.length)].map(({ hash }) => hash)
        )
        return given.length === 0 && JSON.stringify(wanted.toSorted()) === JSON.stringify([...missing].toSorted())
      }
    )
  )
  const one = encodeListed([{ hash: 5, digest: 2 ** 52 + 1 }])
  const other = encodeListed([{ hash: 5, digest: 1 }])
  t.same(differingKeys(one, other), { wanted: [5], given: [5] }, 'also where only the high bits of the digest differ')
})

t.test('numbers and roots are read as they were written; a tree’s depth does not change the digest of its root', async t => {
  fc.assert(fc.property(fc.array(word), words => JSON.stringify(decodeWords(encodeWords(words))) === JSON.stringify(words)))
  const roots = [
    { partition: 0, n: 3, depth: 2, high: 0xffff_ffff, low: 1 },
    { partition: 65_535, n: 16, depth: 4, high: 0, low: 0 }
  ]
  t.same(decodeRoots(encodeRoots(roots)), roots)
  t.equal(digestOfRoots(roots), digestOfRoots(roots.map(root => ({ ...root, depth: 1 }))))
  t.not(digestOfRoots(roots), digestOfRoots(roots.map(root => ({ ...root, low: 2 }))))
})
