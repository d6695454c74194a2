import { quorumOf, strength } from '../../model/quorum.ts'
import type { GetRequest, Got, StoreRequest } from './coordinator-protocol.ts'
import { begin, type CoordinatorContext, type CoordinatorState, receiptOf, refuse } from './coordinator-state.ts'
import { type GetConsumer, GetOperation, type GetResult } from './get-operation.ts'
import type { Fault } from '../../model/fault.ts'
import { needsOf } from './request-needs.ts'
import type { Route } from './request-route.ts'

export interface ReadTerms {
  /** When it ends in any case. */
  readonly deadlineMs: number
  /** From when fallbacks may answer for owners that are slow. */
  readonly fallbackAtMs: number
  /** Others have waited for too few replicas already: ask all of them at once. */
  readonly isUrgent: boolean
}

/** @returns undefined where `consumer` has heard at once that it is refused */
export function startRead(
  state: CoordinatorState,
  request: StoreRequest,
  route: Route,
  { deadlineMs, fallbackAtMs, isUrgent }: ReadTerms,
  consumer: GetConsumer,
  context: CoordinatorContext
): GetOperation | undefined {
  const { set, properties } = route
  const wanted = request.kind === 'get' ? request.options : { level: request.options.level }
  const quorum = needsOf(wanted, route, 'read')
  if ('code' in quorum) {
    consumer.refused(quorum, state, context)
    return undefined
  }
  const nowMs = context.now()
  const operation = new GetOperation(
    {
      id: state.nextOperation++,
      key: request.key,
      set,
      needed: quorum.needed,
      primariesNeeded: quorum.primaries,
      resolver: properties.resolver,
      startedMs: nowMs,
      deadlineMs,
      isSloppy: request.options.sloppy !== false,
      fallbackAtMs,
      asksAll:
        isUrgent ||
        context.random() < context.resources.settings.readRepairChance ||
        set.replicas.some(replica => replica.host.isBack)
    },
    consumer
  )
  begin(operation, state, context)
  state.wheel.add(operation.id, nowMs + state.replyTimes.hedgeMs, nowMs)
  operation.start(state, context)
  return operation
}

/** What a client is told of a read. */
export function gotOf(
  { siblings, answered, needed, primaries }: GetResult,
  route: Route,
  wantsReceipt: boolean,
  context: CoordinatorContext
): Got {
  const { set, properties, view } = route
  const w = properties.w === 0 ? quorumOf(set.present) : properties.w
  const grade = strength(needed, w, set.present, primaries < needed)
  const acks = wantsReceipt ? answered.map(replica => ({ replica, durability: 'committed' as const })) : []
  return {
    kind: 'got',
    siblings,
    strength: grade,
    answered: answered.length,
    epoch: view.epoch,
    receipt: wantsReceipt ? receiptOf(grade, needed, acks, context, view.epoch) : undefined
  }
}

/** A get that goes alone. */
export class ClientRead implements GetConsumer {
  readonly #request: GetRequest
  readonly #route: Route
  readonly #startedMs: number

  constructor(request: GetRequest, route: Route, startedMs: number) {
    this.#request = request
    this.#route = route
    this.#startedMs = startedMs
  }

  got(result: GetResult, state: CoordinatorState, context: CoordinatorContext): void {
    const { replyTo, options } = this.#request
    context.send(replyTo, gotOf(result, this.#route, options.receipt === true, context))
    state.replyTimes.record(result.replyMs)
    state.figures.get.record((result.atMs - this.#startedMs) / 1000)
  }

  refused(why: Fault, state: CoordinatorState, context: CoordinatorContext): void {
    refuse(this.#request.replyTo, why, state, context)
  }
}
