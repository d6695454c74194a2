import fc from 'fast-check'
import t from 'tap'
import { decodeFloor, encodeFloor, floorKeysOf } from '../../../actors/floor/floor-codec.ts'
import type { KeptFloor } from '../../../actors/floor/floor-codec.ts'
import type { VnodeMessage, VnodeReply } from '../../../actors/vnode/vnode-protocol.ts'
import type { Ref } from '../../../bus/bus.ts'
import { digestOf } from '../../../model/siblings-codec.ts'
import { vnodeIdOf } from '../../../model/version-vector.ts'
import { CoordinatorRig, key, recordBy, uidOfHost } from '../coordinator/coordinator-rig.ts'

type Reply<K extends VnodeReply['kind']> = Extract<VnodeReply, { kind: K }>
type Ask = (replyTo: Ref<VnodeReply>) => VnodeMessage

const floor: KeptFloor = {
  n: 3,
  vector: [vnodeIdOf(uidOfHost('h1'), 900), 50],
  classes: { replicas: 3, others: [] }
}
const record = recordBy('h1', 3)
const stray = { key, digest: digestOf(record) }

const replicate =
  (siblings: Uint8Array): Ask =>
  replyTo => ({ kind: 'replicate', key, siblings, resolver: 'siblings', durability: 'flushed', replyTo })
const take = (more: Partial<Extract<VnodeMessage, { kind: 'take' }>> = {}): Ask => {
  const page = { intake: 'i', after: undefined, upTo: undefined, pairs: [], floors: [] }
  return replyTo => ({ kind: 'take', ...page, ...more, replyTo })
}
const mintOf: Ask = replyTo => ({
  kind: 'write',
  key,
  value: Buffer.from('new'),
  contentType: '',
  tombstone: false,
  context: undefined,
  create: false,
  modifiedMs: 1,
  expiresMs: 0,
  resolver: 'siblings',
  durability: 'flushed',
  replyTo
})
const read: Ask = replyTo => ({ kind: 'read', key, replyTo })
const forget =
  (token: string, strays = [stray]): Ask =>
  replyTo => ({ kind: 'forget-strays', token, strays, replyTo })
const begin: Ask = replyTo => ({ kind: 'begin-clearing', replyTo })

/** What the vnode answered, as far as it came within `ms`. */
function ask<K extends VnodeReply['kind']>(rig: CoordinatorRig, kind: K, message: Ask, ms = 10): Reply<K> {
  const before = rig.replies.length
  rig.vnode(message)
  rig.run(ms)
  const reply = rig.replies.splice(before).at(-1) as unknown as VnodeReply | undefined
  if (reply?.kind !== kind) throw new Error(`it answered ${JSON.stringify(reply)}`)
  return reply as Reply<K>
}

function tokenOf(rig: CoordinatorRig): string {
  return ask(rig, 'clearing', begin).token
}

/** A vnode that holds the record, and keeps the floor in two copies if it is wanted. */
function holding(keepsFloor = false): CoordinatorRig {
  const rig = new CoordinatorRig()
  rig.disk.write([{ partition: 0, key, record }])
  if (keepsFloor) rig.disk.write(floorKeysOf(3).map(each => ({ partition: 0, key: each, record: encodeFloor(floor) })))
  rig.disk.flush()
  // It loads its floors when it starts.
  if (keepsFloor) rig.crashVnode()
  return rig
}

const held = (rig: CoordinatorRig): boolean => rig.disk.pairs(0)?.has(key) === true

t.test('all owners hold a record → it is forgotten by the token, and nothing but it', async t => {
  const rig = holding()
  const token = tokenOf(rig)
  const other = { key: floorKeysOf(3)[0], digest: 0 }
  t.match(ask(rig, 'strays-forgotten', forget(token, [stray, stray, other])), { erased: 1, kept: 2 })
  t.notOk(held(rig))
  t.match(ask(rig, 'record', read), { siblings: new Uint8Array(0) })
  t.same(rig.crashes, [])
})

