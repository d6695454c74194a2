import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { clerkCorrelations, type ClerkTimer, ExchangeClerk } from './exchange-clerk.ts'
import { type ExchangeReply, exchangeResponderName } from './exchange-protocol.ts'
import { ExchangeRun } from './exchange-run.ts'
import { partOfReturned } from './exchange-shares.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import { hostsOfAll, isReachable, type RingView } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'
import { endLease, renewLease } from '../work/work-lease.ts'
import { type WorkArguments, workRenewMs, type WorkReply } from '../work/work-protocol.ts'

type AgentMessage =
  | RingNews
  | VnodeReply
  | ExchangeReply
  | WorkReply
  | ClerkTimer
  | { readonly kind: 'renew' }
  | { readonly kind: 'subscribe' }

type AgentContext = Context<AgentMessage, SystemResources>

interface AgentState {
  readonly args: WorkArguments
  view: RingView | undefined
  /** undefined until the ring is known. */
  clerk: ExchangeClerk | undefined
  run: ExchangeRun | undefined
  /** The whole is compared soon after. */
  isPart: boolean
}

const ringCorrelation = 0
const leaseCorrelation = 1

/**
 * Does the work `exchange/HOST`: one exchange with that host, then it is through. Twice is harmless: all it does is merge.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.7
 */
export const exchangeAgent: Behaviour<AgentState, AgentMessage, WorkArguments, SystemResources> = {
  kind: 'exchange-agent',

  start(args, context) {
    const state: AgentState = { args, view: undefined, clerk: undefined, run: undefined, isPart: false }
    renew(state, context)
    subscribe(context)
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'ring':
        state.view = message.view
        return
      case 'buckets':
        return begin(state, message.table, context)
      case 'subscribe':
        return state.run === undefined ? subscribe(context) : undefined
      case 'renew':
        return renew(state, context)
      case 'lapsed':
        return context.exit('normal')
      case 'work':
        return
      case 'desk-timeout':
      case 'ask-again':
      case 'go-on':
        return state.clerk?.timer(message)
      default:
        return state.clerk?.replied(message)
    }
  },

  undelivered(state, _reason, context) {
    if (context.correlation >= clerkCorrelations) state.clerk?.replied(undefined)
  },

  summary: state => ({ job: state.args.job, ...figuresOf(state) })
}

function figuresOf({ run, clerk }: AgentState): Readonly<Record<string, number>> {
  const { trees = 0, differing = 0, pulled = 0, pushed = 0, purged = 0, failed = 0 } = run?.figures ?? {}
  return { trees, differing, repaired: pulled + pushed, pulled, pushed, purged, failed, bytes: clerk?.bytes ?? 0 }
}

function renew(state: AgentState, context: AgentContext): void {
  renewLease(state.args, figuresOf(state), leaseCorrelation, context)
  context.after(workRenewMs, { kind: 'renew' })
}

function subscribe(context: AgentContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'subscribe', have: '', replyTo: context.replyRef<RingNews>(ringCorrelation) })
  context.after(ringLeaseMs / 4, { kind: 'subscribe' })
}

/** By the ring and the buckets that are known now the run goes to its end; the peer refuses it where it knows others. */
function begin(state: AgentState, table: BucketTable, context: AgentContext): void {
  const { view } = state
  if (view === undefined || state.run !== undefined) return
  const self = view.hosts.find(host => host.name === context.host)
  const peer = hostsOfAll(view).find(host => host.name === state.args.subject)
  if (self === undefined || peer === undefined || !isReachable(peer))
    return endLease(state.args, figuresOf(state), false, context)
  const address = addressOf(threadAddressOf(peer.name, 'system'), exchangeResponderName)
  state.clerk = new ExchangeClerk(context, { address, correlation: 0, incarnation: 0 }, (again, why) =>
    end(state, again, why, context)
  )
  const part = state.args.afterReturn === true ? partOfReturned(view, self, peer) : undefined
  state.isPart = part !== undefined
  state.run = new ExchangeRun(state.clerk, { view, table, self, peer, part })
  state.run.begin()
}

function end(state: AgentState, again: boolean, why: Fault | undefined, context: AgentContext): void {
  const { args } = state
  const figures = figuresOf(state)
  const { pulled = 0, pushed = 0, failed = 0 } = figures
  const { metrics } = context
  metrics.counter('exchange_rounds_total', 'Exchanges that this host led').add()
  const keys = 'Records that an exchange merged: here (in), or at the other host (out)'
  metrics.counter('exchange_keys_repaired_total', keys, { direction: 'in' }).add(pulled)
  metrics.counter('exchange_keys_repaired_total', keys, { direction: 'out' }).add(pushed)
  metrics.counter('exchange_keys_failed_total', 'Records that an exchange could not merge').add(failed)
  const facts = { job: args.job, fence: args.fence, ...figures }
  if (why !== undefined) {
    // A peer that knows another ring yet, or has no time, is asked again: nothing is wrong.
    const isPassing = why.code === 'unavailable' || why.code === 'overloaded'
    context.log[isPassing ? 'info' : 'warn']({ ...facts, code: why.code }, `an exchange ended early: ${why.detail}`)
  } else if (pulled + pushed + failed > 0) context.log.info(facts, 'an exchange has mended replicas')
  endLease(args, figures, again, context, state.isPart && why === undefined)
}
