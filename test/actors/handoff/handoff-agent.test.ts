import t from 'tap'
import { handoffAgent } from '../../../actors/handoff/handoff-agent.ts'
import type { HintsListed } from '../../../actors/coordinator/coordinator-protocol.ts'
import type { RingKeeperReply } from '../../../actors/ring/ring-keeper-protocol.ts'
import type { VnodeMessage, VnodeReply } from '../../../actors/vnode/vnode-protocol.ts'
import type { WorkArguments, WorkMessage } from '../../../actors/work/work-protocol.ts'
import type { Envelope, Message, Ref, UndeliveredReason } from '../../../bus/bus.ts'
import { fault } from '../../../model/fault.ts'
import { type Key, keyOfText } from '../../../model/key.ts'
import type { HostState } from '../../../model/membership.ts'
import { digestOf } from '../../../model/siblings-codec.ts'
import type { Behaviour } from '../../../runtime/actor.ts'
import { ActorSystem } from '../../../runtime/actor-system.ts'
import { silentLog } from '../../../runtime/log.ts'
import { silentMetrics } from '../../../runtime/metrics.ts'
import { SeededRandom } from '../../../runtime/random.ts'
import { undeliveredMessage } from '../../../runtime/signal.ts'
import { VirtualClock } from '../../../runtime/virtual-clock.ts'
import { hostOfName, recordBy, uidOfHost } from '../coordinator/coordinator-rig.ts'

interface Sent {
  readonly to: string
  readonly message: Message & { readonly replyTo?: Ref }
}

interface RigOptions {
  /** Whom the hints are for: a host, or the uid of one that is gone. */
  readonly subject?: string
  readonly threads?: number
  readonly states?: Readonly<Record<string, HostState>>
}

/** The real handoff agent of h4 on virtual time; the test answers in the place of vnodes and coordinators. Owners: h1, h2, h3. */
class HandoffRig {
  readonly clock = new VirtualClock()
  readonly sent: Sent[] = []
  readonly ends: Extract<WorkMessage, { kind: 'done' }>[] = []
  readonly #system: ActorSystem<unknown>
  readonly #target: number

