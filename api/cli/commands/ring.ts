import type { Command } from 'commander'
import { describeRing, type RingShown } from '../cluster-shapes.ts'
import { addConnectionOptions, timeoutOption, withCluster, type ConnectionFlags } from '../options.ts'
import { tableOf } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly timeout: number
  readonly all?: boolean
  readonly json?: boolean
}

export function define(command: Command, terminal: Terminal): void {
  command.option('-a, --all', 'print every partition’s preference list, rather than each host’s share').addOption(timeoutOption())
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const ring = await describeRing(cluster, flags.timeout)
      if (flags.json === true) {
        await terminal.output.write(`${JSON.stringify(ring)}\n`)
      } else {
        const head = `epoch ${ring.epoch}, ${ring.partitions} partitions, ${ring.replicas} replicas each\n\n`
        await terminal.output.write(
          head + (await (flags.all === true ? preferenceTable(terminal, ring) : shareTable(terminal, ring)))
        )
      }
    })
  )
}

function preferenceTable({ output }: Terminal, { owners }: RingShown): Promise<string> {
  return tableOf(
    output,
    ['PARTITION', 'PREFERENCE LIST'],
    owners.map((preference, partition) => [partition, preference.join(' ')])
  )
}

function shareTable({ output }: Terminal, { owners }: RingShown): Promise<string> {
  const shares = new Map<string, { replicas: number; first: number }>()
  let total = 0
  for (const preference of owners) {
    for (const [place, host] of preference.entries()) {
      const share = shares.get(host) ?? { replicas: 0, first: 0 }
      share.replicas += 1
      if (place === 0) share.first += 1
      shares.set(host, share)
      total += 1
    }
  }
  const rows = [...shares]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([host, { replicas, first }]) => [host, replicas, percent(replicas, total), first, percent(first, owners.length)])
  return tableOf(output, ['HOST', 'REPLICAS', 'SHARE', 'FIRST', 'SHARE'], rows)
}

function percent(part: number, of: number): string {
  return `${((100 * part) / Math.max(1, of)).toFixed(1)} %`
}
