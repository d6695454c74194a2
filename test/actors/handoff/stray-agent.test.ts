import t from 'tap'
import { strayAgent } from '../../../actors/handoff/stray-agent.ts'
import type { RingKeeperReply } from '../../../actors/ring/ring-keeper-protocol.ts'
import type { HostView } from '../../../actors/ring/ring-view.ts'
import type { VnodeMessage, VnodeReply } from '../../../actors/vnode/vnode-protocol.ts'
import type { WorkArguments, WorkMessage } from '../../../actors/work/work-protocol.ts'
import type { Envelope, Message, Ref } from '../../../bus/bus.ts'
import { fault } from '../../../model/fault.ts'
import { type Key, keyOfText } from '../../../model/key.ts'
import { digestOf } from '../../../model/siblings-codec.ts'
import type { Behaviour } from '../../../runtime/actor.ts'
import { ActorSystem } from '../../../runtime/actor-system.ts'
import { silentLog } from '../../../runtime/log.ts'
import { silentMetrics } from '../../../runtime/metrics.ts'
import { SeededRandom } from '../../../runtime/random.ts'
import { VirtualClock } from '../../../runtime/virtual-clock.ts'
import { hostOfName, recordBy } from '../coordinator/coordinator-rig.ts'

interface Sent {
  readonly to: string
  readonly message: Message & { readonly replyTo?: Ref }
}

const defaults = { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 } as RingKeeperReply['defaults']
const epoch = '00000001'

/**
 * The real stray agent of h4 on virtual time, in a cluster whose ring the test sets; it answers in the place of vnodes. h4 owns partition 0
 * alone; h1, h2 and h3 own all others.
 */
class StrayRig {
  readonly clock = new VirtualClock()
  readonly sent: Sent[] = []
  readonly ends: Extract<WorkMessage, { kind: 'done' }>[] = []
  cluster: RingKeeperReply
  readonly #system: ActorSystem<unknown>

  constructor(change: (cluster: RingKeeperReply) => RingKeeperReply = same) {
    this.cluster = change(clusterOf({}))
    const gateway = {
      send: ({ to, message }: Envelope) => {
        this.sent.push({ to: to.address, message })
        return true
      },
      flush() {}
    }
    this.#system = new ActorSystem({
      host: 'h4',
      thread: 'system',
      clock: this.clock.host('h4'),
      random: new SeededRandom(1),
      gateways: new Map(['h1', 'h2', 'h3', 'h4'].map(name => [name, gateway])),
      resources: { defaults },
      log: silentLog,
      metrics: silentMetrics
    })
    const { ends } = this
    const workKeeper: Behaviour<undefined, WorkMessage> = {
      kind: 'keeper',
      start: () => undefined,
      receive(_, message) {
        if (message.kind === 'done') ends.push(message)
      }
    }
    const ringKeeper: Behaviour<undefined, { readonly kind: 'describe-cluster'; readonly replyTo: Ref<RingKeeperReply> }> = {
      kind: 'keeper',
      start: () => undefined,
      receive: (_, { replyTo }, context) => context.send(replyTo, this.cluster)
    }
    const args: WorkArguments = { job: 'clear/h4', subject: 'h4', fence: 1 }
    this.#system.start({
      type: 'supervisor',
      name: 'root',
      strategy: 'one-for-one',
      intensity: 0,
      periodMs: 1_000,
      children: [
        { type: 'actor', name: 'ring-keeper', behaviour: ringKeeper },
        { type: 'actor', name: 'work-keeper', behaviour: workKeeper },
        { type: 'actor', name: 'clear', behaviour: strayAgent, args, restart: 'temporary' }
      ]
    })
    this.run(1)
  }

  run(ms = 1): void {
    this.clock.run(this.clock.now() + ms)
  }

  /** The oldest of that kind to a thread whose name begins so; it is taken out. @throws {RangeError} there is none */
  next<K extends VnodeMessage['kind']>(to: string, kind: K): Extract<VnodeMessage, { kind: K }> {
    const index = this.sent.findIndex(each => each.to.startsWith(to) && each.message.kind === kind)
    if (index < 0) throw new RangeError(`no ${kind} went to ${to}`)
    return this.sent.splice(index, 1)[0]!.message as Extract<VnodeMessage, { kind: K }>
  }

  reply(to: { readonly replyTo?: Ref<any> }, reply: VnodeReply): void {
    this.#system.send(to.replyTo as Ref<Message>, reply)
    this.run()
  }

  /** Its vnodes say that they hold nothing of the partitions that come next. */
  empty(count: number): void {
    for (let each = 0; each < count; each++) this.page([])
  }

  /** @param next where there is more */
  page(keys: readonly Key[], next?: Key): void {
    const pairs = keys.map(key => ({ key, siblings: record }))
    this.reply(this.next('h4', 'scan'), { kind: 'page', pairs, next })
  }

  /** A partition holds something, and its vnode gives a token. */
  begin(): void {
    this.page([key])
    this.reply(this.next('h4', 'begin-clearing'), { kind: 'clearing', partition: 3, token: 'T' })
  }

  kinds(): string[] {
    return this.sent.map(({ to, message }) => `${to.slice(0, 2)} ${message.kind}`).sort()
  }

  get crashes(): readonly string[] {
    return this.#system.crashes().map(({ error, stack }) => `${error} ${stack}`)
  }
}

