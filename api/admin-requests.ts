import { isUtf8 } from 'node:buffer'
import { fault, isFault } from '../model/fault.ts'
import { limits } from '../model/limits.ts'
import type { ChangeOrder } from '../actors/gossip/gossip-protocol.ts'
import type { Admin } from './admin.ts'
import { throttleOf, wantedChangeOf } from './admin-plan.ts'
import { backupRequests } from './admin-backup-requests.ts'
import { checkedLimit, type KeysPage } from './admin-keys.ts'
import { badRequest, errorOf } from './client/errors.ts'
import { jsonTextOf } from './json-text.ts'
import { keyBytesOf } from './key-text.ts'
import { listedMembers } from './reading.ts'

/** Bytes of keys and values of one page; JSON may make six of one. */
const pageBytesMax = 128 * 1024

type Members = Readonly<Record<string, unknown>>

const requests: Readonly<Record<string, (admin: Admin, request: Members) => Promise<string>>> = Object.freeze({
  cluster: async admin => JSON.stringify(await admin.cluster()),
  ring: async admin => JSON.stringify(await admin.ring()),
  actors: async (admin, request) => JSON.stringify(await admin.actors(textOf(request, 'host'))),
  work: async admin => JSON.stringify(await admin.work()),
  replication: async admin => JSON.stringify(await admin.replication()),
  'replication-keys': async (admin, request) =>
    JSON.stringify(
      await admin.owedKeys({
        to: textOf(request, 'to') ?? '',
        cursor: textOf(request, 'cursor') ?? '',
        limit: checkedLimit(Number(textOf(request, 'limit') ?? 100))
      })
    ),
  repair: async admin => JSON.stringify(await admin.repair()),
  leave: async (admin, request) => JSON.stringify(await admin.leave(requiredHost(request), orderOf(request))),
  remove: async (admin, request) => JSON.stringify(await admin.remove(requiredHost(request), orderOf(request))),
  'remove-datacenter': async (admin, request) => JSON.stringify(await admin.removeDatacenter(requiredDatacenter(request))),
  plan: async (admin, request) =>
    JSON.stringify({ plan: await (flagOf(request, 'brief') ? admin.plans.brief() : admin.plans.shown()) }),
  'plan.stage': async (admin, request) => JSON.stringify({ plan: await admin.plans.stage(wantedChangeOf(request)) }),
  'plan.commit': async admin => JSON.stringify({ plan: await admin.plans.order({ what: 'commit' }) }),
  'plan.pause': async admin => JSON.stringify({ plan: await admin.plans.order({ what: 'pause' }) }),
  'plan.resume': async admin => JSON.stringify({ plan: await admin.plans.order({ what: 'resume' }) }),
  'plan.abort': async admin => JSON.stringify({ plan: await admin.plans.order({ what: 'abort' }) }),
  'plan.throttle': async (admin, request) => {
    const bytesPerSecond = throttleOf(request['bytes_per_second'])
    return JSON.stringify({ plan: await admin.plans.order({ what: 'throttle', bytesPerSecond }) })
  },
  metrics: admin => admin.metrics(),
  'profile-begin': async (admin, request) => {
    const host = admin.hostNamed(textOf(request, 'host'))
    return JSON.stringify(await admin.profiles.begin(host, textOf(request, 'thread'), numberTextOf(request, 'seconds')))
  },
  profile: async (admin, request) =>
    JSON.stringify(await admin.profiles.state(admin.hostNamed(textOf(request, 'host')), numberTextOf(request, 'top'))),
  'profile-piece': async (admin, request) => {
    const host = admin.hostNamed(textOf(request, 'host'))
    const piece = await admin.profiles.piece(host, textOf(request, 'id') ?? '', numberTextOf(request, 'offset'))
    const { id, offset, size, bytes } = piece
    return JSON.stringify({ host, id, offset, size, bytes_base64: Buffer.from(bytes).toString('base64') })
  },
  explain: async (admin, request) => {
    const bucket = textOf(request, 'bucket') ?? 'default'
    const key = keyOfRequest(request)
    const shown = isUtf8(key) ? { key: key.toString('utf8') } : { key_base64: key.toString('base64') }
    return JSON.stringify({ bucket, ...shown, ...(await admin.explain(bucket, key)) })
  },
  'bucket-get': async (admin, request) => {
    const bucket = requiredBucket(request)
    return JSON.stringify({ bucket, ...(await admin.bucket(bucket)) })
  },
  'bucket-set': async (admin, request) => {
    const bucket = requiredBucket(request)
    return JSON.stringify({ bucket, ...(await admin.setBucket(bucket, request['properties'])) })
  },
  buckets: async admin => JSON.stringify({ buckets: await admin.buckets() }),
  keys: async (admin, request) => {
    const bucket = textOf(request, 'bucket') ?? 'default'
    const values = flagOf(request, 'values')
    const { limit = 100 } = request
    const page = await admin.keys({
      bucket,
      prefix: prefixOf(request),
      cursor: textOf(request, 'cursor') ?? '',
      limit: checkedLimit(Number(limit)),
      strict: flagOf(request, 'strict'),
      values,
      bytesMax: pageBytesMax
    })
    return pageJson(bucket, page, values)
  },
  ...backupRequests
})

