import type { RingKeeperReply } from '../actors/ring/ring-keeper-protocol.ts'
import { badRequest } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'
import { beginCut, childrenOf, type CutBegun, openPartition, type PartitionOpened } from './admin-backup.ts'
import type { RestoredRecord } from './restore-outcome.ts'
import { type CutPage, cutPage, type CutPageQuery } from './admin-cut-page.ts'
import { closeRestore, openRestore, type RestoreRecord, restoreRecords, type RestoreTerms } from './admin-restore.ts'

/** What a host does for `carillon backup` and `carillon restore`. It keeps nothing between two requests: any host can answer the next one. */
export class BackupAdmin {
  readonly #core: StoreCore
  readonly #describe: () => Promise<RingKeeperReply>

  constructor(core: StoreCore, describe: () => Promise<RingKeeperReply>) {
    this.#core = core
    this.#describe = describe
  }

  async begin(): Promise<CutBegun> {
    return beginCut(this.#core, await this.#describe())
  }

  async open(partition: number): Promise<PartitionOpened> {
    return openPartition(this.#core, await this.#described([partition]), partition)
  }

  async children(query: Parameters<typeof childrenOf>[2]): Promise<Uint8Array> {
    const { view } = await this.#described([query.partition])
    return childrenOf(this.#core, view, query)
  }

  async page(query: CutPageQuery): Promise<CutPage> {
    return cutPage(this.#core, await this.#described([query.partition]), query)
  }

  async restore(records: readonly RestoreRecord[], terms: RestoreTerms): Promise<readonly RestoredRecord[]> {
    return restoreRecords(this.#core, await this.#describe(), records, terms)
  }

  async openRestore(id: string, partitions: readonly number[]): Promise<void> {
    return openRestore(this.#core, await this.#described(partitions), id, partitions)
  }

  async closeRestore(id: string, partitions: readonly number[]): Promise<readonly string[]> {
    const { view } = await this.#described(partitions)
    return closeRestore(this.#core, view, id, partitions)
  }

  /** @throws {StoreError} bad_request: there is no such partition */
  async #described(partitions: readonly number[]): Promise<RingKeeperReply> {
    const described = await this.#describe()
    const beyond = partitions.find(partition => partition >= described.view.partitions)
    if (beyond === undefined) return described
    throw badRequest(`there is no partition ${beyond}: the cluster has ${described.view.partitions}, from 0`)
  }
}
