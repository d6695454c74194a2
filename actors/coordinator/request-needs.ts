import type { Fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { type QuorumAsked, type QuorumNeeds, resolveQuorum } from '../../model/quorum.ts'
import type { BucketProperties } from '../ring/bucket-table.ts'
import { type CoordinatorContext, quorumFault } from './coordinator-state.ts'
import type { Route } from './request-route.ts'

/** When the request under way is to be answered, in terms of `now`. */
export function deadlineOf(context: CoordinatorContext): number {
  const longest = context.now() + limits.requestTimeoutMsMax
  if (context.deadlineMs < longest) return context.deadlineMs
  return context.deadlineMs === Number.POSITIVE_INFINITY ? context.now() + context.resources.settings.requestTimeoutMs : longest
}

/** When a fallback takes the place of an owner that is not known to be away and does not answer: at a quarter of the time there is. */
export function fallbackAtOf(nowMs: number, deadlineMs: number): number {
  return nowMs + Math.min(fallbackMsMax, Math.max(fallbackMsMin, (deadlineMs - nowMs) / 4))
}

const fallbackMsMin = 50
const fallbackMsMax = 500

/** Replies that the request needs of the owners now. */
export function needsOf(asked: QuorumAsked, { set, properties }: Route, kind: 'read' | 'write'): QuorumNeeds | Fault {
  const usual = kind === 'read' ? properties.r : properties.w
  const needs = resolveQuorum(asked, properties.n, kind, usual)
  if ('code' in needs) return needs
  const needed = Math.max(neededOf(asked, properties, usual, set.present, kind), needs.primaries, needs.durable)
  return needed <= set.present ? { ...needs, needed } : quorumFault(kind, needed, 0, set, 'refused')
}

/** A cluster smaller than N counts on the owners it has, unless the request gives a number. */
export function neededOf(
  asked: QuorumAsked,
  properties: BucketProperties,
  usual: number,
  owners: number,
  kind: 'read' | 'write'
): number {
  if (asked.replicas) return asked.replicas
  const n = Math.min(properties.n, owners)
  const needs = resolveQuorum({ level: asked.level }, n, kind, Math.min(usual, n))
  return 'code' in needs ? n : needs.needed
}
