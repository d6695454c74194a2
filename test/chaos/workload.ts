import type { Store } from '../../api/client/store.ts'
import { StoreError } from '../../api/client/errors.ts'
import type { ConsistencyLevel } from '../../model/quorum.ts'
import type { Random } from '../../runtime/random.ts'
import type { Ledger } from './ledger.ts'
import type { WorkloadKind } from './options.ts'
import { pause } from './shell.ts'
import type { Tally } from './tally.ts'

export interface Client {
  readonly name: string
  readonly number: number
  /** Of its kind. */
  readonly clients: number
  /** Keys that only one client writes begin with it. */
  readonly side: string
  readonly store: Store
  readonly random: Random
  readonly ledger: Ledger
  readonly tally: Tally
  readonly keys: number
  /** Of its requests; undefined: what is usual. */
  readonly level: ConsistencyLevel | undefined
  readonly stop: AbortSignal
  /** Invariants that a client saw broken while it worked. */
  readonly violations: string[]
}

export const workloadBucket: Readonly<Record<WorkloadKind, string>> = Object.freeze({
  set: 'chaos-set',
  register: 'chaos-register',
  delete: 'chaos-delete'
})

const pauseMsMax = 20
const timeoutMs = 2_000
/** It reads at R and writes at W of primaries, R + W > N: whatever was acknowledged is seen by every read that begins later. */
const strictRead = Object.freeze({ sloppy: false, pr: 2, timeoutMs } as const)
const strictWrite = Object.freeze({ sloppy: false, pw: 2, timeoutMs } as const)

export const workloads: Readonly<Record<WorkloadKind, (client: Client) => Promise<void>>> = Object.freeze({
  set: client => forever(client, () => addToSet(client)),
  register: registerClient,
  delete: client => forever(client, () => deleteAndRecreate(client))
})

async function forever({ stop, random }: Client, step: () => Promise<void>): Promise<void> {
  while (!stop.aborted) {
    await step()
    await pause(random.below(pauseMsMax))
  }
}

/** Adds values to keys that all clients share: blindly, or after a read and with its context. */
async function addToSet(client: Client): Promise<void> {
  const key = `k${client.random.below(client.keys)}`
  if (client.random.next() < 0.3) await write(client, 'set', key, undefined)
  else {
    const read = await readOf(client, 'set', key)
    if (read !== undefined) await write(client, 'set', key, read)
  }
}

/** Puts and deletes keys that are its own, with and without contexts. */
async function deleteAndRecreate(client: Client): Promise<void> {
  const key = ownKey(client)
  const choice = client.random.next()
  if (choice < 0.2) return await remove(client, key, undefined)
  const read = await readOf(client, 'delete', key)
  if (read === undefined) return
  if (choice < 0.5 && read.context !== undefined) await remove(client, key, read)
  else await write(client, 'delete', key, read)
}

interface Read {
  readonly values: readonly string[]
  readonly context: string | undefined
}

async function readOf({ store, tally, level }: Client, kind: WorkloadKind, key: string): Promise<Read | undefined> {
  const startMs = performance.now()
  try {
    const found = await store.bucket<string>(workloadBucket[kind]).get(key, { timeoutMs, consistency: level })
    tally.success(startMs)
    return { values: found?.siblings.map(version => version.value) ?? [], context: found?.context }
  } catch (error) {
    tally.failure(codeOf(error), startMs, reasonOf(error))
    return undefined
  }
}

async function write(client: Client, kind: WorkloadKind, key: string, read: Read | undefined): Promise<void> {
  const id = nextId(client)
  await recorded(client, id, workloadKey(kind, key), read?.values ?? [], false, () =>
    client.store.bucket<string>(workloadBucket[kind]).put(key, id, optionsOf(client, read))
  )
}

async function remove(client: Client, key: string, read: Read | undefined): Promise<void> {
  await recorded(client, nextId(client), workloadKey('delete', key), read?.values ?? 'whatever', true, () =>
    client.store.bucket<string>(workloadBucket.delete).delete(key, optionsOf(client, read))
  )
}

