import { Load } from './load.ts'
import type { Stage } from './scenario.ts'
import type { Tally } from './tally.ts'

interface Phase {
  readonly name: string
  readonly isServing: boolean
  /** Of each datacenter: those of its clients that know all its hosts, and those that know one. */
  readonly tallies: ReadonlyMap<string, { readonly free: Tally; readonly bound: Tally }>
}

/** Load at `local_quorum` in each datacenter, by clients that know its hosts alone. The keys of the set workload are those of all. */
export class DatacenterLoad {
  readonly #stage: Stage
  readonly #loads: ReadonlyMap<string, Load>
  readonly #phases: Phase[] = []

  private constructor(stage: Stage, loads: ReadonlyMap<string, Load>) {
    this.#stage = stage
    this.#loads = loads
  }

  /** @param label tells apart what is drawn for one load and for the next one */
  static async start(stage: Stage, label: string, datacenters = stage.cluster.datacenters): Promise<DatacenterLoad> {
    const { options, cluster, ledger, random } = stage
    const loads = new Map<string, Load>()
    for (const dc of datacenters) {
      const load = await Load.start({
        hosts: cluster.hostsOf(dc),
        side: `${dc}-`,
        level: 'local_quorum',
        kinds: options.workloads,
        clients: Math.ceil(options.clients / cluster.datacenters.length),
        keys: options.keys,
        random: random.fork(`${label} ${dc}`),
        ledger,
        areFree: false
      })
      loads.set(dc, load)
    }
    return new DatacenterLoad(stage, loads)
  }

  /**
   * What was counted up to now is this phase. An operation belongs to the phase in which it began.
   * @param isServing whether no operation of it may fail
   */
  phase(name: string, isServing: boolean): void {
    const tallies = new Map([...this.#loads].map(([dc, { free, bound }]) => [dc, { free, bound }]))
    for (const load of this.#loads.values()) load.phase()
    this.#phases.push({ name, isServing, tallies })
  }

  /** Ends the load, shows the figures of each phase, and tells what failed where nothing may. @param allowed datacenters that may fail */
  async stop(allowed: readonly string[] = []): Promise<void> {
    const { report } = this.#stage
    await Promise.all([...this.#loads.values()].map(load => load.stop()))
    report.violate(...[...this.#loads.values()].flatMap(({ violations }) => violations))
    for (const { name, isServing, tallies } of this.#phases) {
      for (const [dc, { free, bound }] of tallies) {
        report.figure(`${name}, ${dc}`, { all_hosts: free.figures(), one_host: bound.figures() })
        const failed = free.failed + bound.failed
        if (isServing && !allowed.includes(dc) && failed > 0)
          report.violate(`D6: ${failed} operations of ${dc} at local_quorum failed: ${name}`)
        if (isServing && !allowed.includes(dc) && free.succeeded + bound.succeeded === 0)
          report.violate(`D6: no operation of ${dc} succeeded: ${name}`)
      }
    }
  }
}
