import { clientCodecs } from '../actors/coordinator/request-wire.ts'
import { wireCodecs } from '../actors/wire.ts'
import { threadAddressOf } from '../bus/bus.ts'
import { codecRegistry } from '../bus/codec.ts'
import { NatsBus } from '../bus/nats-bus.ts'
import { subjectScheme } from '../bus/subject.ts'
import { limits } from '../model/limits.ts'
import type { Log } from '../runtime/log.ts'
import type { CommonSettings } from './thread-settings.ts'

/** A thread's connection to the bus between hosts (`a`), or to the account of application clients (`c`). */
export async function threadBus(settings: CommonSettings, thread: string, door: 'a' | 'c', log: Log): Promise<NatsBus> {
  const credentials = door === 'a' ? settings.internal : settings.door
  // Only what sends much is worth connections of its own.
  const isNear = door === 'a' && settings.internal !== undefined && thread.startsWith('data-')
  const bus: NatsBus = await NatsBus.connect({
    servers: settings.natsServers,
    ...credentials,
    tls: settings.tls,
    scheme: subjectScheme(settings.host.cluster, door),
    thread: threadAddressOf(settings.host.name, thread),
    codec: door === 'a' ? codecRegistry(wireCodecs) : codecRegistry(clientCodecs, { plain: false }),
    waitForServer: true,
    ...(isNear ? { near: { hostsMax: limits.nearHostsMax, locate: host => bus.nearServerOf(host) } } : {}),
    onMalformed: error => log.warn({ error: error.message }, 'a message that does not decode was dropped'),
    onStatus: status =>
      log[status.type === 'reconnected' ? 'info' : 'warn']({ bus: door }, `bus ${status.type}: ${status.detail}`)
  })
  const url = settings.publicNats
  if (thread === 'main' && door === 'a' && settings.internal !== undefined && url !== undefined)
    bus.offerNear({ url, ...settings.internal })
  return bus
}
