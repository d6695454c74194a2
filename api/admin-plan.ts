import type { GossipMessage, PlanOrder, PlanReply, WantedChange } from '../actors/gossip/gossip-protocol.ts'
import type { BucketTable } from '../actors/ring/bucket-table.ts'
import type { RingView } from '../actors/ring/ring-view.ts'
import type { TransferTold } from '../actors/ring/transfer-protocol.ts'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import { fault } from '../model/fault.ts'
import { limits } from '../model/limits.ts'
import type { Member } from '../model/membership.ts'
import { planIn, type Progress, progressOf, turnsOf } from '../model/plan.ts'
import { type Gain, type Preview, previewOf } from '../model/plan-preview.ts'
import type { StagedChange } from '../model/staged-plan.ts'
import { type PartitionSize, sizesOf } from './admin-sizes.ts'
import { badRequest, errorOf, StoreError } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'

/** A change of a plan, hosts by name. */
export interface ChangeStaged {
  readonly change: StagedChange['kind']
  readonly host: string
  /** Of a `replace`: whose place it takes, and whether that one was down, and is counted as dead. */
  readonly replaces?: string
  readonly is_dead?: boolean
  readonly weight?: number
  readonly stands: Progress
}

/** What `/api/v1/cluster` shows of a plan. */
export interface PlanBrief {
  readonly id: number
  /** The host that keeps it. */
  readonly keeper: string
  /** Who staged or submitted it. */
  readonly by: 'operator' | 'autoscaler'
  readonly state: 'staged' | 'under way' | 'paused'
  /** Bytes a second that each host may fetch; 0: no limit. */
  readonly throttle: number
  readonly changes: readonly ChangeStaged[]
  /** What the change that has its turn waits for, in sentences; empty where nothing is waited for. */
  readonly waits_for: readonly string[]
}

export interface StepShown {
  readonly change: string
  readonly host: string
  readonly replicas: number
  readonly bytes: number
  readonly seconds: number
  readonly quorum_margin: number
}

export interface PlanShown extends PlanBrief {
  /** Partition replicas, and their share of all, now and when all is done. */
  readonly loads: readonly {
    readonly host: string
    readonly replicas_before: number
    readonly replicas_after: number
    readonly share_before: number
    readonly share_after: number
  }[]
  /** What is left to do, in the order of its turns. */
  readonly steps: readonly StepShown[]
  readonly replicas_to_move: number
  readonly bytes_to_move: number
  /** Whether every record was counted; false: their bytes follow from samples. */
  readonly bytes_are_exact: boolean
  readonly seconds_expected: number
  /** Of one host: as measured the last time, or, `assumed`, where none has moved enough since it was started. */
  readonly bytes_per_second: number
  readonly rate: 'measured' | 'assumed' | 'throttle'
  /** Owners beyond a quorum that are there, of the partition that has the fewest, at the worst moment on the way. Below 0: no quorum. */
  readonly quorum_margin: number
  /** What hosts fetch now. */
  readonly fetching: readonly { readonly host: string; readonly runs: number; readonly pairs: number; readonly bytes: number }[]
}

type Told = Extract<PlanReply, { kind: 'plan-told' }>

interface Setting {
  readonly view: RingView
  readonly table: BucketTable
}

/** Where no host has measured its own. */
const bytesPerSecondAssumed = 8 * 1024 * 1024
/** That a change takes beside its bytes: until all know of it, and until all go by the new ring. */
const secondsPerChange = 4

/** Staged changes of the ring. All of it may reject with a `StoreError`. */
export class PlanAdmin {
  readonly #core: StoreCore
  readonly #host: string
  readonly #timeoutMs: number
  readonly #setting: () => Promise<Setting>

  /** @param setting the ring and the buckets as they are now */
  constructor(core: StoreCore, host: string, timeoutMs: number, setting: () => Promise<Setting>) {
    this.#core = core
    this.#host = host
    this.#timeoutMs = timeoutMs
    this.#setting = setting
  }