const same = (cluster: RingKeeperReply): RingKeeperReply => cluster

function clusterOf(
  more: Partial<RingKeeperReply['view']>,
  hostOf: Readonly<Record<string, Partial<HostView>>> = {}
): RingKeeperReply {
  const hosts = ['h1', 'h2', 'h3', 'h4'].map(name => ({ ...hostOfName(name, {}), seen: epoch, ...hostOf[name] }))
  const view = {
    cluster: 'rig',
    epoch,
    revision: '1',
    partitions: 4,
    replicas: 3,
    hosts,
    owners: [
      [0, 1, 3],
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2]
    ],
    future: [],
    ...more
  }
  return { kind: 'cluster', cluster: { name: 'rig', partitions: 4, replicas: 3, at: 0 }, view, table: {}, defaults } as never
}

const key = keyOfText('b', 'k')
const other = keyOfText('b', 'l')
const record = recordBy('h1', 1)
const stored: VnodeReply = { kind: 'stored', durability: 'flushed' }
const forgotten = (erased: number, kept = 0): VnodeReply => ({ kind: 'strays-forgotten', partition: 3, erased, kept })

t.test(
  'a record is given to all owners, and forgotten once the last of them has it; what is owned is never looked at',
  async t => {
    const rig = new StrayRig()
    rig.begin()
    rig.page([key])
    t.same(rig.kinds(), ['h1 replicate', 'h2 replicate', 'h3 replicate'])
    for (const host of ['h1', 'h2']) rig.reply(rig.next(host, 'replicate'), stored)
    t.same(rig.kinds(), ['h3 replicate'])
    rig.reply(rig.next('h3', 'replicate'), { kind: 'obsolete', floor: [] })
    const asked = rig.next('h4', 'forget-strays')
    t.match(asked, { token: 'T', strays: [{ key, digest: digestOf(record) }] })
    rig.reply(asked, forgotten(1))
    t.same(rig.kinds(), ['h4 scan'], 'the next partition')
    rig.empty(2)
    t.match(rig.ends, [{ again: false, figures: { partitions: 1, records: 1, failed: 0 } }])
    t.same(rig.crashes, [])
  }
)

t.test(
  'an owner does not take a record, and others it does → that one stays, the others go, and it is tried again later',
  async t => {
    const rig = new StrayRig()
    rig.begin()
    rig.page([key, other])
    rig.reply(rig.next('h2', 'replicate'), { kind: 'failed', fault: fault('storage_full', 'x') })
    for (const host of ['h1', 'h1', 'h2', 'h3', 'h3']) rig.reply(rig.next(host, 'replicate'), stored)
    const asked = rig.next('h4', 'forget-strays')
    t.same(
      asked.strays.map(stray => stray.key),
      [other]
    )
    rig.reply(asked, forgotten(1))
    rig.empty(2)
    t.match(rig.ends, [{ again: true, figures: { records: 1, failed: 1 } }])
  }
)