t.test('I12: floors go before any record does, from memory and from the disk, even if the power goes then', async t => {
  const rig = holding(true)
  t.ok(ask(rig, 'record', read).floor !== undefined, 'it keeps a floor')
  const token = tokenOf(rig)
  t.equal(ask(rig, 'record', read).floor, undefined)
  t.ok(held(rig), 'the record is there still')
  t.equal(
    ask(rig, 'page', replyTo => ({ kind: 'scan', after: undefined, pairsMax: 9, keysOnly: false, replyTo })).floors,
    undefined
  )
  rig.disk.losePower()
  const left = floorKeysOf(3).flatMap(each => rig.disk.pairs(0)?.get(each) ?? [])
  t.ok(
    left.every(each => decodeFloor(each)?.vector.length === 0),
    'what is left covers nothing'
  )
  t.ok(token.length > 0)
})

t.test('a floor that was erased covers nothing after a crash of the vnode, and a half erased one neither', async t => {
  const rig = holding(true)
  tokenOf(rig)
  rig.crashVnode()
  t.equal(ask(rig, 'record', read).floor, undefined)
  const empty = encodeFloor({ n: 0, vector: [], classes: { replicas: 0, others: [] } })
  rig.disk.write(floorKeysOf(3).map(each => ({ partition: 0, key: each, record: empty })))
  rig.crashVnode()
  t.same(ask(rig, 'record', read), { kind: 'record', siblings: record })
})

t.test('the record has changed since it was read → it stays', async t => {
  const rig = holding()
  const token = tokenOf(rig)
  const older = { key, digest: digestOf(recordBy('h1', 2)) }
  t.match(ask(rig, 'strays-forgotten', forget(token, [older])), { erased: 0, kept: 1 })
  t.ok(held(rig))
})

for (const [what, message] of [
  ['is given a record by another replica', replicate(record)],
  ['takes the partition over', take()],
  ['mints', mintOf],
  ['is asked to prepare a floor', replyTo => ({ kind: 'prepare-floor', n: 3, replyTo })],
  ['is asked to clear anew', begin]
] as [string, Ask][]) {
  t.test(`I18: the vnode ${what} → the token that it gave holds no more, and nothing is forgotten`, async t => {
    const rig = holding()
    const token = tokenOf(rig)
    rig.vnode(message)
    rig.run(10)
    const digest = digestOf(ask(rig, 'record', read).siblings)
    t.match(ask(rig, 'failed', forget(token, [{ key, digest }])), { fault: { code: 'unavailable' } })
    t.ok(held(rig))
  })

  t.test(`I18: the same while the floors are being erased → no token is given`, async t => {
    const rig = holding(true)
    rig.vnode(begin)
    rig.vnode(message)
    rig.run(10)
    const replies = rig.replies.splice(0) as unknown as VnodeReply[]
    t.equal(replies.filter(({ kind }) => kind === 'clearing').length, message === begin ? 1 : 0)
    t.equal(replies.filter(({ kind }) => kind === 'failed').length, 1)
  })
}

t.test('reads, scans and hints do not end a clearing; a crash of the vnode does', async t => {
  const rig = holding()
  const token = tokenOf(rig)
  ask(rig, 'record', read)
  ask(rig, 'stored', replyTo => {
    const hint = { target: uidOfHost('h2'), key, siblings: record, resolver: 'siblings', durability: 'flushed' } as const
    return { kind: 'hint', ...hint, replyTo }
  })
  t.match(ask(rig, 'strays-forgotten', forget(token)), { erased: 1 })
  const next = tokenOf(rig)
  rig.crashVnode()
  t.match(ask(rig, 'failed', forget(next)), { fault: { code: 'unavailable' } })
})

t.test('I18: clearing begins while a partition is taken over → the intake is lost, the last page of it, too', async t => {
  const rig = holding()
  rig.vnode(take({ pairs: [{ key, siblings: recordBy('h2', 4), resolver: 'siblings' }] }))
  rig.vnode(begin)
  rig.run(10)
  const kinds = (rig.replies.splice(0) as unknown as VnodeReply[]).map(({ kind }) => kind)
  t.same(kinds.sort(), ['clearing', 'intake-lost'])
})

