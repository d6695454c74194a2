import type { Ref } from '../../bus/bus.ts'
import { counterSeen } from '../../model/causal-context.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { type Key, systemKeysEnd } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { contextOfBytes, digestOf } from '../../model/siblings-codec.ts'
import type { Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import { CorruptRecord } from '../../storage/store.ts'
import { encodeFloor, floorsEnd, floorsStart } from '../floor/floor-codec.ts'
import type { Settlement } from '../floor/floor-protocol.ts'
import type { StoreResources } from '../store-resources.ts'
import type { VnodeOwed } from '../replication/vnode-owed.ts'
import { SettledWrites } from './settled-writes.ts'
import type { Stray, StrayMessage, StrayReply } from './stray-protocol.ts'
import type { VnodeFloors } from './vnode-floor.ts'
import type { VnodeMessage } from './vnode-protocol.ts'
import type { VnodeTree } from './vnode-tree.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>
type StrayRef = Ref<StrayReply | Settlement>

/** What only an owner is told, or one that will be: whoever says so sees another ring than the one by which records are forgotten here. */
const ownersKinds: ReadonlySet<VnodeMessage['kind']> = new Set([
  'write',
  'replicate',
  'take',
  'prepare-floor',
  'raise-floor'
] as const)
const floorsPerScan = 64
/** A floor that covers nothing. */
const emptiedFloor = encodeFloor({ n: 0, vector: [], classes: { replicas: 0, others: [] } })

/**
 * Forgets records of a partition that this host does not own any more, once all owners hold them. The token is what makes that safe
 * without trust in any view of the ring: a vnode that is given a record, or takes the partition over, forgets nothing more. So of two hosts
 * that each take the other for the owner, and have given each other the same record, at least one keeps it.
 * @see docs/decisions/0006-joining-by-joint-quorum.md
 */
export class VnodeStrays {
  readonly #partition: number
  readonly #tree: VnodeTree
  readonly #floors: VnodeFloors
  readonly #owed: VnodeOwed
  readonly #cleared: Counter
  #begun = 0
  /** Being opened, while the floors are erased. */
  #opening: string | undefined
  #token: string | undefined

  constructor(partition: number, tree: VnodeTree, floors: VnodeFloors, owed: VnodeOwed, { metrics }: VnodeContext) {
    this.#owed = owed
    this.#partition = partition
    this.#tree = tree
    this.#floors = floors
    this.#cleared = metrics.counter(
      'strays_cleared_total',
      'Records of partitions that this host owns no more, forgotten since all owners hold them'
    )
  }

  get isClearing(): boolean {
    return this.#token !== undefined || this.#opening !== undefined
  }

  /** To be told of whatever comes while it `isClearing`. */
  heard(kind: VnodeMessage['kind']): void {
    if (!ownersKinds.has(kind)) return
    this.#token = undefined
    this.#opening = undefined
  }

  receive(message: StrayMessage, context: VnodeContext): void {
    if (message.kind === 'begin-clearing') this.#begin(message.replyTo, context)
    else this.#forget(message.token, message.strays, message.replyTo, context)
  }

  #begin(replyTo: StrayRef, context: VnodeContext): void {
    const token = `${context.incarnation}-${++this.#begun}`
    this.#token = undefined
    this.#opening = undefined
    if (!this.#floors.letGo()) return fail(replyTo, floorComes, context)
    this.#opening = token
    const told = (why: Fault | undefined): void => {
      const isOpen = this.#opening === token
      if (isOpen) this.#opening = undefined
      if (why !== undefined) return fail(replyTo, why, context)
      if (!isOpen) return fail(replyTo, interrupted, context)
      this.#token = token
      context.send(replyTo, { kind: 'clearing', partition: this.#partition, token })
    }
    this.#eraseFloors(told, context)
  }

  /** All there are on the disk, whether or not they were in force: a later life of the vnode must not find any. */
  #eraseFloors(told: (why: Fault | undefined) => void, { resources: { store } }: VnodeContext): void {
    const writes = new SettledWrites(this.#partition, store, told)
    let after: Key | undefined = floorsStart
    while (after !== undefined && after < floorsEnd) {
      const { pairs, corrupt, next } = store.scan(this.#partition, after, floorsPerScan)
      for (const key of [...pairs.map(pair => pair.key), ...corrupt]) {
        if (key >= floorsEnd) continue
        // An erasure settles before it is flushed; what takes the floor's place does not.
        store.write(this.#partition, key, emptiedFloor, 'flushed', writes.expect())
        store.erase(this.#partition, key, writes.expect())
      }
      after = next
    }
    writes.close()
  }

  #forget(token: string, strays: readonly Stray[], replyTo: StrayRef, context: VnodeContext): void {
    if (token !== this.#token) return fail(replyTo, interrupted, context)
    if (strays.length > limits.listPageMax) return fail(replyTo, tooMany(strays.length), context)
    let erased = 0
    const told = (why: Fault | undefined): void => {
      if (why !== undefined) return fail(replyTo, why, context)
      this.#cleared.add(erased)
      context.send(replyTo, { kind: 'strays-forgotten', partition: this.#partition, erased, kept: strays.length - erased })
    }
    const writes = new SettledWrites(this.#partition, context.resources.store, told)
    for (const stray of strays) if (this.#erase(stray, writes, context)) erased++
    writes.close()
  }

  #erase({ key, digest }: Stray, writes: SettledWrites, context: VnodeContext): boolean {
    const { store, dots } = context.resources
    const record = key > systemKeysEnd ? readSound(this.#partition, key, context) : undefined
    if (record === undefined || digestOf(record) !== digest) return false
    // Another datacenter is to be given it from here.
    if (this.#owed.isOwed(key, context)) return false
    // An owner claims with each dot to know all that its id minted of the key before: from here on this id does not.
    if (counterSeen(contextOfBytes(record), dots.vnode) > 0) dots.abandon()
    if (store.erase(this.#partition, key, writes.expect())) this.#tree.changed(key, record, undefined)
    return true
  }
}

const floorComes = fault('unavailable', 'a floor of the partition is being written: it is told again later', {
  outcome: 'refused'
})
const interrupted = fault('unavailable', 'somebody takes this host for an owner of the partition: nothing more is forgotten', {
  outcome: 'refused'
})

function tooMany(size: number): Fault {
  const detail = `${size} records are to be forgotten at once, the limit is ${limits.listPageMax}`
  return fault('bad_request', detail, { limit: limits.listPageMax, size, outcome: 'refused' })
}

function fail(to: StrayRef, why: Fault, context: VnodeContext): void {
  context.send(to, { kind: 'failed', fault: why })
}

/** undefined: it is damaged, or gone. */
function readSound(partition: number, key: Key, { resources }: VnodeContext): Uint8Array | undefined {
  try {
    return resources.store.read(partition, key)
  } catch (error) {
    if (error instanceof CorruptRecord) return undefined
    throw error
  }
}
