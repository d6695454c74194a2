import { isFault } from '../model/fault.ts'
import { bucketFault, bucketOf, type Key, keyFault, keyLengthOf, systemKeysEnd } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { decodeSiblings } from '../model/siblings-codec.ts'
import { MalformedBytes } from '../model/dot-codec.ts'
import { decodeWords } from '../model/tree-codec.ts'
import type { Admin } from './admin.ts'
import type { RestoreRecord } from './admin-restore.ts'
import { badRequest } from './client/errors.ts'

type Members = Readonly<Record<string, unknown>>

const hintSourcesMax = 4_096

/** What `carillon backup` and `carillon restore` ask: see `admin-requests`. Keys and records travel as base64. */
export const backupRequests: Readonly<Record<string, (admin: Admin, request: Members) => Promise<string>>> = Object.freeze({
  'backup-begin': async admin => JSON.stringify(await admin.backup.begin()),
  'backup-open': async (admin, request) => JSON.stringify(await admin.backup.open(wholeOf(request, 'partition'))),
  'backup-nodes': async (admin, request) => {
    const query = {
      partition: wholeOf(request, 'partition'),
      n: wholeOf(request, 'n'),
      host: textOf(request, 'host'),
      nodes: wordsOf(request, 'nodes') ?? []
    }
    return JSON.stringify({ children: Buffer.from(await admin.backup.children(query)).toString('base64') })
  },
  'backup-page': async (admin, request) => {
    const page = await admin.backup.page({
      partition: wholeOf(request, 'partition'),
      epoch: textOf(request, 'epoch'),
      after: request['after'] === undefined ? undefined : keyOfText(textOf(request, 'after')),
      from: listOf(request, 'from').map(String),
      hints: listOf(request, 'hints').map(hintOf),
      bucket: request['bucket'] === undefined ? undefined : textOf(request, 'bucket'),
      below: wordsOf(request, 'below')
    })
    return JSON.stringify({
      pairs: page.pairs.flatMap(({ key, siblings }) => [base64Of(key), Buffer.from(siblings).toString('base64')]),
      next: page.next === undefined ? null : base64Of(page.next),
      corrupt: page.corrupt,
      oversized: page.oversized.map(base64Of)
    })
  },
  'restore-open': async (admin, request) => {
    await admin.backup.openRestore(textOf(request, 'id'), partitionsOf(request))
    return '{}'
  },
  'restore-close': async (admin, request) =>
    JSON.stringify({ unreached: await admin.backup.closeRestore(textOf(request, 'id'), partitionsOf(request)) }),
  'restore-records': async (admin, request) => {
    const records = recordsOf(request)
    const outcomes = await admin.backup.restore(records, {
      isDry: request['dry'] === true,
      asNew: request['as_new'] === true,
      isForeign: request['foreign'] === true,
      buckets: listOf(request, 'buckets').map(bucketEntryOf)
    })
    return JSON.stringify({
      outcomes: outcomes.map(({ outcome, why, mayRetry }) => (why === '' ? outcome : [outcome, why, mayRetry]))
    })
  }
})

function base64Of(key: Key): string {
  return Buffer.from(key, 'latin1').toString('base64')
}

function wholeOf(request: Members, name: string): number {
  const value = request[name]
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < limits.partitionsMax) return value
  throw badRequest(`"${name}" is ${JSON.stringify(value)?.slice(0, 64)}: a whole number is wanted`)
}

function textOf(request: Members, name: string): string {
  const value = request[name]
  if (typeof value === 'string') return value
  throw badRequest(`"${name}" is ${JSON.stringify(value)?.slice(0, 64)}: a string is wanted`)
}

function listOf(request: Members, name: string): readonly unknown[] {
  const value = request[name] ?? []
  if (Array.isArray(value) && value.length <= hintSourcesMax) return value
  throw badRequest(`"${name}" is no list of at most ${hintSourcesMax}`)
}

/** Numbers of 32 bits, as `encodeWords` lays them. */
function wordsOf(request: Members, name: string): readonly number[] | undefined {
  if (request[name] === undefined) return undefined
  const words = decodeWords(Buffer.from(textOf(request, name), 'base64'))
  if (words.every(word => word < nodesEnd)) return words
  throw badRequest(`"${name}" names a node that no tree has`)
}

/** Behind the last leaf of the deepest tree. */
const nodesEnd = 69_905

function hintOf(entry: unknown): readonly [string, number] {
  if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !Number.isInteger(entry[1]))
    throw badRequest('"hints" lists [host, uid]')
  return [entry[0], entry[1] as number]
}

function bucketEntryOf(entry: unknown): readonly [string, number] {
  if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !Number.isInteger(entry[1]))
    throw badRequest('"buckets" lists [bucket, n]')
  return [entry[0], entry[1] as number]
}

function partitionsOf(request: Members): readonly number[] {
  const from = wholeOf(request, 'from')
  const count = wholeOf(request, 'count')
  if (count <= limits.restorePartitionsMax) return Array.from({ length: count }, (_, index) => from + index)
  throw badRequest(`"count" is ${count}: at most ${limits.restorePartitionsMax} partitions go in one request`)
}

function keyOfText(encoded: string): Key {
  const key = Buffer.from(encoded, 'base64').toString('latin1') as Key
  if (key < systemKeysEnd) throw badRequest('a key of the system is none of a bucket')
  return key
}

function recordsOf(request: Members): readonly RestoreRecord[] {
  const pairs = request['pairs']
  if (!Array.isArray(pairs) || pairs.length % 2 !== 0 || pairs.length > 2 * limits.restoreRecordsMax)
    throw badRequest(`"pairs" is no list of keys and records, at most ${limits.restoreRecordsMax} of each`)
  const records: RestoreRecord[] = []
  for (let at = 0; at < pairs.length; at += 2) records.push(recordOf(String(pairs[at]), String(pairs[at + 1])))
  return records
}

function recordOf(keyText: string, recordText: string): RestoreRecord {
  const key = keyOfText(keyText)
  const wrong = bucketFault(bucketOf(key)) ?? keyFault(keyLengthOf(key))
  if (isFault(wrong)) throw badRequest(wrong.detail)
  const bytes = Buffer.from(recordText, 'base64')
  try {
    return { key, bytes, siblings: decodeSiblings(bytes) }
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error
    throw badRequest(`the record of key ${JSON.stringify(key.slice(0, 80))} cannot be read: ${error.message}`)
  }
}
