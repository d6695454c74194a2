import type { Fault } from '../../model/fault.ts'
import { gotOf, startRead } from './client-read.ts'
import type { GetRequest, Got } from './coordinator-protocol.ts'
import { type CoordinatorContext, type CoordinatorState, noteAnswer, refuse, timeoutFault } from './coordinator-state.ts'
import type { GetConsumer, GetResult } from './get-operation.ts'
import type { Lane, Reader, Round } from './hot-reads.ts'
import { deadlineOf, fallbackAtOf } from './request-needs.ts'
import { type Route, routeOf } from './request-route.ts'

/**
 * A get of a client: where its key is hot and the same is being read already, it waits for the next read, which it shares.
 * @returns false where it is to go alone
 */
export function shareRead(state: CoordinatorState, request: GetRequest, route: Route, context: CoordinatorContext): boolean {
  const { hotReads } = state
  const lane = hotReads.laneOf(request.key, route.position, request.options)
  if (lane === undefined) return false
  const reader: Reader = { request, startedMs: context.now(), deadlineMs: deadlineOf(context), isCounted: false }
  if (lane.round === undefined) beginRound(state, lane, [reader], route, false, context)
  else {
    if (!hotReads.wait(lane, reader)) return false
    reader.isCounted = true
    state.unanswered++
  }
  return true
}

/** Once a tick: whose time is up hears so, who waits for a read that does not come to an end waits no longer, and what is read less cools. */
export function watchHotReads(state: CoordinatorState, nowMs: number, context: CoordinatorContext): void {
  const { hotReads, replyTimes } = state
  for (const { reader, needed, answers } of hotReads.late(nowMs)) {
    settle(reader, state)
    refuse(reader.request.replyTo, timeoutFault('read', needed, answers, undefined), state, context)
  }
  for (const lane of hotReads.stuck(nowMs, replyTimes.hedgeMs)) nextRound(state, lane, true, context)
  hotReads.age(nowMs, replyTimes.usualMs)
}

/**
 * Those that wait have come before anything is asked for them now: so they see whatever was acknowledged before they came.
 * @param isUrgent the round before was slow, and they have waited for it
 */
function nextRound(state: CoordinatorState, lane: Lane, isUrgent: boolean, context: CoordinatorContext): void {
  let route: Route | undefined
  const readers: Reader[] = []
  for (const reader of state.hotReads.take(lane)) {
    // The ring may be another one by now; then each is passed on by itself.
    route ??= routeOf(state, reader.request, context, reader.deadlineMs)
    if (route === undefined) settle(reader, state)
    else readers.push(reader)
  }
  if (route === undefined) return
  state.figures.coalesced.add(readers.length - 1)
  beginRound(state, lane, readers, route, isUrgent, context)
}

function beginRound(
  state: CoordinatorState,
  lane: Lane,
  readers: readonly Reader[],
  route: Route,
  isUrgent: boolean,
  context: CoordinatorContext
): void {
  let [last] = readers
  if (last === undefined) return
  const nowMs = context.now()
  let earliestMs = last.deadlineMs
  for (const reader of readers) {
    if (reader.deadlineMs < earliestMs) earliestMs = reader.deadlineMs
    if (reader.deadlineMs > last.deadlineMs) last = reader
  }
  // From here on the operation counts for it.
  settle(last, state)
  const round = state.hotReads.begin(lane, readers, nowMs)
  const terms = { deadlineMs: last.deadlineMs, fallbackAtMs: fallbackAtOf(nowMs, earliestMs), isUrgent }
  round.operation = startRead(state, last.request, route, terms, new RoundRead(round, route), context)
}

/** It has an answer, or another coordinator gives it one. */
function settle(reader: Reader, state: CoordinatorState): void {
  if (!reader.isCounted) return
  reader.isCounted = false
  noteAnswer(state)
}

/** Answers all readers of a round, and begins the next one where there are others by then. */
class RoundRead implements GetConsumer {
  readonly #round: Round
  readonly #route: Route

  constructor(round: Round, route: Route) {
    this.#round = round
    this.#route = route
  }

  got(result: GetResult, state: CoordinatorState, context: CoordinatorContext): void {
    const { readers } = this.#round
    let plain: Got | undefined
    let withReceipt: Got | undefined
    for (const reader of readers) {
      const { request } = reader
      settle(reader, state)
      if (request.options.receipt === true)
        context.send(request.replyTo, (withReceipt ??= gotOf(result, this.#route, true, context)))
      else context.send(request.replyTo, (plain ??= gotOf(result, this.#route, false, context)))
      state.figures.get.record((result.atMs - reader.startedMs) / 1000)
    }
    state.replyTimes.record(result.replyMs)
    this.#end(state, context)
  }

  refused(why: Fault, state: CoordinatorState, context: CoordinatorContext): void {
    for (const reader of this.#round.readers) {
      settle(reader, state)
      refuse(reader.request.replyTo, why, state, context)
    }
    this.#end(state, context)
  }

  #end(state: CoordinatorState, context: CoordinatorContext): void {
    const { lane, startedMs } = this.#round
    if (!state.hotReads.end(this.#round)) return
    nextRound(state, lane, context.now() - startedMs >= state.replyTimes.hedgeMs, context)
  }
}
