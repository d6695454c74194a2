import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { clerkCorrelations, type ClerkTimer, ExchangeClerk } from '../exchange/exchange-clerk.ts'
import { type ExchangeReply, exchangeResponderName } from '../exchange/exchange-protocol.ts'
import { ExchangeRun } from '../exchange/exchange-run.ts'
import type { SystemResources } from '../system-resources.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'
import type { BucketTable } from './bucket-table.ts'
import type { RingView } from './ring-view.ts'

export interface TransferCheckArguments {
  /** New with each check. */
  readonly id: string
  /** The ring to be, see `arrivalOf`. */
  readonly arrival: string
  readonly view: RingView
  readonly table: BucketTable
  /** Uid of the host from which partitions were taken over. */
  readonly source: number
}

/** To the transfer agent. */
export type TransferCheckReply =
  | { readonly kind: 'checking'; readonly id: string }
  /** It is over. `again`: it could not compare all, or not bring all into line. */
  | { readonly kind: 'checked'; readonly id: string; readonly again: boolean; readonly pulled: number }

type CheckMessage = VnodeReply | ExchangeReply | ClerkTimer | { readonly kind: 'tell' }
type CheckContext = Context<CheckMessage, SystemResources>

interface CheckState {
  readonly args: TransferCheckArguments
  readonly clerk: ExchangeClerk
  readonly run: ExchangeRun
}

/** A check says at least this often that it lives. */
export const checkRenewMs = 2_000

/**
 * Compares the Merkle trees of all that this host has taken over from one other, before anybody reads it here; what differs is brought into
 * line, so that equal roots, or every differing key seen to, is what a partition is handed over by.
 */
export const transferCheck: Behaviour<CheckState, CheckMessage, TransferCheckArguments, SystemResources> = {
  kind: 'transfer-check',

  start(args, context) {
    const { view, table, arrival, source } = args
    const self = view.hosts.find(host => host.name === context.host)
    const peer = view.hosts.find(host => host.uid === source)
    if (self === undefined || peer === undefined)
      throw new Error(`host ${source} is not in the view for which the check was begun`)
    const address = addressOf(threadAddressOf(peer.name, 'system'), exchangeResponderName)
    const clerk = new ExchangeClerk(context, { address, correlation: 0, incarnation: 0 }, (again, why) =>
      end(state, again, why, context)
    )
    const run = new ExchangeRun(clerk, { view, table, self, peer, arrival })
    const state: CheckState = { args, clerk, run }
    tell(state, context)
    run.begin()
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'tell':
        return tell(state, context)
      case 'desk-timeout':
      case 'ask-again':
      case 'go-on':
        return state.clerk.timer(message)
      default:
        return state.clerk.replied(message)
    }
  },

  undelivered(state, _reason, context) {
    if (context.correlation >= clerkCorrelations) state.clerk.replied(undefined)
  },

  summary: ({ args, run, clerk }) => ({ source: args.source, arrival: args.arrival, ...run.figures, bytes: clerk.bytes })
}

function tell({ args }: CheckState, context: CheckContext): void {
  context.signal(agentOf(context), { kind: 'checking', id: args.id })
  context.after(checkRenewMs, { kind: 'tell' })
}

function end({ args, run, clerk }: CheckState, again: boolean, why: Fault | undefined, context: CheckContext): void {
  const { trees, differing, pulled, pushed, purged, failed } = run.figures
  const facts = {
    source: args.source,
    arrival: args.arrival,
    trees,
    differing,
    pulled,
    pushed,
    purged,
    failed,
    bytes: clerk.bytes
  }
  context.metrics.counter('transfer_checks_total', 'Comparisons with hosts from which partitions were taken over').add()
  if (why !== undefined)
    context.log.info({ ...facts, code: why.code }, `a check of what was taken over is repeated: ${why.detail}`)
  else context.log.info(facts, 'what was taken over has been compared with its source')
  context.signal(agentOf(context), { kind: 'checked', id: args.id, again, pulled })
  context.exit('normal')
}

function agentOf(context: CheckContext): Ref<TransferCheckReply> {
  return { address: addressOf(context.thread, 'transfer-agent'), correlation: 0, incarnation: 0 }
}