  /** @returns null where nothing is staged or under way */
  async brief(): Promise<PlanBrief | null> {
    return briefOf(await this.#order({ what: 'tell' }))
  }

  /** With what it comes to. */
  async shown(): Promise<PlanShown | null> {
    return this.#shown(await this.#order({ what: 'tell' }))
  }

  /** @returns the plan with it, as `shown` */
  async stage(change: WantedChange): Promise<PlanShown | null> {
    return this.#shown(await this.#order({ what: 'stage', change }))
  }

  /** @returns null after an abort */
  async order(order: Exclude<PlanOrder, { what: 'stage' | 'submit' }>): Promise<PlanBrief | null> {
    return briefOf(await this.#order(order))
  }

  async #order(order: PlanOrder): Promise<Told> {
    const to = { address: addressOf(threadAddressOf(this.#host, 'system'), 'gossip-agent'), correlation: 0, incarnation: 0 }
    const question: Omit<Extract<GossipMessage, { kind: 'plan' }>, 'replyTo'> = { kind: 'plan', order }
    const reply = await this.#core.ask<PlanReply>(to, question, this.#timeoutMs)
    if (reply.kind !== 'plan-told') throw errorOf(fault('internal', 'a gossip agent gave another answer than it was asked for'))
    return reply
  }

  async #shown(told: Told): Promise<PlanShown | null> {
    const brief = briefOf(told)
    const kept = planIn(told.members)
    if (brief === null || kept === undefined) return null
    const preview = previewOf(kept, told.members, told.cluster)
    const { view, table } = await this.#setting()
    const partitions = new Set(preview.steps.flatMap(({ gains }) => gains.map(({ partition }) => partition)))
    const [sizes, transfers] = await Promise.all([
      sizesOf(this.#core, view, table, partitions, this.#timeoutMs),
      this.#transfers(view)
    ])
    return { ...brief, ...figuresOf(told, preview, sizes, transfers, brief.throttle) }
  }

  async #transfers(view: RingView): Promise<readonly (TransferTold & { readonly host: string })[]> {
    const told = await Promise.all(
      view.hosts.map(async ({ name }) => {
        const to = { address: addressOf(threadAddressOf(name, 'system'), 'transfer-agent'), correlation: 0, incarnation: 0 }
        try {
          return { host: name, ...(await this.#core.ask<TransferTold>(to, { kind: 'describe-transfer' }, this.#timeoutMs)) }
        } catch (error) {
          if (error instanceof StoreError) return undefined
          throw error
        }
      })
    )
    return told.filter(each => each !== undefined)
  }
}

function briefOf({ members, waitsFor }: Told): PlanBrief | null {
  const kept = planIn(members)
  if (kept === undefined) return null
  const { plan, keeper } = kept
  return {
    id: plan.id,
    keeper: keeper.name,
    by: plan.by ?? 'operator',
    state: plan.isPaused ? 'paused' : plan.isCommitted ? 'under way' : 'staged',
    throttle: plan.bytesPerSecond,
    changes: turnsOf(kept).map(change => changeShown(change, members)),
    waits_for: waitsFor
  }
}

function changeShown(change: StagedChange, members: readonly Member[]): ChangeStaged {
  const nameOf = (uid: number): string => members.find(member => member.uid === uid)?.name ?? ''
  return {
    change: change.kind,
    host: nameOf(change.uid),
    ...(change.kind === 'replace' ? { replaces: nameOf(change.replaced), is_dead: change.isDead } : {}),
    ...(change.kind === 'weight' ? { weight: change.weight } : {}),
    stands: progressOf(change, members)
  }
}

function figuresOf(
  { members }: Told,
  { steps, loads, margin, before, after }: Preview,
  sizes: ReadonlyMap<number, PartitionSize>,
  transfers: readonly (TransferTold & { readonly host: string })[],
  throttle: number
): Omit<PlanShown, keyof PlanBrief> {
  const measured = transfers.map(({ bytesPerSecond }) => bytesPerSecond).filter(each => each > 0)
  // The slowest is the one that is waited for.
  const natural = measured.length === 0 ? bytesPerSecondAssumed : Math.min(...measured)
  const isThrottled = throttle > 0 && throttle < natural
  const bytesPerSecond = isThrottled ? throttle : natural
  const bytesOf = (gains: readonly Gain[]) => gains.reduce((sum, { partition }) => sum + (sizes.get(partition)?.bytes ?? 0), 0)
  const shown = steps.map(step => {
    const gaining = new Map<string, Gain[]>()
    for (const gain of step.gains) gaining.set(gain.host, [...(gaining.get(gain.host) ?? []), gain])
    const most = Math.max(0, ...[...gaining.values()].map(bytesOf))
    return {
      change: step.change.kind,
      host: members.find(({ uid }) => uid === step.change.uid)?.name ?? '',
      replicas: step.gains.length,
      bytes: bytesOf(step.gains),
      seconds: Math.ceil(secondsPerChange + most / bytesPerSecond),
      quorum_margin: step.margin
    }
  })
  const total = (ring: typeof before) =>
    Math.max(
      1,
      ring.owners.reduce((sum, own) => sum + own.length, 0)
    )
  const [allBefore, allAfter] = [total(before), total(after)]
  const round = (share: number) => Math.round(share * 10_000) / 10_000
  return {
    loads: loads.map(load => ({
      host: load.host,
      replicas_before: load.before,
      replicas_after: load.after,
      share_before: round(load.before / allBefore),
      share_after: round(load.after / allAfter)
    })),
    steps: shown,
    replicas_to_move: shown.reduce((sum, { replicas }) => sum + replicas, 0),
    bytes_to_move: shown.reduce((sum, { bytes }) => sum + bytes, 0),
    bytes_are_exact: [...sizes.values()].every(({ isExact }) => isExact),
    seconds_expected: shown.reduce((sum, { seconds }) => sum + seconds, 0),
    bytes_per_second: bytesPerSecond,
    rate: isThrottled ? 'throttle' : measured.length === 0 ? 'assumed' : 'measured',
    quorum_margin: margin,
    fetching: transfers.filter(({ runs }) => runs > 0).map(({ host, runs, pairs, bytes }) => ({ host, runs, pairs, bytes }))
  }
}

/** A change as a user sent it: `{"change","host","replaces"?,"weight"?}`. @throws {StoreError} which of it is wrong */
export function wantedChangeOf(input: unknown): WantedChange {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw badRequest('a change to stage is a JSON object {"change","host","replaces"?,"weight"?}')
  const { change, host, replaces, weight } = input as Record<string, unknown>
  const name = nameOf('host', host)
  switch (change) {
    case 'join':
    case 'leave':
      return { kind: change, host: name }
    case 'replace':
      return { kind: 'replace', host: name, replaced: nameOf('replaces', replaces) }
    case 'weight':
      if (typeof weight !== 'number' || !Number.isFinite(weight))
        throw badRequest(
          `weight is ${JSON.stringify(weight)?.slice(0, 80)}: allowed is a number from ${limits.weightMin} to ${limits.weightMax}`
        )
      return { kind: 'weight', host: name, weight }
    default:
      throw badRequest(`change is ${JSON.stringify(change)?.slice(0, 80)}: allowed are join, leave, replace, weight`)
  }
}

function nameOf(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw badRequest(`${field} is ${JSON.stringify(value)?.slice(0, 80)}: allowed is the name of a host`)
}

/** Bytes a second as a user sent them. @throws {StoreError} */
export function throttleOf(input: unknown): number {
  if (typeof input === 'number' && Number.isInteger(input) && input >= 0) return input
  throw badRequest(
    `bytes_per_second is ${JSON.stringify(input)?.slice(0, 80)}: allowed are whole bytes a second for each host, or 0 for no limit`
  )
}
