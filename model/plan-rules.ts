import { type Fault, fault } from './fault.ts'
import { limits } from './limits.ts'
import { displacedOf, isGone, type Member, ringMembers } from './membership.ts'
import { afterChange, namedIn } from './plan.ts'
import { atTurn } from './ring-change.ts'
import { isWeight, type StagedChange } from './staged-plan.ts'

/** What a plan is judged by. */
export interface PlanSetting {
  readonly members: readonly Member[]
  /** Replicas that some bucket asks for: so many hosts must stay. */
  readonly hostsNeeded: number
}

/**
 * Whether these changes can be carried out one after the other.
 * @returns the first thing that stands against it, in words for an operator; undefined: nothing
 */
export function whyNotPlanned(changes: readonly StagedChange[], { members, hostsNeeded }: PlanSetting): Fault | undefined {
  if (changes.length > limits.planChangesMax)
    return bad(`a plan holds ${limits.planChangesMax} changes at most: commit it, then stage the rest`, {
      limit: limits.planChangesMax,
      size: changes.length
    })
  const named = new Set<number>()
  const nameOf = (uid: number): string => members.find(member => member.uid === uid)?.name ?? `host ${uid}`
  let after = atTurn(members, undefined)
  for (const change of changes) {
    const why = whyNot(change, members)
    if (why !== undefined) return why
    for (const uid of namedIn(change)) {
      if (named.has(uid)) return bad(`${nameOf(uid)} is in the plan already: a plan changes a host once`)
      named.add(uid)
    }
    const comer = members.find(({ uid }) => uid === change.uid)
    const isNew = change.kind === 'join' || change.kind === 'replace'
    after = afterChange(change, isNew && comer !== undefined ? [...after.filter(({ uid }) => uid !== comer.uid), comer] : after)
    const left = ringMembers(after).length
    if (change.kind === 'leave' && left < hostsNeeded) {
      const detail = `without ${nameOf(change.uid)} ${left} hosts would stay, and buckets ask for ${hostsNeeded} replicas: let another host join first`
      return bad(detail, { limit: hostsNeeded, size: left })
    }
  }
  return undefined
}

function bad(detail: string, figures?: { readonly limit: number; readonly size: number }): Fault {
  return figures === undefined ? fault('bad_request', detail) : fault('bad_request', detail, figures)
}

function whyNot(change: StagedChange, members: readonly Member[]): Fault | undefined {
  const member = members.find(({ uid }) => uid === change.uid)
  if (member === undefined || isGone(member.state))
    return bad(
      `${member?.name ?? `host ${change.uid}`} is gone, or has come anew without its data: stage another change, or abort the plan`
    )
  switch (change.kind) {
    case 'join':
      return whyNotJoin(member)
    case 'leave':
      return whyNotLeave(member, members)
    case 'weight':
      return whyNotWeigh(member, change.weight, members)
    default:
      return whyNotReplace(member, change.replaced, members)
  }
}

function whyNotJoin({ name, standing, isWaiting }: Member): Fault | undefined {
  if (standing !== 'joining') return bad(`${name} is a member already`)
  return isWaiting === true ? undefined : bad(`${name} joins already`)
}

function whyNotLeave(member: Member, members: readonly Member[]): Fault | undefined {
  const { name, state } = member
  if (state === 'down') return bad(`${name} is down: start it again to let it leave, or remove it (carillon remove ${name})`)
  return whyNotSteady(member, members)
}

function whyNotWeigh(member: Member, weight: number, members: readonly Member[]): Fault | undefined {
  const { name } = member
  if (!isWeight(weight)) return bad(`a weight is a number from ${limits.weightMin} to ${limits.weightMax}, not ${weight}`)
  if (member.weight === weight) return bad(`${name} has weight ${weight} already`)
  return whyNotSteady(member, members)
}

function whyNotReplace(member: Member, replaced: number, members: readonly Member[]): Fault | undefined {
  const old = members.find(({ uid }) => uid === replaced)
  if (old === undefined || isGone(old.state)) return bad('the host to be replaced is gone')
  const { name } = member
  if (old === member || old.name === name)
    return bad(
      `${name} cannot take its own place: a host that lost its disk does so by itself, when it is started under its name`
    )
  if (member.standing !== 'joining')
    return bad(`${name} is a member already: only a host that waits, or joins, takes another's place`)
  if (members.some(other => other.name === name && other !== member && !isGone(other.state)))
    return bad(`${name} comes to take the place of its former self`)
  if (member.dc !== old.dc || member.zone !== old.zone)
    return bad(
      `${name} is in zone ${member.zone} of ${member.dc}, ${old.name} in zone ${old.zone} of ${old.dc}: only a host of the same zone takes its place`
    )
  return whyNotSteady(old, members)
}

/** One host, one change: of one that is in the middle of something it is not known what will be. */
function whyNotSteady(member: Member, members: readonly Member[]): Fault | undefined {
  const { name, uid, standing, removing, nextWeight, replaces } = member
  if (standing === 'joining') return bad(`${name} is no member yet: let it join first`)
  if (standing !== 'up') return bad(`${name} leaves already`)
  if (nextWeight !== undefined) return bad(`${name} changes its weight: wait for that first`)
  if (removing !== undefined) return bad(`${name} sees the removal of a host through: wait for that first`)
  if (replaces !== undefined) return bad(`${name} has just taken another's place: wait until that one is gone`)
  if (displacedOf(members).has(uid)) return bad(`another host has taken the place of ${name}`)
  if (members.some(other => other.replaces === uid && other.standing === 'joining' && !isGone(other.state)))
    return bad(`another host comes to take the place of ${name}`)
  if (members.some(other => other.removing === uid && !isGone(other.state)))
    return bad(`${name} is declared dead, and is being removed: wait for that first`)
  return undefined
}
