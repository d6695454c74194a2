import type { CoordinatorMessage } from '../actors/coordinator/coordinator-protocol.ts'
import type { OwedListed } from '../actors/replication/adopt-protocol.ts'
import type { OwedMessage, OwedReply } from '../actors/replication/owed-protocol.ts'
import { type HostView, hostsOfAll, type RingView, vnodeAddressOf } from '../actors/ring/ring-view.ts'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import { bucketOf, type Key, keyBytesOf } from '../model/key.ts'
import { owedTagOf } from '../model/owed.ts'
import { badRequest, StoreError } from './client/errors.ts'
import type { StoreCore, WithoutReplyTo } from './client/store-core.ts'

/** What one datacenter still has to give to another. */
export interface ReplicationPair {
  readonly from: string
  readonly to: string
  /** Keys of which `to` lacks the latest write. */
  readonly keys: number
  /** How long the oldest of these writes has been missing there; null: none is. */
  readonly oldest_seconds: number | null
}

/** The ledger of one host since its threads started: created = delivered + superseded + pending. */
export interface HostReplication {
  readonly host: string
  readonly dc: string
  /** Whether all its threads answered; what it owes is unknown where not. */
  readonly reached: boolean
  readonly created: number
  readonly delivered: number
  readonly superseded: number
  readonly pending: number
}

export interface ReplicationShown {
  readonly pairs: readonly ReplicationPair[]
  readonly hosts: readonly HostReplication[]
}

/** A write that a datacenter lacks. */
export interface OwedKeyShown {
  readonly host: string
  readonly bucket: string
  readonly key_base64: string
  readonly seconds: number
}

export interface OwedKeysPage {
  readonly keys: readonly OwedKeyShown[]
  /** Give it back for the next page; null at the end. */
  readonly cursor: string | null
}

interface Cursor {
  readonly host: string
  readonly partition: number
  readonly after: string | null
}

/** Every host of every datacenter is asked; those that do not answer are shown as such. */
export async function replicationOf(core: StoreCore, view: RingView, timeoutMs: number): Promise<ReplicationShown> {
  const hosts = hostsOfAll(view)
  const names = [...new Set(hosts.map(({ dc }) => dc))].sort()
  const lists = await Promise.all(hosts.map(host => listsOf(core, host, timeoutMs)))
  const owes = new Map<string, { keys: number; oldestMs: number }>()
  const shown = hosts.map((host, index): HostReplication => {
    const threads = lists[index]!
    const sum = { created: 0, delivered: 0, superseded: 0, pending: 0 }
    for (const list of threads) {
      for (const name of ['created', 'delivered', 'superseded', 'pending'] as const) sum[name] += list?.figures[name] ?? 0
      for (const { tag, pending } of list?.owed ?? []) owedBy(owes, host.dc, tag).keys += pending
      for (const { tag, sinceMs } of list?.oldest ?? []) {
        const debt = owedBy(owes, host.dc, tag)
        debt.oldestMs = Math.min(debt.oldestMs, sinceMs)
      }
    }
    return { host: host.name, dc: host.dc, reached: threads.every(list => list !== undefined), ...sum }
  })
  const pairs = names.flatMap(from =>
    names.flatMap((to): ReplicationPair[] => {
      if (from === to) return []
      const { keys, oldestMs } = owedBy(owes, from, owedTagOf(to))
      return [{ from, to, keys, oldest_seconds: keys === 0 || oldestMs === Infinity ? null : secondsSince(oldestMs) }]
    })
  )
  return { pairs, hosts: shown }
}

function owedBy(
  owes: Map<string, { keys: number; oldestMs: number }>,
  from: string,
  tag: number
): { keys: number; oldestMs: number } {
  const name = `${from} ${tag}`
  let debt = owes.get(name)
  if (debt === undefined) owes.set(name, (debt = { keys: 0, oldestMs: Infinity }))
  return debt
}

function secondsSince(ms: number): number {
  return Math.max(0, Math.round((Date.now() - ms) / 1000))
}

/**
 * The writes that `to` lacks, each by the host that has noted it, a page at a time.
 * @throws {StoreError} there is no such datacenter, the cursor is none of this listing, a host does not answer
 */
export async function owedKeys(
  core: StoreCore,
  view: RingView,
  query: { readonly to: string; readonly cursor: string; readonly limit: number },
  timeoutMs: number
): Promise<OwedKeysPage> {
  const all = hostsOfAll(view)
  if (!all.some(({ dc }) => dc === query.to)) {
    const known = [...new Set(all.map(({ dc }) => dc))].sort().join(', ')
    throw badRequest(`there is no datacenter ${JSON.stringify(query.to.slice(0, 64))}: there are ${known}`)
  }
  const hosts = all.filter(({ dc }) => dc !== query.to)
  const tag = owedTagOf(query.to)
  const start = cursorOf(query.cursor)
  const keys: OwedKeyShown[] = []
  const first = start === undefined ? 0 : hosts.findIndex(({ name }) => name === start.host)
  if (first < 0) throw badRequest('cursor is of a host that is no member any more: begin without it')
  for (const host of hosts.slice(first)) {
    const lists = await listsOf(core, host, timeoutMs)
    const partitions = lists.flatMap(list => list?.owed ?? []).filter(each => each.tag === tag)
    for (const partition of partitions.map(each => each.partition).sort((a, b) => a - b)) {
      const isStart = host.name === start?.host
      if (isStart && partition < start.partition) continue
      let after = isStart && partition === start.partition && start.after !== null ? (textOf(start.after) as Key) : undefined
      do {
        if (keys.length >= query.limit)
          return { keys, cursor: cursorText({ host: host.name, partition, after: base64Of(after) }) }
        const ask: WithoutReplyTo<Extract<OwedMessage, { kind: 'owed-page' }>> = {
          kind: 'owed-page',
          tag,
          after,
          pairsMax: query.limit - keys.length,
          keysOnly: true
        }
        const page = await core.ask<OwedReply>(
          { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 },
          ask,
          timeoutMs
        )
        for (const { key, sinceMs } of page.pairs) {
          const bytes = keyBytesOf(key).toString('base64')
          keys.push({ host: host.name, bucket: bucketOf(key), key_base64: bytes, seconds: secondsSince(sinceMs) })
        }
        after = page.next
      } while (after !== undefined)
    }
  }
  return { keys, cursor: null }
}

/** Of each data thread; undefined: it did not answer. */
async function listsOf(core: StoreCore, host: HostView, timeoutMs: number): Promise<(OwedListed | undefined)[]> {
  const threads = Array.from({ length: host.threads }, async (_, thread) => {
    const to = { address: addressOf(threadAddressOf(host.name, `data-${thread}`), 'coordinator'), correlation: 0, incarnation: 0 }
    const question: WithoutReplyTo<Extract<CoordinatorMessage, { kind: 'list-owed' }>> = { kind: 'list-owed' }
    try {
      return await core.ask<OwedListed>(to, question, timeoutMs)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      return undefined
    }
  })
  return Promise.all(threads)
}

function cursorText(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

function cursorOf(text: string): Cursor | undefined {
  if (text === '') return undefined
  try {
    const { host, partition, after } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Cursor
    if (typeof host === 'string' && Number.isInteger(partition) && (after === null || typeof after === 'string'))
      return { host, partition, after }
  } catch {
    // told below
  }
  throw badRequest('cursor is none that a page of this listing gave')
}

function base64Of(key: Key | undefined): string | null {
  return key === undefined ? null : Buffer.from(key, 'latin1').toString('base64')
}

function textOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1')
}