function optionsOf(
  { level }: Client,
  read: Read | undefined
): { timeoutMs: number; consistency: ConsistencyLevel | undefined; context?: string } {
  return { timeoutMs, consistency: level, ...(read?.context === undefined ? {} : { context: read.context }) }
}

async function recorded(
  { ledger, tally }: Client,
  id: string,
  key: string,
  seen: readonly string[] | 'whatever',
  isDelete: boolean,
  send: () => Promise<unknown>
): Promise<void> {
  ledger.begin(id, key, seen, isDelete)
  const startMs = performance.now()
  try {
    await send()
    ledger.end(id, 'acknowledged')
    tally.success(startMs)
  } catch (error) {
    ledger.end(id, isRefused(error) ? 'refused' : 'indeterminate', codeOf(error))
    tally.failure(codeOf(error), startMs, reasonOf(error))
  }
}

/** Each writes numbers that rise into keys of its own, and reads its own and others': no read may show less than was acknowledged. */
async function registerClient(client: Client): Promise<void> {
  const { random, store, violations, name, ledger, level = 'quorum' } = client
  const [reading, writing] = [
    { ...strictRead, consistency: level },
    { ...strictWrite, consistency: level }
  ]
  const bucket = store.bucket<number>(workloadBucket.register)
  const contexts = new Map<string, string>()
  await forever(client, async () => {
    const isWrite = random.next() < 0.5
    const key = isWrite || random.next() < 0.5 ? ownKey(client) : `${client.side}k${random.below(client.keys)}`
    const register = registers.get(key) ?? { attempted: 0, acknowledged: 0 }
    registers.set(key, register)
    const { tally } = client
    const startMs = performance.now()
    try {
      if (isWrite) {
        const value = ++register.attempted
        const context = contexts.get(key)
        const stored = await bucket.put(key, value, context === undefined ? writing : { ...writing, context })
        contexts.set(key, stored.context)
        register.acknowledged = value
        ledger.note({ register: key, wrote: value, startMs })
      } else {
        const { acknowledged } = register
        const found = await bucket.get(key, reading)
        const values = found?.siblings.map(version => version.value) ?? [0]
        if (Math.max(...values) < acknowledged) {
          ledger.note({ register: key, read: values, acknowledged, by: name, startMs })
          violations.push(
            `I10: ${name} read ${values.join(' ')} of ${key} at a strict quorum, and ${acknowledged} had been acknowledged before the read began`
          )
        }
        if (Math.max(...values) > register.attempted)
          violations.push(`I6: ${name} read ${values.join(' ')} of ${key}, which nobody wrote`)
      }
      tally.success(startMs)
    } catch (error) {
      tally.failure(codeOf(error), startMs, reasonOf(error))
    }
  })
}

interface Register {
  attempted: number
  acknowledged: number
}

/** By key; each is written by one client, all of which live in this process. */
export const registers = new Map<string, Register>()

export function workloadKey(kind: WorkloadKind, key: string): string {
  return `${workloadBucket[kind]}/${key}`
}

function ownKey({ side, random, keys, number, clients }: Client): string {
  const own = Math.max(1, Math.floor(keys / clients))
  return `${side}k${number + clients * random.below(own)}`
}

const written = new Map<string, number>()

function nextId({ name }: Client): string {
  const number = (written.get(name) ?? 0) + 1
  written.set(name, number)
  return `${name}.${number}`
}

export function codeOf(error: unknown): string {
  return error instanceof StoreError ? error.code : `no StoreError: ${(error as Error).message}`
}

function reasonOf(error: unknown): string {
  return `${new Date().toISOString()} ${codeOf(error)}: ${(error as Error).message}`
}

function isRefused(error: unknown): boolean {
  return error instanceof StoreError && error.outcome === 'refused'
}
