import { addressOf, type Ref } from '../../bus/bus.ts'
import { fault, type Fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { arrivalOf } from '../../model/ring-change.ts'
import { digestOfRoots, encodeRoots } from '../../model/root-list.ts'
import { decodeWords } from '../../model/tree-codec.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import type { ExchangeMessage, ExchangeReply, NodesAsk } from './exchange-protocol.ts'
import { compareAsks, mergeAsks, mergedOf, recordsOf, richerOf } from './exchange-records.ts'
import { gainedShares, rootAsks, rootsOf, sharesAcross, sharesOf, sharesWithin } from './exchange-shares.ts'
import { classesHash, keyClassesOf } from '../vnode/key-classes.ts'
import { sizeOfMessage } from '../message-size.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import { type HostView, hostsOfAll, type RingView } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import { deskCorrelations, type DeskTimeout, type VnodeAsk, VnodeDesk } from '../vnode/vnode-desk.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

type ResponderMessage = ExchangeMessage | RingNews | VnodeReply | DeskTimeout | { readonly kind: 'subscribe' }
type ResponderContext = Context<ResponderMessage, SystemResources>
type Asked<K extends ExchangeMessage['kind']> = Extract<ExchangeMessage, { kind: K }>

interface ResponderState {
  view: RingView | undefined
  table: BucketTable
  readonly desk: VnodeDesk<ResponderMessage, SystemResources>
  readonly bytesIn: Counter
  readonly bytesOut: Counter
}

/** A tree of many keys takes its time to be built; what is not built by then is left for the next round. */
const rootsMs = 20_000
const treeMs = 8_000
const recordsMs = 5_000
const asksAtOnce = 16
const writesAtOnce = 64

/** Answers the exchanges that other hosts lead, from the vnodes of this host. Keeps nothing between two questions. */
export const exchangeResponder: Behaviour<ResponderState, ResponderMessage, undefined, SystemResources> = {
  kind: 'exchange-responder',

  start(_, context) {
    subscribe(undefined, context)
    const help = 'Bytes of exchanges between hosts'
    return {
      view: undefined,
      table: {},
      desk: new VnodeDesk(),
      bytesIn: context.metrics.counter('exchange_bytes_total', help, { direction: 'in' }),
      bytesOut: context.metrics.counter('exchange_bytes_total', help, { direction: 'out' })
    }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'ring':
        state.view = message.view
        return
      case 'buckets':
        state.table = message.table
        return
      case 'subscribe':
        return subscribe(state.view, context)
      case 'desk-timeout':
        return state.desk.timedOut(message)
      case 'compare-roots':
      case 'read-nodes':
      case 'list-nodes':
      case 'fetch-records':
      case 'fetch-records-page':
      case 'push-records':
        return serve(state, message, context)
      default:
        state.desk.replied(context.correlation, message, context)
    }
  },

  undelivered(state, _reason, context) {
    if (context.correlation >= deskCorrelations) state.desk.replied(context.correlation, undefined, context)
  },

  summary: state => ({ epoch: state.view?.epoch ?? null, serving: state.desk.rounds })
}

function subscribe(view: RingView | undefined, context: ResponderContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'subscribe', have: view?.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(ringLeaseMs, { kind: 'subscribe' })
}

function serve(state: ResponderState, message: ExchangeMessage, context: ResponderContext): void {
  state.bytesIn.add(sizeOfMessage(message))
  const reply = (answer: ExchangeReply) => {
    state.bytesOut.add(sizeOfMessage(answer))
    context.send(message.replyTo, answer)
  }
  const refuse = (why: Fault) => reply({ kind: 'exchange-refused', fault: why })
  if (state.desk.rounds >= limits.exchangesServedMax)
    return refuse(fault('overloaded', 'too many exchanges at once', { limit: limits.exchangesServedMax }))
  const self = state.view?.hosts.find(host => host.name === context.host)
  if (state.view === undefined || self === undefined) return refuse(fault('unavailable', 'this host knows no ring yet'))
  switch (message.kind) {
    case 'compare-roots':
      return compareRoots(state, state.view, self, message, reply, context)
    case 'read-nodes':
      return readNodes(state, self, 'nodes', message.asks, reply, context)
    case 'list-nodes':
      return readNodes(state, self, 'list', message.asks, reply, context)
    case 'fetch-records':
      return fetchRecords(state, self, message, reply, context)
    case 'fetch-records-page':
      return fetchPage(state, state.view, self, message, reply, context)
    case 'push-records':
      return pushRecords(state, self, message, reply, context)
  }
}

type Reply = (answer: ExchangeReply) => void

