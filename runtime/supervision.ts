import { isToken } from '../bus/bus.ts'
import { limits } from '../model/limits.ts'
import type { ActorSpec, ChildSpec, RestartType, SupervisorSpec } from './actor.ts'

/** How long an actor may drain, where its specification does not say. */
export const shutdownMsDefault = 5_000

/** Supervisors below supervisors; more is a cycle or a mistake. */
export const treeDepthMax = 32

const strategies: readonly string[] = ['one-for-one', 'one-for-all', 'rest-for-one'] satisfies SupervisorSpec['strategy'][]
const restartTypes: readonly string[] = ['permanent', 'transient', 'temporary'] satisfies RestartType[]

/**
 * Check a specification before anything is started from it.
 * @param taken whether a name is in use on this thread
 * @throws {RangeError} what is wrong, and where in the tree
 */
export function checkSpecification(spec: ChildSpec, taken: (name: string) => boolean = () => false): void {
  check(spec, spec.name, new Set(), taken, 0)
}

export function restartTypeOf(spec: ChildSpec): RestartType {
  return spec.restart ?? 'permanent'
}

function check(spec: ChildSpec, path: string, names: Set<string>, taken: (name: string) => boolean, depth: number): void {
  if (typeof spec.name !== 'string' || !isToken(spec.name)) {
    refuse(path, `the name ${JSON.stringify(spec.name)} is no address token: use 1 to 64 of A-Z a-z 0-9 _ -`)
  }
  if (names.has(spec.name) || taken(spec.name)) refuse(path, `the name ${spec.name} is taken: names are unique on a thread`)
  names.add(spec.name)
  if (spec.restart !== undefined && !restartTypes.includes(spec.restart)) {
    refuse(path, `the restart type ${JSON.stringify(spec.restart)} is unknown: use ${restartTypes.join(', ')}`)
  }
  if (spec.type === 'actor') checkActor(spec, path)
  else if (spec.type === 'supervisor') checkSupervisor(spec, path, names, taken, depth)
  else refuse(path, `the type ${JSON.stringify((spec as { type: unknown }).type)} is unknown: use actor or supervisor`)
}

function checkActor(spec: ActorSpec, path: string): void {
  const { behaviour, shutdownMs, mailboxMax, repliesMax } = spec
  if (typeof behaviour?.start !== 'function' || typeof behaviour.receive !== 'function' || typeof behaviour.kind !== 'string') {
    refuse(path, 'its behaviour lacks kind, start or receive')
  }
  if (shutdownMs !== undefined && !(shutdownMs >= 0)) refuse(path, `shutdownMs is 0 or more milliseconds, not ${shutdownMs}`)
  if (mailboxMax !== undefined && !(Number.isSafeInteger(mailboxMax) && mailboxMax >= 1)) {
    refuse(path, `mailboxMax is a whole number from 1, not ${mailboxMax}`)
  }
  if (repliesMax !== undefined && !(Number.isSafeInteger(repliesMax) && repliesMax >= 1)) {
    refuse(path, `repliesMax is a whole number from 1, not ${repliesMax}`)
  }
}

function checkSupervisor(
  spec: SupervisorSpec,
  path: string,
  names: Set<string>,
  taken: (name: string) => boolean,
  depth: number
): void {
  const { strategy, intensity, periodMs, backoff, children } = spec
  if (!strategies.includes(strategy)) {
    refuse(path, `the strategy ${JSON.stringify(strategy)} is unknown: use ${strategies.join(', ')}`)
  }
  if (!Number.isSafeInteger(intensity) || intensity < 0) refuse(path, `intensity is a whole number from 0, not ${intensity}`)
  if (!(periodMs > 0) || !Number.isFinite(periodMs)) refuse(path, `periodMs is more than 0 milliseconds, not ${periodMs}`)
  if (backoff !== undefined && !(backoff.baseMs >= 0 && backoff.maxMs >= backoff.baseMs && Number.isFinite(backoff.maxMs))) {
    refuse(path, `backoff needs 0 ≤ baseMs ≤ maxMs, not ${backoff.baseMs} and ${backoff.maxMs}`)
  }
  if (!Array.isArray(children)) refuse(path, 'children is a list of specifications')
  if (children.length > limits.actorsPerThreadMax) {
    refuse(path, `${children.length} children are more than a thread may have (${limits.actorsPerThreadMax})`)
  }
  if (depth >= treeDepthMax) refuse(path, `supervisors lie more than ${treeDepthMax} deep`)
  for (const child of children) check(child, `${path}/${child.name}`, names, taken, depth + 1)
}

function refuse(path: string, why: string): never {
  throw new RangeError(`supervision: ${path}: ${why}`)
}