  constructor({ subject = 'h3', threads = 1, states = {} }: RigOptions = {}) {
    this.#target = subject.startsWith('h') ? uidOfHost(subject) : Number.parseInt(subject, 16)
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
      resources: { defaults: { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 } },
      log: silentLog,
      metrics: silentMetrics
    })
    const { ends } = this
    const keeper: Behaviour<undefined, WorkMessage> = {
      kind: 'keeper',
      start: () => undefined,
      receive(_, message) {
        if (message.kind === 'done') ends.push(message)
      }
    }
    const args: WorkArguments = { job: `handoff/${subject}`, subject, fence: 1 }
    this.#system.start({
      type: 'supervisor',
      name: 'root',
      strategy: 'one-for-one',
      intensity: 0,
      periodMs: 1_000,
      children: [
        { type: 'actor', name: 'work-keeper', behaviour: keeper },
        { type: 'actor', name: 'handoff', behaviour: handoffAgent, args, restart: 'temporary' }
      ]
    })
    const hosts = ['h1', 'h2', 'h3', 'h4'].map(name => ({ ...hostOfName(name, states), threads: name === 'h4' ? threads : 1 }))
    const cluster: RingKeeperReply = {
      kind: 'cluster',
      cluster: { name: 'rig', partitions: 4, replicas: 3, at: 0 } as never,
      view: {
        cluster: 'rig',
        epoch: '00000001',
        revision: '1',
        partitions: 4,
        replicas: 3,
        hosts,
        owners: [
          [0, 1, 2],
          [0, 1, 2],
          [0, 1, 2],
          [0, 1, 2]
        ],
        future: [],
        moving: 0
      },
      table: {},
      defaults: { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 }
    }
    const agent = this.#system.lookup('handoff')
    if (agent !== undefined) this.#system.signal(agent, cluster)
    this.run(1)
  }

  run(ms = 1): void {
    this.clock.run(this.clock.now() + ms)
  }

  /** The oldest of that kind to a thread whose name begins so; it is taken out. @throws {RangeError} there is none */
  next(to: string, kind: string): Sent['message'] {
    const index = this.sent.findIndex(each => each.to.startsWith(to) && each.message.kind === kind)
    if (index < 0) throw new RangeError(`no ${kind} went to ${to}`)
    return this.sent.splice(index, 1)[0]!.message
  }

  reply(to: Sent['message'], reply: VnodeReply | HintsListed): void {
    this.#system.send(to.replyTo as Ref<Message>, reply)
    this.run()
  }

  undelivered(sent: Sent['message'], reason: UndeliveredReason): void {
    const envelope = { to: sent.replyTo!, budgetMs: 0, traceparent: undefined, message: undeliveredMessage(reason) }
    this.#system.deliver({ ...envelope, lane: 'control' })
    this.#system.delivered()
    this.run()
  }

  /** A thread of h4 says which of its partitions keep hints. @returns what it was asked */
  lists(thread: number, partitions: readonly number[]): Sent['message'] {
    const asked = this.next(`h4.data-${thread}`, 'list-hints')
    this.reply(asked, this.listed(partitions))
    return asked
  }

  listed(partitions: readonly number[]): HintsListed {
    const hints = partitions.map(partition => ({ partition, target: this.#target, pending: 1 }))
    return { kind: 'hints-listed', hints, figures: { created: 1, superseded: 0, delivered: 0, pending: 1 } }
  }

  /** Its vnode gives the next page. */
  page(keys: readonly Key[], record: Uint8Array): void {
    const pairs = keys.map(key => ({ key, siblings: record }))
    this.reply(this.next('h4', 'hints-page'), { kind: 'hints', pairs, next: undefined })
  }

  /** What is under way to other hosts' vnodes. */
  get under(): string[] {
    return this.sent
      .filter(({ message }) => message.kind === 'replicate')
      .map(({ to }) => to.slice(0, 2))
      .sort()
  }

  get forgotten(): Extract<VnodeMessage, { kind: 'hint-delivered' }>[] {
    return this.sent.flatMap(({ message }) =>
      message.kind === 'hint-delivered' ? [message as Extract<VnodeMessage, { kind: 'hint-delivered' }>] : []
    )
  }

  get crashes(): readonly string[] {
    return this.#system.crashes().map(({ error, stack }) => `${error} ${stack}`)
  }
}

const key = keyOfText('b', 'k')
const record = recordBy('h1', 1)
const stored: VnodeReply = { kind: 'stored', durability: 'flushed' }

t.test('a hint is read, delivered, and forgotten once it has been flushed there; then the run ends', async t => {
  const rig = new HandoffRig()
  rig.lists(0, [2])
  rig.page([key], record)
  const given = rig.next('h3', 'replicate')
  t.match(given, { key, durability: 'flushed' })
  t.same(rig.forgotten, [])
  rig.reply(given, stored)
  t.match(rig.forgotten, [{ target: uidOfHost('h3'), key, digest: digestOf(record) }])
  t.match(rig.ends, [{ again: false, figures: { hints: 1, failed: 0 } }])
  t.same(rig.crashes, [])
})

t.test('the list of one thread comes twice → the other thread’s is still waited for, and nothing is read twice', async t => {
  const rig = new HandoffRig({ threads: 2 })
  const asked = rig.lists(0, [2])
  rig.reply(asked, rig.listed([2]))
  t.same(rig.ends, [])
  t.equal(rig.sent.filter(({ message }) => message.kind === 'hints-page').length, 0, 'the second thread has not been heard')
  rig.lists(1, [1])
  rig.page([], record)
  rig.page([], record)
  t.equal(rig.sent.filter(({ message }) => message.kind === 'hints-page').length, 0)
  t.match(rig.ends, [{ again: false }])
})

t.test('I12: what a hint says was deleted and purged there meanwhile → it counts as arrived, and is forgotten', async t => {
  const rig = new HandoffRig()
  rig.lists(0, [2])
  rig.page([key], record)
  rig.reply(rig.next('h3', 'replicate'), { kind: 'obsolete', floor: [] })
  t.match(rig.forgotten, [{ key }])
  t.match(rig.ends, [{ again: false, figures: { hints: 1, failed: 0 } }])
})

for (const [how, refuse] of [
  ['its mailbox is full', (rig: HandoffRig, sent: Sent['message']) => rig.undelivered(sent, 'overloaded')],
  [
    'its disk has too much to do',
    (rig: HandoffRig, sent: Sent['message']) => rig.reply(sent, { kind: 'failed', fault: fault('overloaded', 'x') })
  ]
] as const) {
  t.test(
    `I24: the target answers overloaded, since ${how} → nothing is sent for a while, longer each time; then the same again`,
    async t => {
      const rig = new HandoffRig()
      rig.lists(0, [2])
      rig.page([key], record)
      for (const restMs of [20, 45, 90]) {
        refuse(rig, rig.next('h3', 'replicate'))
        rig.run(restMs)
        t.same(rig.under, [], `${restMs} ms later it rests`)
        rig.run(400)
        t.same(rig.under, ['h3'])
      }
      rig.reply(rig.next('h3', 'replicate'), stored)
      t.match(rig.forgotten, [{ key }])
      t.match(rig.ends, [{ again: false, figures: { hints: 1, failed: 0 } }])
      t.same(rig.crashes, [])
    }
  )
}

t.test('the target goes on to answer overloaded → the hint is given up for this run, and stays', async t => {
  const rig = new HandoffRig()
  rig.lists(0, [2])
  rig.page([key], record)
  for (let attempt = 0; attempt < 6; attempt++) {
    rig.undelivered(rig.next('h3', 'replicate'), 'overloaded')
    rig.run(2_200)
  }
  t.same(rig.forgotten, [])
  t.match(rig.ends, [{ again: true, figures: { hints: 0, failed: 1 } }])
})

t.test(
  'I14: the target is no member any more → all present owners get it, and it stays until the last of them has it',
  async t => {
    const rig = new HandoffRig({ subject: '0000abcd' })
    rig.lists(0, [2])
    rig.page([key], record)
    t.same(rig.under, ['h1', 'h2', 'h3'])
    const given = ['h1', 'h2', 'h3'].map(host => rig.next(host, 'replicate'))
    rig.reply(given[0]!, stored)
    rig.reply(given[0]!, stored)
    rig.reply(given[1]!, stored)
    t.same(rig.forgotten, [])
    rig.reply(given[2]!, stored)
    t.match(rig.forgotten, [{ target: 0xabcd, key }])
    t.match(rig.ends, [{ again: false, figures: { hints: 1 } }])
  }
)

t.test('I14: the target is gone, and one of the owners is away → the hint stays for a later run', async t => {
  const rig = new HandoffRig({ subject: '0000abcd', states: { h2: 'down' } })
  rig.lists(0, [2])
  rig.page([key], record)
  t.same(rig.under, [])
  t.same(rig.forgotten, [])
  t.match(rig.ends, [{ again: true, figures: { failed: 1 } }])
})

t.test('the target is away → the run ends before anything is asked', async t => {
  const rig = new HandoffRig({ states: { h3: 'suspect' } })
  t.same(rig.sent, [])
  t.match(rig.ends, [{ again: true }])
})

t.test('the target does not answer → after 5 s the hint is given up for this run, and stays', async t => {
  const rig = new HandoffRig()
  rig.lists(0, [2])
  rig.page([key], record)
  rig.run(4_900)
  t.same(rig.ends, [])
  rig.run(400)
  t.match(rig.ends, [{ again: true, figures: { failed: 1 } }])
  t.same(rig.forgotten, [])
})

t.test('a thread does not say what it keeps → the run ends after 5 s, to be begun again', async t => {
  const rig = new HandoffRig({ threads: 2 })
  rig.lists(0, [])
  t.same(rig.ends, [])
  rig.run(5_300)
  t.match(rig.ends, [{ again: true }])
})