t.test(
  'I12: clearing begins while a floor that was taken over is being written → it is refused, and the floor holds',
  async t => {
    const rig = holding()
    rig.vnode(take({ floors: [floor], pairs: [{ key, siblings: record, resolver: 'siblings' }] }))
    rig.run(1.5)
    rig.vnode(begin)
    rig.run(10)
    const kinds = (rig.replies.splice(0) as unknown as VnodeReply[]).map(({ kind }) => kind)
    t.same(kinds.sort(), ['failed', 'taken'])
    t.ok(ask(rig, 'record', read).floor !== undefined)
  }
)

t.test(
  'I12: the owner from whom a partition is taken over lets go of its floors between two pages → the intake begins anew',
  async t => {
    const rig = holding()
    t.match(ask(rig, 'taken', take({ upTo: key, pairs: [{ key, siblings: record, resolver: 'siblings' }], floors: [floor] })), {})
    t.match(ask(rig, 'intake-lost', take({ after: key, floors: [] })), {})
    t.match(ask(rig, 'taken', take({ upTo: key, pairs: [{ key, siblings: record, resolver: 'siblings' }], floors: [floor] })), {})
    const raised = { ...floor, vector: [floor.vector[0]!, 60] }
    t.match(ask(rig, 'taken', take({ after: key, floors: [raised] })), {}, 'one that was raised meanwhile will do')
  }
)

t.test('a record that this id minted is forgotten → it claims no more to know all that it minted', async t => {
  const rig = new CoordinatorRig()
  rig.vnode(mintOf)
  rig.run(10)
  rig.replies.splice(0)
  const guard: Ask = replyTo => ({ kind: 'guard-floor', replyTo })
  t.ok(ask(rig, 'floor-guarded', guard).ids[1]! > 0)
  const { siblings } = ask(rig, 'record', read)
  const token = tokenOf(rig)
  t.match(ask(rig, 'strays-forgotten', forget(token, [{ key, digest: digestOf(siblings) }])), { erased: 1 })
  t.equal(ask(rig, 'floor-guarded', guard).ids[1], 0)
})

t.test('the disk refuses to erase a floor → no token; once it works again, there is one', async t => {
  const rig = holding(true)
  rig.disk.failing = true
  t.match(ask(rig, 'failed', begin), { fault: { code: 'storage_failed' } })
  rig.disk.failing = false
  tokenOf(rig)
  rig.crashVnode()
  t.equal(ask(rig, 'record', read).floor, undefined)
})

/** A host that clears the partition, as its agent does it, one step after the other. */
class Side {
  readonly rig = holding()
  #step: 'begin' | 'give' | 'forget' = 'begin'
  #token = ''
  #digest = 0

  step(other: Side): void {
    switch (this.#step) {
      case 'begin':
        this.#token = tokenOf(this.rig)
        this.#step = 'give'
        return
      case 'give': {
        const { siblings } = ask(this.rig, 'record', read)
        this.#digest = siblings.length === 0 ? 0 : digestOf(siblings)
        if (siblings.length > 0) ask(other.rig, 'stored', replicate(siblings))
        this.#step = siblings.length > 0 ? 'forget' : 'begin'
        return
      }
      case 'forget':
        this.rig.vnode(forget(this.#token, [{ key, digest: this.#digest }]))
        this.rig.run(10)
        this.#step = 'begin'
    }
  }
}

t.test(
  'I5, I18: two hosts each take the other for the only owner, and clear in whatever order → one of them keeps the record',
  async t => {
    let erased = 0
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 6, maxLength: 24 }), turns => {
        const sides = [new Side(), new Side()] as const
        for (const turn of turns) {
          sides[turn ? 1 : 0].step(sides[turn ? 0 : 1])
          const holders = sides.filter(({ rig }) => held(rig)).length
          if (holders === 0) return false
          if (holders === 1) erased++
        }
        return true
      }),
      { numRuns: 60 }
    )
    t.ok(erased > 0)
  }
)
