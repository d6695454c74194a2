import { type DatacenterView, type HostView, isReachable, type RingView } from '../ring/ring-view.ts'

/**
 * The hosts of other datacenters with which this one compares its partitions: of each partition, the first owner here that can be reached
 * with the first one there; what they mend, the exchanges of each datacenter spread. Of two datacenters the one whose name comes first leads.
 */
export function bridgesOf(view: RingView, self: HostView): readonly HostView[] {
  const peers = new Set<HostView>()
  const own = view.hosts.indexOf(self)
  for (const other of view.others ?? []) {
    if (other.dc < self.dc) continue
    for (let partition = 0; partition < view.partitions; partition++) {
      if (!leads(view, partition, own)) continue
      const peer = firstOf(other, partition)
      if (peer !== undefined) peers.add(peer)
    }
  }
  return [...peers]
}

/** The partitions that this host compares with `peer`; those that it leads and owns. */
export function bridgedPartitions(view: RingView, self: HostView, peer: HostView): readonly number[] {
  const other = view.others?.find(({ dc }) => dc === peer.dc)
  if (other === undefined) return []
  const own = view.hosts.indexOf(self)
  const partitions: number[] = []
  for (let partition = 0; partition < view.partitions; partition++)
    if (leads(view, partition, own) && firstOf(other, partition)?.uid === peer.uid) partitions.push(partition)
  return partitions
}

function leads(view: RingView, partition: number, own: number): boolean {
  const first = (view.owners[partition] ?? []).find(index => index === own || canServe(view.hosts[index]))
  return first === own
}

function firstOf({ hosts, owners }: DatacenterView, partition: number): HostView | undefined {
  const first = (owners[partition] ?? []).find(index => canServe(hosts[index]))
  return first === undefined ? undefined : hosts[first]
}

function canServe(host: HostView | undefined): boolean {
  return host !== undefined && isReachable(host) && host.isDirect && !host.isReplaced
}
