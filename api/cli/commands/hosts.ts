import type { Command } from 'commander'
import { releaseOf, wireRangeOf, wireSpoken } from '../../../model/wire-version.ts'
import { type ClusterShown, describeCluster, type HostShown, paintedState } from '../cluster-shapes.ts'
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
      const { hosts, wire } = withWire(await describeCluster(cluster, flags.timeout))
      await terminal.output.write(
        flags.json === true ? `${JSON.stringify({ wire, hosts })}\n` : `${await hostTable(terminal, hosts)}${wireText(wire)}`
      )
    })
  )
}

/** Any host may have answered: one of an earlier release shows what the rows say as it stands. */
function withWire({
  hosts,
  wire
}: Pick<ClusterShown, 'hosts'> & Partial<Pick<ClusterShown, 'wire'>>): Pick<ClusterShown, 'hosts' | 'wire'> {
  return {
    hosts: hosts.map(host => ({ ...host, version: releaseOf(host.version), wire: rangeOf(host) })),
    wire: wire === undefined ? (wireSpoken(hosts.map(({ version }) => version)) ?? null) : wire
  }
}

function rangeOf({ wire, version }: Omit<HostShown, 'wire'> & Partial<Pick<HostShown, 'wire'>>): HostShown['wire'] {
  return wire ?? wireRangeOf(version)
}

function wireText(wire: number | null): string {
  return wire === null
    ? '\nThere is no version of the wire that all hosts speak.\n'
    : `\nThe hosts speak version ${wire} of the wire to each other.\n`
}

function rangeText({ least, most }: HostShown['wire']): string {
  return least === most ? `${least}` : `${least} to ${most}`
}

const headings = ['HOST', 'STATE', 'DC', 'ZONE', 'WEIGHT', 'REPLICAS', 'HTTP', 'NATS', 'PID', 'VERSION', 'WIRE']

export function hostTable({ output }: Terminal, hosts: readonly HostShown[]): Promise<string> {
  const rows = withWire({ hosts }).hosts.map(host => [
    host.name,
    host.state,
    host.dc,
    host.zone,
    host.weight,
    host.partitions,
    host.http,
    host.nats,
    host.pid,
    host.version,
    rangeText(host.wire)
  ])
  return tableOf(output, headings, rows, (cell, column) => (column === 1 ? paintedState(output, cell, cell) : cell))
}
