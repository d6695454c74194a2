import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freeBasePort } from '../cluster/cluster-rig.ts'
import { ChaosHost } from './chaos-host.ts'
import { cutPower, Disk } from './disk.ts'
import type { Ground } from './ground.ts'
import { clockFile, linksOf, placesOf } from './host-places.ts'
import { Network } from './network.ts'
import { until } from './shell.ts'

export const readyMsMax = 60_000
const diskMegabytes = 256

export interface ClusterView {
  readonly epoch: string
  readonly hosts: readonly { readonly name: string; readonly state: string; readonly pid: number }[]
}

export interface ClusterOptions {
  /** Of all datacenters. */
  readonly hosts: number
  /** Each has as many hosts as the others: `dc1`, `dc2`, … */
  readonly datacenters: number
  /** So many of them are members at first; the others wait for their turn. Left out: all. */
  readonly begins?: number
  readonly directory: string
  readonly ground: Ground
  /** Whether their clocks are to be set by `setClock`. */
  readonly skewed: boolean
}

/** The hosts, with what is between them and beneath them. */
export class ChaosCluster {
  /** All that there are places for. */
  readonly hosts: readonly ChaosHost[]
  /** Those that belong to the cluster now, in the rig's eyes: started, and not told to leave. */
  members: readonly ChaosHost[]
  readonly network: Network | undefined
  /** Of each host; none where the ground does not allow it. */
  readonly disks: readonly Disk[]
  readonly #directory: string

  private constructor(
    hosts: readonly ChaosHost[],
    begins: number,
    network: Network | undefined,
    disks: readonly Disk[],
    directory: string
  ) {
    this.hosts = hosts
    this.members = hosts.slice(0, begins)
    this.network = network
    this.disks = disks
    this.#directory = directory
  }

  /** Nothing runs yet. */
  static async make(options: ClusterOptions): Promise<ChaosCluster> {
    const { hosts: count, begins = count, datacenters, directory, ground, skewed } = options
    const network = ground.network === undefined ? await Network.create(count, directory) : undefined
    const base = join(directory, 'data')
    mkdirSync(base)
    mkdirSync(join(directory, 'logs'))
    const disks: Disk[] = []
    if (ground.disks === undefined) {
      await Disk.prepare(base)
      for (let number = 1; number <= count; number++) disks.push(await Disk.make(base, `host-${number}`, diskMegabytes))
    }
    const basePort = network === undefined ? await freeBasePort() : 7_070
    const places = placesOf({ count, datacenters, network, disks, basePort, directory, skewed })
    const hosts = places.map(place => new ChaosHost(place, linksOf(place, places, 'born')))
    return new ChaosCluster(hosts, begins, network, disks, directory)
  }

  get datacenters(): string[] {
    return [...new Set(this.hosts.map(({ place }) => place.dc))]
  }

  /** All that there are places for: what clients are told who shall know every host. */
  hostsOf(dc: string): ChaosHost[] {
    return this.hosts.filter(({ place }) => place.dc === dc)
  }

  /** The first member of each datacenter: each tells of the replicas of its own. */
  get witnesses(): ChaosHost[] {
    return this.datacenters.map(dc => this.members.find(({ place }) => place.dc === dc)!)
  }

  host(number: number): ChaosHost {
    const host = this.hosts[number - 1]
    if (host === undefined) throw new RangeError(`there is no host ${number}`)
    return host
  }

  /** @returns milliseconds until all members were up in the eyes of each */
  async start(): Promise<number> {
    for (const host of this.members) host.up()
    // One datacenter is there before another one is founded, and hosts join one after the other.
    return this.settled(this.members, readyMsMax * this.datacenters.length)
  }

  async stop(): Promise<void> {
    await Promise.all(this.hosts.map(host => host.down()))
  }

  /** What a host sees; undefined where it does not answer. */
  async viewOf(host: ChaosHost): Promise<ClusterView | undefined> {
    return await host.ask<ClusterView>('/api/v1/cluster', 1_000).catch(() => undefined)
  }

  /** @returns milliseconds until every member sees every member as up, as the process that it is now */
  async settled(hosts: readonly ChaosHost[] = this.members, timeoutMs = readyMsMax): Promise<number> {
    let lacking = ''
    const holds = async (): Promise<boolean> => {
      for (const host of hosts) {
        const view = await this.viewOf(host)
        const absent = hosts.find(
          other => !view?.hosts.some(seen => seen.name === other.name && seen.state === 'up' && seen.pid === other.pid)
        )
        if (absent !== undefined) {
          const seen = view?.hosts.find(each => each.name === absent.name)
          lacking = `${host.name} sees ${absent.name} as ${view === undefined ? 'nothing: it does not answer' : (seen?.state ?? 'unknown')}`
          return false
        }
      }
      return true
    }
    return until('every host sees every host as up', holds, timeoutMs).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; ${lacking}`)
    })
  }

  /** The power of these hosts fails, at one moment; they are down afterwards, with what their disks had. */
  async losePower(numbers: readonly number[]): Promise<void> {
    const disks = numbers.map(number => this.disks[number - 1]!)
    // The machine stops with its disk: a flush that the aborted journal lets through must not be told to anybody.
    for (const number of numbers) this.host(number).freeze('host')
    await cutPower(disks)
    await Promise.all(numbers.map(number => this.host(number).down('SIGKILL')))
    for (const number of numbers) this.host(number).thaw()
    for (const disk of disks) {
      await disk.unmount()
      await disk.mount()
    }
  }

  /** At one moment, with their disks where they have any of their own; else they are killed. */
  async loseHosts(hosts: readonly ChaosHost[]): Promise<void> {
    if (this.disks.length > 0) return await this.losePower(hosts.map(({ place }) => place.number))
    await Promise.all(hosts.map(host => host.down('SIGKILL')))
  }

  /** Other machines under the same names and addresses, with nothing on their disks. The hosts have to be down. */
  replaceByEmpty(hosts: readonly ChaosHost[]): void {
    const places = this.hosts.map(({ place }) => place)
    for (const host of hosts) {
      rmSync(host.place.data, { recursive: true, force: true })
      host.link(linksOf(host.place, places, 'replaced'))
    }
  }

  /** Its wall clock is off by so much from now on. */
  setClock(number: number, offsetMs: number): void {
    writeFileSync(clockFile(this.#directory, number), String(offsetMs))
  }
}
