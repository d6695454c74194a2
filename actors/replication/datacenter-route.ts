import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { CoordinatorMessage } from '../coordinator/coordinator-protocol.ts'
import { dataThreadOf, type HostView } from '../ring/ring-view.ts'

/** The coordinator of a host that has the partition's vnode beside it. */
export function coordinatorOfHost(host: HostView, partition: number): Ref<CoordinatorMessage> {
  return {
    address: addressOf(threadAddressOf(host.name, dataThreadOf(host, partition)), 'coordinator'),
    correlation: 0,
    incarnation: 0
  }
}
