import type { Command } from 'commander'
import { describeCluster, describeRing, marginOf, type ClusterShown, type Margin, type RingShown } from '../cluster-shapes.ts'
import { addConnectionOptions, timeoutOption, withCluster, type ConnectionFlags } from '../options.ts'
import { CommandFailure, painted, type Terminal } from '../terminal.ts'
import { hostTable } from './hosts.ts'

interface Flags extends ConnectionFlags {
  readonly timeout: number
  readonly json?: boolean
}

/** One screen: is the store well, and who is there. Exit status 1 where some partition lacks a quorum. */
export function define(command: Command, terminal: Terminal): void {
  addConnectionOptions(command.addOption(timeoutOption())).action((flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const [about, ring] = await Promise.all([describeCluster(cluster, flags.timeout), describeRing(cluster, flags.timeout)])
      const margin = marginOf(ring, about.hosts)
      if (flags.json === true) {
        const { epoch, partitions, replicas } = ring
        const health = {
          partitions,
          replicas,
          fewest_reachable_replicas: margin.fewest,
          partitions_below_quorum: margin.belowQuorum
        }
        await terminal.output.write(
          `${JSON.stringify({ cluster: about.cluster, epoch, healthy: margin.belowQuorum === 0, ...health, hosts: about.hosts })}\n`
        )
      } else {
        await terminal.output.write(`${headline(terminal, about, ring, margin)}\n\n${await hostTable(terminal, about.hosts)}`)
      }
      if (margin.belowQuorum > 0)
        throw new CommandFailure(`${margin.belowQuorum} of ${ring.partitions} partitions have no quorum of their owners`)
    })
  )
}

function headline({ output }: Terminal, { cluster, hosts, datacenters }: ClusterShown, ring: RingShown, margin: Margin): string {
  const up = hosts.filter(host => host.state === 'up').length
  const present = hosts.filter(host => host.state !== 'removed' && host.state !== 'left').length
  const isWhole = margin.belowQuorum === 0 && up === present
  const health =
    margin.belowQuorum > 0
      ? painted(output, 'red', `${margin.belowQuorum} partitions without a quorum`)
      : painted(output, isWhole ? 'green' : 'yellow', isWhole ? 'healthy' : 'every partition has a quorum')
  const place = datacenters.length > 1 ? ` in ${datacenters.length} datacenters` : ''
  return [
    `${painted(output, 'bold', cluster)}: ${health}`,
    `hosts       ${up} of ${present} up${place}`,
    `partitions  ${ring.partitions}, ${ring.replicas} replicas each, at least ${margin.fewest} of them on hosts that are up`,
    `epoch       ${ring.epoch}`
  ].join('\n')
}