/**
 * One request of administration, as it comes over NATS.
 * @param name what the subject ends with: cluster, ring, actors, work, repair, leave, remove, remove-datacenter, plan, plan.stage, plan.commit, plan.pause, plan.resume, plan.abort, plan.throttle, metrics, profile-begin, profile, profile-piece, explain, bucket-get, bucket-set, buckets, keys, and those of `admin-backup-requests`
 * @param payload a JSON object, or nothing
 * @returns JSON; Prometheus text of `metrics`
 * @throws {StoreError}
 */
export async function adminAnswer(admin: Admin, name: string, payload: Uint8Array): Promise<string> {
  const answer = Object.hasOwn(requests, name) ? requests[name] : undefined
  if (answer === undefined)
    throw errorOf(
      fault(
        'not_found',
        `there is no request ${JSON.stringify(name.slice(0, 64))}: there are ${Object.keys(requests).join(', ')}`
      )
    )
  return answer(admin, membersOf(payload))
}

function membersOf(payload: Uint8Array): Members {
  if (payload.length === 0) return {}
  const text = jsonTextOf(payload)
  if (isFault(text)) throw errorOf(text)
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest('the request is no JSON object')
  return value as Members
}

function pageJson(bucket: string, page: KeysPage, values: boolean): string {
  const shown: string[] = []
  for (const { key, siblings } of page.pairs) {
    const text = isUtf8(key) ? JSON.stringify(key.toString('utf8')) : undefined
    const encoded = `"key_base64":"${key.toString('base64')}"`
    if (!values) {
      shown.push(text ?? `{${encoded}}`)
      continue
    }
    const members = listedMembers(siblings, Date.now())
    if (members !== undefined) shown.push(`{${text === undefined ? encoded : `"key":${text}`},${members}}`)
  }
  const list = values ? 'pairs' : 'keys'
  return `{"bucket":${JSON.stringify(bucket)},"${list}":[${shown.join(',')}],"cursor":${JSON.stringify(page.cursor ?? null)},"coverage":${page.coverage}}`
}

function keyOfRequest(request: Members): Buffer {
  const text = textOf(request, 'key')
  const encoded = textOf(request, 'key_base64')
  if ((text === undefined) === (encoded === undefined)) throw badRequest('give key, or key_base64 for bytes that are no text')
  const key = text === undefined ? bytesOf(encoded!, 'key_base64') : keyBytesOf(text, 'utf8')
  if (isFault(key)) throw errorOf(key)
  return key
}

function prefixOf(request: Members): Buffer {
  const encoded = textOf(request, 'prefix_base64')
  const bytes = encoded === undefined ? Buffer.from(textOf(request, 'prefix') ?? '', 'utf8') : bytesOf(encoded, 'prefix_base64')
  if (bytes.length > limits.keyBytesMax)
    throw badRequest(`the prefix has ${bytes.length} bytes, a key has at most ${limits.keyBytesMax}`)
  return bytes
}

function bytesOf(encoded: string, name: string): Buffer {
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded && bytes.toString('base64url') !== encoded) throw badRequest(`${name} is not base64`)
  return bytes
}

function requiredBucket(request: Members): string {
  const bucket = textOf(request, 'bucket')
  if (bucket === undefined) throw badRequest('the request has no "bucket"')
  return bucket
}

function requiredHost(request: Members): string {
  const host = textOf(request, 'host')
  if (host === undefined) throw badRequest('the request has no "host"')
  return host
}

function requiredDatacenter(request: Members): string {
  const datacenter = textOf(request, 'datacenter')
  if (datacenter === undefined) throw badRequest('the request has no "datacenter"')
  return datacenter
}

function orderOf(request: Members): ChangeOrder {
  const order = textOf(request, 'order') ?? 'begin'
  const known = orders.find(each => each === order)
  if (known === undefined) throw badRequest(`"order" is ${JSON.stringify(order.slice(0, 64))}: allowed are ${orders.join(', ')}`)
  return known
}

const orders = ['begin', 'give-up', 'tell'] as const

function textOf(request: Members, name: string): string | undefined {
  const value = request[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw badRequest(`"${name}" is ${JSON.stringify(value).slice(0, 64)}: a string is wanted`)
  return value
}

/** A number as a query would have it. */
function numberTextOf(request: Members, name: string): string | undefined {
  const value = request[name]
  return typeof value === 'number' ? String(value) : textOf(request, name)
}

function flagOf(request: Members, name: string): boolean {
  const value = request[name] ?? false
  if (typeof value !== 'boolean') throw badRequest(`"${name}" is ${JSON.stringify(value).slice(0, 64)}: true or false is wanted`)
  return value
}
