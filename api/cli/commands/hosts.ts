import type { Command } from 'commander'
import { describeCluster, paintedState, type HostShown } from '../cluster-shapes.ts'
import { addConnectionOptions, timeoutOption, withCluster, type ConnectionFlags } from '../options.ts'
import { tableOf } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly timeout: number
  readonly json?: boolean
}

export function define(command: Command, terminal: Terminal): void {
  addConnectionOptions(command.addOption(timeoutOption())).action((flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const { hosts } = await describeCluster(cluster, flags.timeout)
      await terminal.output.write(flags.json === true ? `${JSON.stringify({ hosts })}\n` : await hostTable(terminal, hosts))
    })
  )
}

const headings = ['HOST', 'STATE', 'DC', 'ZONE', 'WEIGHT', 'REPLICAS', 'HTTP', 'NATS', 'PID', 'VERSION']

export function hostTable({ output }: Terminal, hosts: readonly HostShown[]): Promise<string> {
  const rows = hosts.map(host => [
    host.name,
    host.state,
    host.dc,
    host.zone,
    host.weight,
    host.partitions,
    host.http,
    host.nats,
    host.pid,
    host.version
  ])
  return tableOf(output, headings, rows, (cell, column) => (column === 1 ? paintedState(output, cell, cell) : cell))
}
