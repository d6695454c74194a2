import { type Key, keyOfText } from '../model/key.ts'
import { depthFor, MerkleTree, nodeAt, treeHashOf } from '../model/merkle-tree.ts'
import { differingChildren, differingKeys, encodeChildren, encodeListed, encodeWords } from '../model/tree-codec.ts'
import { ask } from './question.ts'

interface Replica {
  readonly hashes: readonly number[]
  readonly tree: MerkleTree
  readonly digests: number[]
}

function replicaOf(names: readonly Key[]): Replica {
  const tree = new MerkleTree(depthFor(names.length))
  const digests = names.map((_, index) => index * 7919 + 1)
  for (const [index, name] of names.entries()) tree.add(name, digests[index]!)
  return { tree, digests, hashes: names.map(treeHashOf) }
}

/** Down two trees as two hosts would go: roots, children of what differs, then the keys of leaves that differ. */
function exchange(ours: Replica, theirs: Replica): { bytes: number; keys: number } {
  const { depth } = ours.tree
  let bytes = 16
  let nodes: readonly number[] = ours.tree.low(0) === theirs.tree.low(0) && ours.tree.high(0) === theirs.tree.high(0) ? [] : [0]
  for (let level = 0; level < depth && nodes.length > 0; level++) {
    const [a, b] = [encodeChildren(ours.tree, nodes), encodeChildren(theirs.tree, nodes)]
    bytes += encodeWords(nodes).length + b.length
    nodes = differingChildren(nodes, a, b).children
  }
  if (nodes.length === 0) return { bytes, keys: 0 }
  const wanted = new Set(nodes)
  const listed = ({ hashes, digests }: Replica): Uint8Array => {
    const keys: { hash: number; digest: number }[] = []
    for (let at = 0; at < hashes.length; at++)
      if (wanted.has(nodeAt(depth, hashes[at]!))) keys.push({ hash: hashes[at]!, digest: digests[at]! })
    return encodeListed(keys)
  }
  const [a, b] = [listed(ours), listed(theirs)]
  bytes += encodeWords(nodes).length + b.length
  return { bytes, keys: differingKeys(a, b).given.length }
}

/*
 * `node --expose-gc build/bench/merkle.js [--keys 4000] [--ms 100] [--json]`: the trees of one partition, without vnode, bus or store;
 * `bench/repair.ts` has them in a vnode. `wire_bytes` is what one of the two sides sends.
 */
await ask('What does a Merkle tree cost a write, and finding what differs between two of them?', bench => {
  const count = bench.option('keys', 4_000)
  const names = Array.from({ length: count }, (_, index) => keyOfText('bucket', `user:${index}:profile`))
  const ours = replicaOf(names)
  const { depth } = ours.tree
  bench.measure(`a write that replaces, ${count} keys, depth ${depth}`, operations => {
    for (let at = 0; at < operations; at++) {
      const index = at % count
      const before = ours.digests[index]!
      ours.tree.replace(names[index]!, before, before + 1)
      ours.digests[index] = before + 1
    }
  })
  bench.measure(`a new key and its end`, operations => {
    for (let at = 0; at < operations; at++) {
      ours.tree.add(names[at % count]!, 42)
      ours.tree.remove(names[at % count]!, 42)
    }
  })
  bench.measure(`a tree of ${count} keys, from nothing`, operations => {
    for (let at = 0; at < operations; at++) replicaOf(names)
  })
  bench.measure(`children of the root, encoded`, operations => {
    for (let at = 0; at < operations; at++) encodeChildren(ours.tree, [0])
  })
  for (const differing of [0, 1, 16, 256]) {
    if (differing > count) continue
    const theirs = replicaOf(names)
    for (const [index, digest] of ours.digests.entries()) {
      theirs.tree.replace(names[index]!, theirs.digests[index]!, digest)
      theirs.digests[index] = digest
    }
    for (let number = 0; number < differing; number++) {
      const index = Math.floor((number * count) / differing)
      theirs.tree.replace(names[index]!, theirs.digests[index]!, theirs.digests[index]! + 1)
      theirs.digests[index]! += 1
    }
    const { bytes, keys } = exchange(ours, theirs)
    if (keys !== differing) throw new Error(`${keys} keys were found, ${differing} differ`)
    bench.measure(
      `an exchange, ${differing} of ${count} keys differ`,
      operations => {
        for (let at = 0; at < operations; at++) exchange(ours, theirs)
      },
      { wire_bytes: bytes }
    )
  }
})
