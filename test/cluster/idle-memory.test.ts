// test: alone, seconds 60
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { startCluster } from './cluster-rig.ts'

const limitMb = 150

t.test(
  `an idle host of a local cluster: its process tree, nats-server included, takes at most ${limitMb} MB`,
  { skip: existsSync('/proc/self/smaps_rollup') ? false : 'this system does not tell what memory a process has to itself' },
  async t => {
    const cluster = await startCluster(t)
    for (const { name } of cluster.hosts) {
      const tree = treeOf(cluster.processOf(name)!.pid!)
      const sharesMb = tree.map(pid => proportionalKb(pid) / 1024)
      const sumMb = Math.round(sharesMb.reduce((sum, each) => sum + each, 0))
      t.ok(tree.length >= 2, `${name} has a nats-server`)
      t.ok(sumMb <= limitMb, `${name} takes ${sumMb} MB`)
    }
  }
)

function treeOf(root: number): number[] {
  const parents = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => [Number(name), parentOf(name)] as const)
  const tree = [root]
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  return tree
}

function parentOf(pid: string): number {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[1]
    )
  } catch {
    // ended meanwhile
    return 0
  }
}

/** Its own pages, and its share of those that it has in common with other processes: the program, above all. */
function proportionalKb(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
}
