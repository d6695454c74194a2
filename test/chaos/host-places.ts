import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type HostLinks, type HostPlace, routeOf } from './chaos-host.ts'
import type { Disk } from './disk.ts'
import type { Network } from './network.ts'

export interface PlacesOptions {
  readonly count: number
  readonly datacenters: number
  readonly network: Network | undefined
  readonly disks: readonly Disk[]
  readonly basePort: number
  readonly directory: string
  readonly skewed: boolean
}

/** Where each host is: the first `count / datacenters` of them in `dc1`, and so on. */
export function placesOf(options: PlacesOptions): HostPlace[] {
  return Array.from({ length: options.count }, (_, index) => placeOf(index + 1, options))
}

function placeOf(number: number, { count, datacenters, network, disks, basePort, directory, skewed }: PlacesOptions): HostPlace {
  const name = `host-${number}`
  // In a network of its own every host may have the same ports.
  const offset = network === undefined ? number : 0
  const preload = pathToFileURL(fileURLToPath(new URL('./skewed-clock.js', import.meta.url))).href
  const address = network?.addressOf(number) ?? '127.0.0.1'
  // A gateway tells the others of the address that it binds to: not of a name that means another host to each of them.
  const bind = network === undefined || datacenters > 1 ? address : 'localhost'
  return {
    name,
    number,
    dc: `dc${1 + Math.floor((number - 1) / (count / datacenters))}`,
    address,
    bind,
    httpPort: basePort + offset,
    natsPort: basePort + offset + 350,
    routePort: basePort + offset + 550,
    monitorPort: basePort + offset + 750,
    gatewayPort: datacenters > 1 ? basePort + offset + 850 : 0,
    data: join(disks[number - 1]?.directory ?? join(directory, 'data', name), 'store'),
    logFile: join(directory, 'logs', `${name}.log`),
    environment: skewed
      ? { CHAOS_CLOCK: clockFile(directory, number), NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}` }
      : {},
    command: (program, args) => network?.asHost(number, program, args) ?? { program, args: [...args] }
  }
}

export function clockFile(directory: string, number: number): string {
  return join(directory, `clock-${number}`)
}

/**
 * Whom a host is told of. The first of each datacenter begins its ring, so it is told of nobody there; the very first one begins the cluster,
 * unless it is `replaced`: then it has to find the other datacenters.
 */
export function linksOf(place: HostPlace, places: readonly HostPlace[], when: 'born' | 'replaced'): HostLinks {
  const beyond = places.filter(({ dc }) => dc !== place.dc)
  const near = places.filter(({ dc }) => dc === place.dc)
  const isFirst = place === near[0]
  const isBirth = when === 'born' && place.number === 1
  return {
    join: isFirst ? [] : near.filter(other => other !== place).map(routeOf),
    gatewayJoin: isBirth ? [] : beyond.map(({ dc, address, gatewayPort }) => `${dc}@${address}:${gatewayPort}`)
  }
}