t.test('an owner does not answer at all → nothing is forgotten', async t => {
  const rig = new StrayRig()
  rig.begin()
  rig.page([key])
  for (const host of ['h1', 'h2']) rig.reply(rig.next(host, 'replicate'), stored)
  rig.run(5_300)
  rig.empty(2)
  t.match(rig.ends, [{ again: true, figures: { records: 0, failed: 1 } }])
})

t.test('page by page: what comes after the last key of one page is asked for when that page is forgotten', async t => {
  const rig = new StrayRig()
  rig.begin()
  rig.page([key], key)
  for (const host of ['h1', 'h2', 'h3']) rig.reply(rig.next(host, 'replicate'), stored)
  rig.reply(rig.next('h4', 'forget-strays'), forgotten(1))
  t.equal((rig.sent[0]!.message as Extract<VnodeMessage, { kind: 'scan' }>).after, key)
  rig.page([])
  rig.empty(2)
  t.match(rig.ends, [{ again: false }])
})

t.test('I18: the ring has changed when the token comes → nothing is read, given or forgotten', async t => {
  const rig = new StrayRig()
  rig.cluster = clusterOf({ epoch: '00000002' }, { h1: { seen: '00000002' } })
  rig.begin()
  t.same(rig.kinds(), [])
  t.match(rig.ends, [{ again: true, figures: { records: 0 } }])
})

t.test('I18: the ring changes while records are under way → nothing is forgotten', async t => {
  const rig = new StrayRig()
  rig.begin()
  rig.page([key])
  rig.cluster = clusterOf({ future: [[3], [3], [3], [3]] })
  rig.run(1_100)
  t.match(rig.ends, [{ again: true, figures: { records: 0 } }])
  t.notOk(rig.kinds().includes('h4 forget-strays'))
})

t.test('a bucket asks for four replicas meanwhile → the partition is left alone', async t => {
  const rig = new StrayRig()
  rig.cluster = { ...rig.cluster, table: { b: { version: 1, writer: 'h1', properties: { n: 4 } } } }
  rig.begin()
  t.same(rig.kinds(), [])
  t.match(rig.ends, [{ again: true, figures: { records: 0 } }])
})

t.test(
  'the vnode was told something meanwhile that only owners are told → the next partition, and this one again later',
  async t => {
    const rig = new StrayRig()
    rig.begin()
    rig.page([key])
    for (const host of ['h1', 'h2', 'h3']) rig.reply(rig.next(host, 'replicate'), stored)
    rig.reply(rig.next('h4', 'forget-strays'), { kind: 'failed', fault: fault('unavailable', 'x') })
    rig.empty(2)
    t.match(rig.ends, [{ again: true, figures: { records: 0, failed: 1 } }])
  }
)

t.test('an answer of an earlier question comes twice → it is none to the present one', async t => {
  const rig = new StrayRig()
  const first = rig.next('h4', 'scan')
  rig.reply(first, { kind: 'page', pairs: [], next: undefined })
  rig.reply(first, { kind: 'page', pairs: [{ key, siblings: record }], next: undefined })
  t.same(rig.kinds(), ['h4 scan'])
  rig.empty(2)
  t.match(rig.ends, [{ again: false, figures: { partitions: 0 } }])
})

for (const [why, cluster] of [
  ['a host is away', clusterOf({}, { h2: { state: 'suspect' } })],
  ['a host joins', clusterOf({}, { h2: { state: 'joining', standing: 'joining' } })],
  ['a host writes by another ring', clusterOf({}, { h2: { seen: '00000007' } })],
  ['the ring moves', clusterOf({ future: [[0, 1, 2], [0], [1], [2]] })]
] as const) {
  t.test(`${why} → the run ends before anything is asked`, async t => {
    const rig = new StrayRig(() => cluster)
    t.same(rig.sent, [])
    t.match(rig.ends, [{ again: true }])
  })
}

t.test('its own vnode does not answer → the next partition after 5 s', async t => {
  const rig = new StrayRig()
  rig.next('h4', 'scan')
  rig.run(5_300)
  rig.empty(2)
  t.match(rig.ends, [{ again: true, figures: { failed: 1 } }])
})