function compareRoots(
  state: ResponderState,
  view: RingView,
  self: HostView,
  { epoch, arrival, classes: theirs, host, digest, partitions }: Asked<'compare-roots'>,
  reply: Reply,
  context: ResponderContext
): void {
  const classes = keyClassesOf(state.table, view.replicas)
  const peer = hostsOfAll(view).find(candidate => candidate.name === host)
  const isAcross = peer !== undefined && peer.dc !== self.dc
  if (peer === undefined || (!isAcross && view.epoch !== epoch) || classesHash(classes) !== theirs) {
    const detail = `${host} asks by another ring (${epoch}, here ${view.epoch}) or other buckets: again when news has spread`
    return reply({ kind: 'exchange-refused', fault: fault('unavailable', detail) })
  }
  if (arrival !== undefined && arrival !== arrivalOf(view.epoch, view.moving)) {
    const detail = `${host} takes partitions over for another ring (${arrival}): again when news has spread`
    return reply({ kind: 'exchange-refused', fault: fault('unavailable', detail) })
  }
  const meant = partitions === undefined ? undefined : decodeWords(partitions)
  const all = isAcross
    ? sharesAcross(view, classes, self, meant ?? [])
    : arrival === undefined
      ? sharesOf(view, classes, self, peer)
      : gainedShares(view, classes, peer, self)
  const shares = meant === undefined ? all : sharesWithin(all, meant)
  state.desk.ask(rootAsks(self, shares, classes), { inFlightMax: asksAtOnce, timeoutMs: rootsMs }, context, replies => {
    const roots = rootsOf(shares, replies, classes)
    if (digestOfRoots(roots) === digest) reply({ kind: 'roots-same' })
    else reply({ kind: 'roots-differ', roots: encodeRoots(roots) })
  })
}

function readNodes(
  state: ResponderState,
  self: HostView,
  kind: 'nodes' | 'list',
  asks: readonly NodesAsk[],
  reply: Reply,
  context: ResponderContext
): void {
  const questions = asks.map(
    ([partition, n, nodes]): VnodeAsk => ({
      host: self,
      partition,
      message: replyTo => ({ kind, n, nodes: decodeWords(nodes), replyTo })
    })
  )
  state.desk.ask(questions, { inFlightMax: asksAtOnce, timeoutMs: treeMs }, context, replies =>
    reply({ kind: 'nodes-read', answers: replies.flatMap(answerOf) })
  )
}

function answerOf(reply: VnodeReply | undefined): [number, number, Uint8Array][] {
  if (reply?.kind === 'nodes') return [[reply.partition, reply.n, reply.children]]
  return reply?.kind === 'listed' ? [[reply.partition, reply.n, reply.entries]] : []
}

function fetchRecords(
  state: ResponderState,
  self: HostView,
  { asks }: Asked<'fetch-records'>,
  reply: Reply,
  context: ResponderContext
): void {
  let left: number = limits.exchangeBatchBytes
  const questions = asks.map(
    ([partition, n, hashes]): VnodeAsk => ({
      host: self,
      partition,
      message: replyTo => ({ kind: 'fetch', n, hashes: decodeWords(hashes), bytesMax: left, replyTo })
    })
  )
  const isEnough = (answer: VnodeReply) => {
    left -= sizeOfMessage(answer)
    return left <= 0
  }
  // One after the other: each may use what those before it have left of the message.
  state.desk.ask(questions, { inFlightMax: 1, timeoutMs: recordsMs, isEnough }, context, replies =>
    reply({
      kind: 'records',
      records: replies.flatMap(recordsOf),
      taken: replies.map(answer => (answer?.kind === 'fetched' ? answer.taken : 0)),
      next: undefined
    })
  )
}

function fetchPage(
  state: ResponderState,
  view: RingView,
  self: HostView,
  { partition, n, after }: Asked<'fetch-records-page'>,
  reply: Reply,
  context: ResponderContext
): void {
  const classes = keyClassesOf(state.table, view.replicas)
  const ask: VnodeAsk = {
    host: self,
    partition,
    message: replyTo => ({ kind: 'fetch-page', n, classes, after, replyTo })
  }
  state.desk.ask([ask], { inFlightMax: 1, timeoutMs: recordsMs }, context, ([answer]) => {
    if (answer?.kind === 'fetched') reply({ kind: 'records', records: recordsOf(answer), taken: [], next: answer.next })
    else reply({ kind: 'exchange-refused', fault: fault('unavailable', `the vnode of partition ${partition} does not answer`) })
  })
}

function pushRecords(
  state: ResponderState,
  self: HostView,
  { records, asksBack }: Asked<'push-records'>,
  reply: Reply,
  context: ResponderContext
): void {
  const asks = mergeAsks(self, records, state.table, context.resources)
  const terms = { inFlightMax: writesAtOnce, timeoutMs: recordsMs }
  state.desk.ask(asks, terms, context, replies => {
    const merged = mergedOf(records, replies)
    if (asksBack !== true) return reply({ kind: 'records-pushed', ...merged })
    state.desk.ask(compareAsks(self, records), terms, context, compared =>
      reply({ kind: 'records-pushed', ...merged, richer: richerOf(records, compared) })
    )
  })
}
