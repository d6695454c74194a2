import type { Command } from 'commander'
import {
  describeCluster,
  describeRing,
  describeWork,
  marginOf,
  type ClusterShown,
  type Margin,
  type RingShown,
  type WorkShown
} from '../cluster-shapes.ts'
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
      const [about, ring, work] = await Promise.all([
        describeCluster(cluster, flags.timeout),
        describeRing(cluster, flags.timeout),
        // A host that is slow to tell, or of an earlier version, leaves a line out.
        describeWork(cluster, flags.timeout).catch(() => undefined)
      ])
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
          `${JSON.stringify({ cluster: about.cluster, epoch, healthy: margin.belowQuorum === 0, ...health, ...(work === undefined ? {} : { repair: repairOf(work) }), hosts: about.hosts })}\n`
        )
      } else {
        await terminal.output.write(
          `${headline(terminal, about, ring, margin, work)}\n\n${await hostTable(terminal, about.hosts)}`
        )
      }
      if (margin.belowQuorum > 0)
        throw new CommandFailure(`${margin.belowQuorum} of ${ring.partitions} partitions have no quorum of their owners`)
    })
  )
}

function headline(
  { output }: Terminal,
  { cluster, hosts, datacenters }: ClusterShown,
  ring: RingShown,
  margin: Margin,
  work: WorkShown | undefined
): string {
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
    ...(work === undefined ? [] : [`repair      ${repairText(repairOf(work))}`]),
    `epoch       ${ring.epoch}`
  ].join('\n')
}

interface RepairShown {
  /** Pieces of work under way, on all hosts that answered. */
  readonly running: number
  /** Pieces of work that wait for a host that is away. */
  readonly waiting_for_hosts: number
  /** Workers that crashed and leases that lapsed, since their hosts started. */
  readonly lost: number
}

function repairOf({ hosts }: WorkShown): RepairShown {
  const items = hosts.flatMap(host => host.items)
  return {
    running: items.filter(item => item.state === 'running').length,
    waiting_for_hosts: items.filter(item => !item.ready).length,
    lost: items.reduce((sum, item) => sum + item.lost, 0)
  }
}

function repairText({ running, waiting_for_hosts: waiting, lost }: RepairShown): string {
  const parts = [`${running} under way`]
  if (waiting > 0) parts.push(`${waiting} waiting for hosts that are away`)
  if (lost > 0) parts.push(`${lost} begun again after a failure`)
  return parts.join(', ')
}
