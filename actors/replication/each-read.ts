import type { UndeliveredReason } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import { merge } from '../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import { gotOf, type ReadTerms, startRead } from '../coordinator/client-read.ts'
import type { Acknowledgement, CoordinatorMessage, GetReply, GetRequest } from '../coordinator/coordinator-protocol.ts'
import {
  begin,
  budgetOf,
  type CoordinatorContext,
  type CoordinatorState,
  correlationOf,
  end,
  noteAnswer,
  type Operation,
  refuse
} from '../coordinator/coordinator-state.ts'
import type { GetConsumer, GetResult } from '../coordinator/get-operation.ts'
import type { Route } from '../coordinator/request-route.ts'
import { type DatacenterView, isReachable } from '../ring/ring-view.ts'
import { coordinatorOfHost } from './datacenter-route.ts'
import { missingDatacenter, missingFault } from './elsewhere.ts'

/**
 * A get at `each_quorum`: a quorum of every datacenter says what it has, and the client gets all of it, merged.
 * @returns false where there is no other datacenter, and the read is like any other
 */
export function readEach(
  state: CoordinatorState,
  request: GetRequest,
  route: Route,
  terms: ReadTerms,
  context: CoordinatorContext
): boolean {
  const { others } = state.shipments
  if (others.length === 0) return false
  const missing = missingDatacenter(state, request.options)
  if (missing !== undefined) {
    refuse(request.replyTo, missing, state, context)
    return true
  }
  const read = new EachRead(state.nextOperation++, request, route, terms.deadlineMs, others, context.now())
  begin(read, state, context)
  read.start(context)
  startRead(state, request, route, terms, read, context)
  return true
}

class EachRead implements Operation, GetConsumer {
  readonly id: number
  readonly deadlineMs: number
  readonly bytes = 0
  readonly #request: GetRequest
  readonly #route: Route
  readonly #others: readonly DatacenterView[]
  readonly #startedMs: number
  /** By datacenter; undefined: it has not answered. */
  readonly #theirs: (Extract<GetReply, { kind: 'got' }> | undefined)[]
  readonly #asked: string[] = []
  #ours: GetResult | undefined
  #isAnswered = false

  constructor(
    id: number,
    request: GetRequest,
    route: Route,
    deadlineMs: number,
    others: readonly DatacenterView[],
    startedMs: number
  ) {
    this.id = id
    this.#request = request
    this.#route = route
    this.deadlineMs = deadlineMs
    this.#others = others
    this.#startedMs = startedMs
    this.#theirs = others.map(() => undefined)
  }

  start(context: CoordinatorContext): void {
    const { key, options } = this.#request
    for (const [slot, { hosts, owners }] of this.#others.entries()) {
      const own = (owners[this.#route.partition] ?? []).flatMap(index => hosts[index] ?? [])
      const host = own.find(each => isReachable(each) && each.isDirect) ?? hosts.find(isReachable)
      if (host === undefined) continue
      this.#asked[slot] = host.name
      const replyTo = context.replyRef<GetReply>(correlationOf(this.id, slot))
      const asked: CoordinatorMessage = {
        kind: 'get',
        key,
        options: { level: 'quorum', sloppy: options.sloppy, receipt: true },
        hops: 0,
        replyTo
      }
      context.send(coordinatorOfHost(host, this.#route.partition), asked, budgetOf(this, context))
    }
  }

  got(result: GetResult, state: CoordinatorState, context: CoordinatorContext): void {
    this.#ours = result
    this.#proceed(state, context)
  }

  refused(why: Fault, state: CoordinatorState, context: CoordinatorContext): void {
    this.#refuse(why, state, context)
  }

  heard(slot: number, reply: GetReply, state: CoordinatorState, context: CoordinatorContext): void {
    const dc = this.#others[slot]?.dc
    if (dc === undefined) return
    if (reply.kind === 'refused') return this.#refuse(missingFault(dc, reply.fault.detail), state, context)
    this.#theirs[slot] = reply
    this.#proceed(state, context)
  }

  replied(): void {}

  missed(slot: number, reason: UndeliveredReason | 'unreachable', state: CoordinatorState, context: CoordinatorContext): void {
    const dc = this.#others[slot]?.dc
    if (dc !== undefined) this.#refuse(missingFault(dc, `${this.#asked[slot]} was not reached (${reason})`), state, context)
  }

  overdue(): void {}

  expired(state: CoordinatorState, context: CoordinatorContext): void {
    const late = this.#theirs.indexOf(undefined)
    // Else it is this datacenter, whose own read ends now as well, and says so.
    if (late >= 0) this.#refuse(missingFault(this.#others[late]!.dc, 'it has not answered in time'), state, context)
    else if (!this.#isAnswered)
      this.#refuse(missingFault(this.#route.set.replicas[0]?.host.dc ?? '', 'it has not answered in time'), state, context)
  }

  waitsFor(thread: string): readonly number[] {
    return this.#asked.flatMap((host, slot) => (this.#theirs[slot] === undefined && thread.startsWith(`${host}.`) ? [slot] : []))
  }

  #proceed(state: CoordinatorState, context: CoordinatorContext): void {
    const ours = this.#ours
    if (this.#isAnswered || ours === undefined || this.#theirs.includes(undefined)) return
    this.#end(state)
    let { siblings } = ours
    for (const their of this.#theirs) {
      if (their === undefined || their.siblings.length === 0) continue
      siblings =
        siblings.length === 0 ? their.siblings : encodeSiblings(merge(decodeSiblings(siblings), decodeSiblings(their.siblings)))
    }
    const { options, replyTo } = this.#request
    const got = gotOf({ ...ours, siblings }, this.#route, options.receipt === true, context)
    const acks: Acknowledgement[] = this.#theirs.flatMap(their => their?.receipt?.acks ?? [])
    const receipt = got.receipt === undefined ? undefined : { ...got.receipt, acks: [...got.receipt.acks, ...acks] }
    context.send<GetReply>(replyTo, { ...got, receipt, answered: got.answered + acks.length })
    state.figures.get.record((context.now() - this.#startedMs) / 1000)
  }

  #refuse(why: Fault, state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#isAnswered) return
    this.#end(state)
    refuse(this.#request.replyTo, why, state, context)
  }

  #end(state: CoordinatorState): void {
    this.#isAnswered = true
    noteAnswer(state)
    end(this, state)
  }
}
