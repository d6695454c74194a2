import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { RingKeeperReply } from '../../actors/ring/ring-keeper-protocol.ts'
import { Admin } from '../../api/admin.ts'
import { adminAnswer } from '../../api/admin-requests.ts'
import { BackupDirectory } from '../../api/backup/backup-directory.ts'
import { type BackupOptions, BackupRun } from '../../api/backup/backup-run.ts'
import { CutRequests } from '../../api/backup/cut-requests.ts'
import type { Manifest } from '../../api/backup/manifest.ts'
import { type RestoreFigures, type RestoreOptions, RestoreRun } from '../../api/backup/restore-run.ts'
import { StoreCore } from '../../api/client/store-core.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'

const stepMs = 5
/** Of clusters whose cuts are compared with each other: no tombstone goes between two of them. */
export const keepsTombstones = { floors: { roundMs: 86_400_000, pauseMsMax: 86_400_000 } }
const fast = { inFlightMax: 4, bytesPerSecond: 1e9, bucket: undefined }

export function backupDirectory(t: Test): BackupDirectory {
  const path = mkdtempSync(join(tmpdir(), 'carillon-backup-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return new BackupDirectory(path)
}

/** The host's side of backups and the command's, against simulated hosts: virtual time goes on while files are written. */
export class BackupOperator {
  readonly requests: CutRequests
  /** Of the last restore: `outcome key`. */
  readonly refusals: string[] = []
  /** Called before each request; what it throws is the answer. */
  before: (name: string) => void = () => {}
  readonly #cluster: SimulatedCluster
  readonly #clock: Clock
  readonly #core: StoreCore
  readonly #host: string

  constructor(cluster: SimulatedCluster, host = 'h1') {
    this.#cluster = cluster
    this.#host = host
    this.#clock = cluster.clock.host('operator')
    const bus = cluster.network.bus(threadAddressOf('operator', 'api'))
    this.#core = new StoreCore({ bus, clock: this.#clock, random: () => 0.5 })
    const admin = new Admin({ core: this.#core, host })
    this.requests = new CutRequests({
      admin: async (name, request) => {
        this.before(name)
        return JSON.parse(await adminAnswer(admin, name, Buffer.from(JSON.stringify(request)))) as unknown
      }
    })
  }

  async backUp(directory: BackupDirectory, options: Partial<BackupOptions> = {}, signal?: AbortSignal): Promise<Manifest> {
    return (await this.backUpCounted(directory, options, signal)).cut
  }

  async backUpCounted(directory: BackupDirectory, options: Partial<BackupOptions> = {}, signal?: AbortSignal) {
    const all = { isIncremental: false, isResumed: false, isPartial: false, patienceMs: 3_000, ...fast, ...options }
    const run = new BackupRun(this.requests, directory, this.#clock, all, () => {})
    const cut = await this.during(run.run(signal ?? new AbortController().signal))
    return { cut, figures: run.figures }
  }

  async restore(
    directory: BackupDirectory,
    cut: Manifest,
    options: Partial<RestoreOptions> = {},
    signal?: AbortSignal
  ): Promise<RestoreFigures> {
    this.refusals.length = 0
    const all = { isDry: false, asNew: false, staysOpen: false, ...fast, ...options }
    const run = new RestoreRun(this.requests, directory, this.#clock, all, ({ key, outcome }) =>
      this.refusals.push(`${outcome} ${key.slice(key.indexOf('\0') + 1)}`)
    )
    await this.during(this.#learnRing().then(() => run.run(cut, signal ?? new AbortController().signal)))
    return run.figures
  }

  async close(directory: BackupDirectory, cut: Manifest): Promise<void> {
    const options = { isDry: false, asNew: false, staysOpen: false, ...fast }
    await this.during(new RestoreRun(this.requests, directory, this.#clock, options, () => {}).close(cut))
  }

  /** Let the hosts go on until it has settled. */
  async during<T>(work: Promise<T>): Promise<T> {
    const state = { isOver: false }
    const end = (): void => {
      state.isOver = true
    }
    work.then(end, end)
    while (!state.isOver) {
      this.#cluster.clock.advance(stepMs)
      await new Promise(resolve => void setImmediate(resolve))
    }
    return work
  }

  async #learnRing(): Promise<void> {
    const keeper = { address: addressOf(threadAddressOf(this.#host, 'system'), 'ring-keeper'), correlation: 0, incarnation: 0 }
    const { view } = await this.#core.ask<RingKeeperReply>(keeper, { kind: 'describe-cluster' }, 2_000)
    this.#core.setView(view)
  }
}
