import t from 'tap'
import { fault } from '../../../model/fault.ts'
import type { Ref } from '../../../bus/bus.ts'
import { CoordinatorRig, key, recordBy } from './coordinator-rig.ts'

const full = fault('storage_full', 'the disk is full')
const kinds = (rig: CoordinatorRig): string[] => rig.replies.map(({ kind }) => kind as string)

t.test(
  'a client counts, W=2 → each owner is told whom to tell; the coordinator tells what it minted, and nothing else',
  async t => {
    const rig = new CoordinatorRig()
    rig.countedPut()
    t.same(rig.open, ['h2 replicate', 'h3 replicate'])
    t.match(rig.replies, [{ kind: 'coordinated', slot: 0, needed: 2, asked: 3, strength: 'strong', epoch: '00000001' }])
    const asked = rig.tells('h3')
    t.match(asked, {
      direct: { client: { address: 'client.t.door', correlation: 1, incarnation: 1 }, slot: 2, epoch: '00000001' }
    })
    t.equal(rig.underWay, 1, 'h2 may still fail')
    rig.tells('h2')
    t.equal(rig.underWay, 0)
    t.same(kinds(rig), ['coordinated'])
    rig.run(5_000)
    t.same(rig.open, [], 'nobody keeps a hint')
    t.same(rig.crashes, [])
  }
)

t.test('an owner has it and has not told the client → the coordinator answers once W have it', async t => {
  const rig = new CoordinatorRig()
  rig.countedPut({ replicas: 3 })
  rig.tells('h2')
  t.same(kinds(rig), ['coordinated'])
  rig.stores('h3')
  t.match(rig.replies, [{ kind: 'coordinated' }, { kind: 'written', strength: 'strong', answered: 3 }])
  t.equal(rig.underWay, 0)
})

t.test('an owner fails → a fallback keeps it, and the coordinator answers for what the client cannot have heard of', async t => {
  const rig = new CoordinatorRig()
  rig.countedPut({ replicas: 3 })
  rig.tells('h2')
  rig.answer('h3', { kind: 'failed', fault: full })
  t.same(rig.open, ['h4 hint for h3'])
  rig.stores('h4')
  t.match(rig.replies, [{ kind: 'coordinated' }, { kind: 'written', strength: 'sloppy', answered: 3 }])
})

t.test('an owner is silent → a fallback keeps its hint in time, as for every put', async t => {
  const rig = new CoordinatorRig()
  rig.countedPut()
  rig.run(600)
  t.ok(rig.open.includes('h4 hint for h2') && rig.open.includes('h5 hint for h3'), `${rig.open}`)
  rig.stores('h4')
  t.match(rig.replies, [{ kind: 'coordinated' }, { kind: 'written', answered: 2 }])
})

t.test('the quorum cannot be met → refused, as any put', async t => {
  const rig = new CoordinatorRig({ order: ['h1', 'h2', 'h3'] })
  rig.countedPut({ replicas: 3 })
  rig.answer('h2', { kind: 'failed', fault: full })
  t.match(rig.replies, [{ kind: 'coordinated' }, { kind: 'refused', fault: { code: 'storage_full', outcome: 'indeterminate' } }])
  rig.recall()
  t.match(rig.replies[2], { kind: 'refused', fault: { code: 'storage_full' } }, 'and again when it is asked')
})

t.test('the client asks → it is answered: at once where all is known, else once it is', async t => {
  const early = new CoordinatorRig()
  early.countedPut()
  early.recall()
  t.same(kinds(early), ['coordinated'])
  early.tells('h2')
  t.match(early.replies, [{ kind: 'coordinated' }, { kind: 'written', strength: 'strong', answered: 2 }])
  const late = new CoordinatorRig()
  late.countedPut()
  late.tells('h2')
  late.tells('h3')
  late.recall()
  t.match(late.replies, [{ kind: 'coordinated' }, { kind: 'written', strength: 'strong', answered: 2 }])
})

t.test('somebody else asks, or for another life of the client → no answer', async t => {
  const rig = new CoordinatorRig()
  rig.countedPut()
  rig.tells('h2')
  rig.tells('h3')
  rig.recall('other')
  rig.countedPut()
  rig.recall('t', 2)
  t.same(kinds(rig), ['coordinated', 'coordinated'])
})

for (const [what, rig, ask] of [
  ['an owner is away', new CoordinatorRig({ states: { h3: 'down' } }), (rig: CoordinatorRig) => rig.countedPut()],
  ['a receipt is wanted', new CoordinatorRig(), (rig: CoordinatorRig) => rig.countedPut({ receipt: true })],
  ['another coordinator has passed it on', new CoordinatorRig(), (rig: CoordinatorRig) => rig.countedPut({}, { hops: 1 })],
  ['a datacenter counts', new CoordinatorRig(), (rig: CoordinatorRig) => rig.countedPut({ level: 'local_quorum' })]
] as const) {
  t.test(`${what} → the coordinator counts`, async t => {
    ask(rig)
    t.equal((rig.stores('h2') as { readonly direct?: unknown }).direct, undefined)
    t.same(kinds(rig), ['written'])
  })
}

t.test('W=1 → the coordinator answers with what it has minted', async t => {
  const rig = new CoordinatorRig()
  rig.countedPut({ replicas: 1 })
  t.match(rig.replies, [{ kind: 'written', answered: 1 }])
})

t.test(
  'a replica is to tell a client → it does, and its coordinator many at once; by another ring, only the coordinator',
  async t => {
    const rig = new CoordinatorRig()
    const replicate = (counter: number, epoch: string) =>
      rig.vnode(replyTo => {
        const client: Ref<never> = { ...replyTo, incarnation: 9 }
        const direct = { client: client as never, slot: 1, epoch }
        return {
          kind: 'replicate',
          key,
          siblings: recordBy('h2', counter),
          resolver: 'siblings',
          durability: 'flushed',
          direct,
          replyTo
        }
      })
    for (let counter = 1; counter <= 3; counter++) replicate(counter, '00000001')
    rig.run(4)
    t.same(
      rig.replies,
      [1, 2, 3].map(() => ({ kind: 'acked', slot: 1 }))
    )
    rig.run(10)
    const told = rig.replies.splice(0).slice(3) as unknown as { readonly kind: string; readonly acks: readonly number[] }[]
    t.match(told, [{ kind: 'stored-list' }])
    t.same(
      told[0]!.acks.filter((_, at) => at % 2 === 0),
      [1, 2, 3]
    )
    t.ok(
      told[0]!.acks.filter((_, at) => at % 2 === 1).every(ago => ago >= 9_000 && ago <= 14_000),
      `${told[0]!.acks}`
    )
    replicate(4, '00000002')
    rig.run(20)
    t.same(rig.replies, [{ kind: 'stored', durability: 'flushed' }])
  }
)

t.test('a vnode ends while others’ acknowledgements wait for its timer → coordinators hear of them', async t => {
  const rig = new CoordinatorRig()
  rig.vnode(replyTo => {
    const direct = { client: replyTo as never, slot: 1, epoch: '00000001' }
    return { kind: 'replicate', key, siblings: recordBy('h2', 1), resolver: 'siblings', durability: 'flushed', direct, replyTo }
  })
  rig.run(3)
  t.match(rig.replies, [{ kind: 'acked' }])
  rig.crashVnode()
  t.match(rig.replies.slice(0, 2), [{ kind: 'acked' }, { kind: 'stored-list', acks: [1] }])
})
