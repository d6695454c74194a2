import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import { vnodeNameOf } from '../ring/ring-view.ts'
import { scrubDefaults, type SystemResources } from '../system-resources.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'
import { endLease, renewLease } from '../work/work-lease.ts'
import { type WorkArguments, workRenewMs, type WorkReply } from '../work/work-protocol.ts'

type ScrubMessage =
  | VnodeReply
  | WorkReply
  | RingNews
  | { readonly kind: 'renew' }
  | { readonly kind: 'subscribe' }
  | { readonly kind: 'next' }
  | { readonly kind: 'late'; readonly page: number }

type ScrubContext = Context<ScrubMessage, SystemResources>

interface ScrubState {
  readonly args: WorkArguments
  /** Partitions that are still to be read, the next one last; undefined until the ring is known. */
  partitions: number[] | undefined
  after: Key | undefined
  /** Number of the page that is waited for. */
  page: number
  attempts: number
  readonly figures: { partitions: number; keys: number; bytes: number; corrupt: number; skipped: number }
  readonly read: Counter
}

const ringCorrelation = 0
const leaseCorrelation = 1
const firstPage = 2
const pageMs = 5_000
const attemptsMax = 3
/** A page costs so much beside its bytes: the many small records of one are not free. */
const keyBytes = 64

/**
 * Does the work `scrub/THREAD`: reads every record of a data thread, page by page and no faster than it was told, so that what the disk
 * has damaged is found while other replicas have it still. The thread's vnodes verify the checksums, and see to what is damaged.
 * @see Schroeder, Damouras, Gill: Understanding latent sector errors and how to protect against them (FAST 2010)
 */
export const scrubAgent: Behaviour<ScrubState, ScrubMessage, WorkArguments, SystemResources> = {
  kind: 'scrub-agent',

  start(args, context) {
    const state: ScrubState = {
      args,
      partitions: undefined,
      after: undefined,
      page: firstPage,
      attempts: 0,
      figures: { partitions: 0, keys: 0, bytes: 0, corrupt: 0, skipped: 0 },
      read: context.metrics.counter('scrub_bytes_total', 'Bytes of records that were read to verify their checksums')
    }
    renew(state, context)
    subscribe(state, context)
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'ring':
        return begin(state, message.view, context)
      case 'renew':
        return renew(state, context)
      case 'subscribe':
        return subscribe(state, context)
      case 'next':
        return ask(state, context)
      case 'late':
        return message.page === state.page ? again(state, context) : undefined
      case 'lapsed':
        return context.exit('normal')
      case 'scrubbed':
        return context.correlation === state.page ? took(state, message, context) : undefined
      default:
    }
  },

  undelivered(state, _reason, context) {
    if (context.correlation === state.page) state.page++
    if (state.partitions !== undefined) context.after(pageMs, { kind: 'late', page: state.page })
  },

  summary: state => ({ job: state.args.job, left: state.partitions?.length ?? null, ...state.figures })
}

function renew(state: ScrubState, context: ScrubContext): void {
  renewLease(state.args, state.figures, leaseCorrelation, context)
  context.after(workRenewMs, { kind: 'renew' })
}

/** Until the ring is known. */
function subscribe(state: ScrubState, context: ScrubContext): void {
  if (state.partitions !== undefined) return
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'subscribe', have: '', replyTo: context.replyRef<RingNews>(ringCorrelation) })
  context.after(ringLeaseMs, { kind: 'subscribe' })
}

function begin(state: ScrubState, view: Extract<RingNews, { kind: 'ring' }>['view'], context: ScrubContext): void {
  const self = view.hosts.find(host => host.name === context.host)
  if (state.partitions !== undefined || self === undefined) return
  const index = Number(state.args.subject.slice('data-'.length))
  state.partitions = []
  // Every partition, owned or not: hints and what was left behind lie in others, too.
  for (let partition = view.partitions - 1; partition >= 0; partition--) {
    if (partition % self.threads === index) state.partitions.push(partition)
  }
  ask(state, context)
}

function ask(state: ScrubState, context: ScrubContext): void {
  const partition = state.partitions?.at(-1)
  if (partition === undefined) {
    // More than vnodes keep track of at once: what is beyond is found by another pass.
    return endLease(state.args, state.figures, state.figures.corrupt > limits.quarantineMax, context)
  }
  const page = ++state.page
  const address = addressOf(threadAddressOf(context.host, state.args.subject), vnodeNameOf(partition))
  const to: Ref<VnodeMessage> = { address, correlation: 0, incarnation: 0 }
  context.send(to, { kind: 'scrub', after: state.after, replyTo: context.replyRef<VnodeReply>(page) }, pageMs)
  context.after(pageMs, { kind: 'late', page })
}

function again(state: ScrubState, context: ScrubContext): void {
  if (++state.attempts < attemptsMax) return ask(state, context)
  const partition = state.partitions?.pop()
  state.after = undefined
  state.attempts = 0
  state.figures.skipped++
  context.log.warn({ job: state.args.job, partition }, 'a partition does not answer: it is left to the next pass')
  ask(state, context)
}

function took(state: ScrubState, page: Extract<VnodeReply, { kind: 'scrubbed' }>, context: ScrubContext): void {
  state.page++
  state.attempts = 0
  state.figures.keys += page.keys
  state.figures.bytes += page.bytes
  state.figures.corrupt += page.corrupt
  state.read.add(page.bytes)
  state.after = page.next
  if (page.next === undefined) {
    state.partitions?.pop()
    state.figures.partitions++
  }
  const { bytesPerSecond } = context.resources.scrub ?? scrubDefaults
  context.after(((page.bytes + page.keys * keyBytes) * 1_000) / bytesPerSecond, { kind: 'next' })
}
