import { freeBasePort } from '../../deploy/bench-cluster.ts'
import { type DevHost, devHosts } from '../../deploy/dev.ts'
import { cpuUs } from './processes.ts'
import { TargetHost } from './target-host.ts'
import { passed, until } from './waiting.ts'

const settleMsMax = 60_000
const upMsMax = 300_000
const compareMsMax = 300_000
/** Of one core, for all hosts together: what probes and doors cost when nobody asks anything. */
const idleShareMax = 0.15
const windowMs = 250

/** Hosts of one cluster, each a process with a data thread. The last ports are kept for hosts that join later. */
export class TargetCluster {
  readonly hosts: TargetHost[]
  readonly basePort: number
  readonly #places: readonly DevHost[]

  private constructor(places: readonly DevHost[], basePort: number, hosts: number) {
    this.#places = places
    this.basePort = basePort
    this.hosts = []
    const routes = places.slice(0, hosts).map(place => `127.0.0.1:${place.routePort}`)
    // The first begins the cluster; the others join whichever answers.
    for (const [index, place] of places.slice(0, hosts).entries())
      this.hosts.push(new TargetHost(place, index === 0 ? [] : routes.toSpliced(index, 1)))
  }

  /**
   * @param basePort of an earlier start on the same data; default free ones
   * @param program of another build; default this one's
   */
  static async start(data: string, hosts: number, basePort?: number, program?: string): Promise<TargetCluster> {
    const base = basePort ?? (await freeBasePort(hosts + 1))
    const cluster = new TargetCluster(devHosts({ hosts: hosts + 1, data, basePort: base }), base, hosts)
    try {
      for (const host of cluster.hosts) {
        host.program = program ?? host.program
        host.start()
      }
      await cluster.ready()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  get servers(): string[] {
    return this.hosts.map(host => host.nats)
  }

  get pids(): number[] {
    return this.hosts.flatMap(host => host.pids)
  }

  /** Start one more, which joins. @param program see `start` */
  join(program?: string): TargetHost {
    const place = this.#places[this.hosts.length]
    if (place === undefined) throw new RangeError(`there are places for ${this.#places.length} hosts`)
    const host = new TargetHost(
      place,
      this.hosts.map(each => `127.0.0.1:${each.place.routePort}`)
    )
    this.hosts.push(host)
    host.program = program ?? host.program
    host.start()
    return host
  }

  /** Until each host is ready, and sees all of them up. */
  async ready(): Promise<void> {
    for (const host of this.hosts) await host.ready()
    await until('all hosts are up in the eyes of each', () => this.isWhole(), upMsMax)
  }

  async isWhole(): Promise<boolean> {
    const views = await Promise.all(this.hosts.map(host => host.cluster()))
    const isUp = (name: string, view: (typeof views)[number]): boolean =>
      view.hosts.some(each => each.name === name && each.state === 'up' && each.partitions > 0)
    return views.every(view => this.hosts.every(({ name }) => isUp(name, view)))
  }

  /** The sum over all hosts. */
  async metric(name: string): Promise<number> {
    const figures = await Promise.all(this.hosts.map(host => host.metric(name)))
    return figures.reduce((sum, each) => sum + each, 0)
  }

  /** Until what was written has gone from the logs to the tables, and nobody has anything to do. */
  async settle(): Promise<void> {
    await until('the logs are in the tables', async () => (await this.metric('memory_table_bytes')) === 0, settleMsMax)
    const { pids } = this
    for (const endMs = performance.now() + settleMsMax; performance.now() < endMs; ) {
      const before = cpuUs(pids)
      await passed(windowMs)
      if (cpuUs(pids) - before < windowMs * 1_000 * idleShareMax) return
    }
  }

  /** Until each two hosts have compared their replicas once, and found nothing to mend: all trees are built then. */
  async compared(): Promise<void> {
    const pairsOfHosts = (this.hosts.length * (this.hosts.length - 1)) / 2
    for (let mended = -1, before = -2; mended !== before; ) {
      const rounds = await this.metric('exchange_rounds_total')
      for (const host of this.hosts) await host.repair()
      const isThrough = async (): Promise<boolean> => (await this.metric('exchange_rounds_total')) >= rounds + pairsOfHosts
      await until('all hosts have compared their trees', isThrough, compareMsMax)
      await this.settle()
      before = mended
      mended = await this.metric('exchange_keys_repaired_total')
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.hosts.map(host => host.stop()))
  }
}
