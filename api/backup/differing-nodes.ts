import { levelOf, type MerkleTree } from '../../model/merkle-tree.ts'
import { differingChildren, encodeChildren } from '../../model/tree-codec.ts'
import type { TreeShown } from '../admin-backup.ts'
import { rootOf } from './record-trees.ts'

/** Beyond it a partition is read as a whole. */
const nodesMax = 4_096

/**
 * Where an owner's tree differs from one that was built of a cut's records.
 * @param ours of the same depth
 * @param childrenOf asks the owner, as `encodeChildren` lays them
 * @returns nodes below which all keys lie that differ; undefined: they are too many
 */
export async function differingNodes(
  theirs: TreeShown,
  ours: MerkleTree,
  childrenOf: (nodes: readonly number[]) => Promise<Uint8Array>
): Promise<readonly number[] | undefined> {
  if (rootOf(ours) === theirs.root) return []
  const found: number[] = []
  let nodes: readonly number[] = [0]
  while (nodes.length > 0) {
    if (levelOf(nodes[0]!) === theirs.depth) {
      found.push(...nodes)
      break
    }
    const { children, alike } = differingChildren(nodes, encodeChildren(ours, nodes), await childrenOf(nodes))
    // Half of each hash was compared: what seems alike lies somewhere below.
    found.push(...alike)
    nodes = children
    if (nodes.length + found.length > nodesMax) return undefined
  }
  return found
}
