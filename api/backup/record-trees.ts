import { ClassLookup, classesIn, type KeyClasses, keyClassesOf } from '../../actors/vnode/key-classes.ts'
import type { Key } from '../../model/key.ts'
import { MerkleTree } from '../../model/merkle-tree.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import type { CutTree, Manifest } from './manifest.ts'

/** The Merkle trees that a vnode would have that holds these records: one for each class of keys. */
export class RecordTrees {
  readonly #lookup: ClassLookup
  readonly #trees: ReadonlyMap<number, MerkleTree>

  /** @param depth levels below the root; the root is the same with any */
  constructor(classes: KeyClasses, depth = 1) {
    this.#lookup = new ClassLookup(classes)
    this.#trees = new Map(classesIn(classes).map(n => [n, new MerkleTree(depth)]))
  }

  /** @throws {MalformedBytes} */
  add(key: Key, record: Uint8Array): void {
    this.#trees.get(this.#lookup.of(key))!.add(key, digestOf(record))
  }

  treeOf(n: number): MerkleTree | undefined {
    return this.#trees.get(n)
  }

  get roots(): readonly CutTree[] {
    return [...this.#trees].map(([n, tree]) => ({ n, keys: tree.keys, root: rootOf(tree) }))
  }
}

export function rootOf(tree: MerkleTree): string {
  return [tree.high(0), tree.low(0)].map(word => word.toString(16).padStart(8, '0')).join('')
}

/** Whether two say the same, in whatever order, and whether or not they name classes without keys. */
export function areRootsEqual(a: readonly CutTree[], b: readonly CutTree[]): boolean {
  return textOf(a) === textOf(b)
}

export function classesOfCut({ buckets, replicas }: Pick<Manifest, 'buckets' | 'replicas'>): KeyClasses {
  return keyClassesOf(Object.fromEntries(Object.entries(buckets).map(([name, properties]) => [name, { properties }])), replicas)
}

function textOf(trees: readonly CutTree[]): string {
  return trees
    .filter(({ keys }) => keys > 0)
    .map(({ n, keys, root }) => `${n} ${keys} ${root}`)
    .sort()
    .join()
}
