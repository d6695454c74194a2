import type { Key } from './key.ts'
import { levelOf, nodeAt, treeHashOf } from './merkle-tree.ts'

/** Nodes of a Merkle tree, of any levels: tells of a key whether it lies below one of them. */
export class NodeSet {
  readonly #nodes: ReadonlySet<number>
  readonly #levels: readonly number[]

  /** @param nodes numbered as in `merkle-tree` */
  constructor(nodes: readonly number[]) {
    this.#nodes = new Set(nodes)
    this.#levels = [...new Set(nodes.map(levelOf))]
  }

  has(key: Key): boolean {
    const hash = treeHashOf(key)
    for (const level of this.#levels) if (this.#nodes.has(nodeAt(level, hash))) return true
    return false
  }
}
