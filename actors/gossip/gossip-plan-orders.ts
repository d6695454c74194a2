import type { Ref } from '../../bus/bus.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { isGone, type Member } from '../../model/membership.ts'
import { planIn, progressOf, turnIn } from '../../model/plan.ts'
import { type PlanSetting, whyNotPlanned } from '../../model/plan-rules.ts'
import { changesOf, ticketOf } from '../../model/ring-change.ts'
import { wireOfPlans, wireSpoken } from '../../model/wire-version.ts'
import type { Plan, StagedChange } from '../../model/staged-plan.ts'
import { hostsNeeded } from './gossip-changes.ts'
import { waitsOf } from './gossip-orders.ts'
import { dropPlan } from './gossip-plan.ts'
import type { GossipMessage, PlanOrder, PlanReply, WantedChange } from './gossip-protocol.ts'
import { whyNotLeave } from './gossip-refusals.ts'
import { setSelf } from './gossip-rows.ts'
import { agentOf, type GossipContext, type GossipState, isLivingOther, selfOf, ringRowsOf } from './gossip-state.ts'
import { sendRows } from './gossip-sync.ts'
import { publish } from './gossip-view.ts'

/** Hosts that are told of a plan at once; the others hear of it from those. */
const tellsMax = 32

type Of<K extends GossipMessage['kind']> = Extract<GossipMessage, { kind: K }>

/** An operator's word on the plan: where another host keeps it, that host is told. */
export function takePlanOrder(state: GossipState, message: Of<'plan'>, context: GossipContext): void {
  const { order, replyTo } = message
  const self = selfOf(state, context)
  const refuse = (why: Fault): void => context.send(replyTo, { kind: 'refused', fault: why, epoch: '' })
  if (state.cluster === undefined || !state.isSettled)
    return refuse(fault('unavailable', `${self.name} does not know the others yet: try again`))
  const kept = planIn(ringRowsOf(state))
  if (order.what !== 'tell') {
    // What is submitted is kept here, or refused: never passed on to one that may not know of it.
    const isSubmitted = order.what === 'submit'
    const keeper = isSubmitted ? self : (kept?.keeper ?? keeperToBe(state, self, message, context))
    if (keeper !== self) {
      if (keeper.state === 'down') return refuse(keeperIsDown(keeper))
      // Two that each hold the other to keep the plan would pass it on for ever.
      if (message.isPassedOn === true)
        return refuse(fault('unavailable', `${keeper.name} keeps the plan: again when all have heard`))
      return context.signal<GossipMessage>(agentOf(keeper.name) as Ref<GossipMessage>, { ...message, isPassedOn: true })
    }
    const why = carryOut(state, self, kept?.plan, order, context)
    if (why !== undefined) return refuse(why)
    publish(state, context)
    tellOthers(state, self, context)
  }
  tell(state, replyTo, context)
}

/** Of a plan that is still to be: this host where it is up, else another one that is. */
function keeperToBe(state: GossipState, self: Member, { order, isPassedOn }: Of<'plan'>, context: GossipContext): Member {
  if (order.what !== 'stage' || self.standing === 'up' || isPassedOn === true) return self
  const others = ringRowsOf(state).filter(({ uid, standing }) => standing === 'up' && isLivingOther(state, uid, context))
  return others.sort((a, b) => a.uid - b.uid)[0] ?? self
}

/** At once, since the operator's next word may be to any of them. */
function tellOthers(state: GossipState, { uid }: Member, context: GossipContext): void {
  const others = state.members.members.filter(member => isLivingOther(state, member.uid, context))
  for (const { name } of others.slice(0, tellsMax)) sendRows(state, name, [uid], [], context)
}

function keeperIsDown({ name }: Member): Fault {
  return fault(
    'bad_request',
    `${name} keeps the plan and is down: start it again, or take the plan away with it (carillon remove ${name})`
  )
}

function tooOldForPlans(spoken: number): Fault {
  const detail = `the hosts speak version ${spoken} of the wire to each other, and plans take ${wireOfPlans}: first bring all of them to this release`
  return fault('bad_request', detail, { needed: wireOfPlans })
}

/** @returns why not; undefined: it is done */
function carryOut(
  state: GossipState,
  self: Member,
  plan: Plan | undefined,
  order: PlanOrder,
  context: GossipContext
): Fault | undefined {
  if (order.what === 'stage' || order.what === 'submit') {
    const spoken = wireSpoken(state.members.members.filter(member => !isGone(member.state)).map(({ version }) => version)) ?? 1
    if (spoken < wireOfPlans) return tooOldForPlans(spoken)
    return order.what === 'stage'
      ? stage(state, self, plan, order.change, context)
      : submit(state, self, plan, order.change, context)
  }
  if (plan === undefined)
    return fault('not_found', 'nothing is staged: stage a change first, with carillon join, leave, replace or weight')
  const keep = (changed: Partial<Plan>): undefined => {
    setSelf(state, { ...self, plan: { ...plan, ...changed } }, context)
    return undefined
  }
  switch (order.what) {
    case 'tell':
      return undefined
    case 'commit': {
      if (plan.isCommitted) return undefined
      // Some may be done: who keeps the plan has lost its power, and with it that it was committed before.
      const changes = plan.changes.filter(change => !hasCome(state, change))
      const why = whyNotPlanned(changes, settingOf(state))
      if (why !== undefined) return why
      context.log.info({ plan: plan.id, changes: changes.length }, 'a plan is committed')
      return keep({ isCommitted: true, changes: changes.length === 0 ? plan.changes : changes })
    }
    case 'pause':
      return keep({ isPaused: true })
    case 'resume':
      return keep({ isPaused: false })
    case 'throttle': {
      const { bytesPerSecond } = order
      const { planBytesPerSecondMin: min, planBytesPerSecondMax: max } = limits
      if (bytesPerSecond === 0 || (bytesPerSecond >= min && bytesPerSecond <= max)) return keep({ bytesPerSecond })
      return fault('bad_request', `a plan's pace is from ${min} to ${max} bytes a second for each host, or 0 for no limit`, {
        limit: max,
        size: bytesPerSecond
      })
    }
    default:
      context.log.info({ plan: plan.id, isCommitted: plan.isCommitted }, 'a plan is aborted')
      dropPlan(state, self, context)
      return undefined
  }
}

function settingOf(state: GossipState): PlanSetting {
  return { members: ringRowsOf(state), hostsNeeded: hostsNeeded(state) }
}

function stage(
  state: GossipState,
  self: Member,
  plan: Plan | undefined,
  wanted: WantedChange,
  context: GossipContext
): Fault | undefined {
  if (plan?.isCommitted === true) {
    const whose = plan.by === undefined ? 'a plan' : `a plan of the ${plan.by}`
    const detail = `${whose} is under way, which ${self.name} keeps: wait for its end (carillon commit --wait), or abort it`
    return fault('bad_request', detail)
  }
  if (plan === undefined && self.standing !== 'up')
    return fault('bad_request', `${self.name} is ${self.standing} and cannot keep a plan: ask a host that is up`)
  const change = changeOf(state, wanted)
  if ('code' in change) return change
  const changes = [...(plan?.changes ?? []).filter(staged => isOpen(state, staged)), change]
  const why = whyNotPlanned(changes, settingOf(state))
  if (why !== undefined) return why
  const id = plan?.id ?? ticketOf(ringRowsOf(state))
  const isPaused = plan?.isPaused ?? false
  const bytesPerSecond = plan?.bytesPerSecond ?? 0
  setSelf(state, { ...self, plan: { id, isCommitted: false, isPaused, bytesPerSecond, changes } }, context)
  context.log.info({ plan: id, change: wanted }, 'a change of the ring is staged')
  return undefined
}

/** It is done, at a host that is there: one that is gone may have been meant otherwise, and is asked about. */
function hasCome(state: GossipState, change: StagedChange): boolean {
  const member = state.members.get(change.uid)
  return member !== undefined && !isGone(member.state) && progressOf(change, ringRowsOf(state)) === 'done'
}

/** false: it is done, or names a host that is gone, as one that has lost its disk since. It could never be committed, and would hold up the others. */
function isOpen(state: GossipState, change: StagedChange): boolean {
  const progress = progressOf(change, ringRowsOf(state))
  return progress !== 'done' && progress !== 'void'
}

/** At once staged and committed: between the two an operator could add to it. */
function submit(
  state: GossipState,
  self: Member,
  plan: Plan | undefined,
  wanted: WantedChange,
  context: GossipContext
): Fault | undefined {
  if (plan !== undefined) return fault('bad_request', 'there is a plan already: nothing is submitted beside it')
  if (self.standing !== 'up') return fault('bad_request', `${self.name} is ${self.standing} and cannot keep a plan`)
  const change = changeOf(state, wanted)
  if ('code' in change) return change
  const why = whyNotPlanned([change], settingOf(state))
  if (why !== undefined) return why
  const id = ticketOf(ringRowsOf(state))
  const submitted: Plan = { id, isCommitted: true, isPaused: false, bytesPerSecond: 0, changes: [change], by: 'autoscaler' }
  setSelf(state, { ...self, plan: submitted }, context)
  context.log.info({ plan: id, change: wanted }, 'a plan of the autoscaler is committed')
  return undefined
}

/** Names become uids: of two of one name the later one. */
function changeOf(state: GossipState, wanted: WantedChange): StagedChange | Fault {
  const uidOf = (name: string): number | undefined => named(ringRowsOf(state), name)?.uid
  const uid = uidOf(wanted.host)
  if (uid === undefined) return unknown(state, wanted.host)
  switch (wanted.kind) {
    case 'weight':
      return { kind: 'weight', uid, weight: wanted.weight }
    case 'replace': {
      const old = named(ringRowsOf(state), wanted.replaced)
      if (old === undefined) return unknown(state, wanted.replaced)
      return { kind: 'replace', uid, replaced: old.uid, isDead: old.state === 'down' }
    }
    default:
      return { kind: wanted.kind, uid }
  }
}

function named(members: readonly Member[], name: string): Member | undefined {
  return members
    .filter(member => member.name === name && !isGone(member.state))
    .sort((a, b) => b.incarnation - a.incarnation || b.uid - a.uid)[0]
}

function unknown(state: GossipState, name: string): Fault {
  const known = ringRowsOf(state)
    .filter(member => !isGone(member.state))
    .map(member => member.name)
    .sort()
  const named = JSON.stringify(name.slice(0, 64))
  return fault('not_found', `there is no host ${named} in this datacenter: there are ${known.join(', ')}`)
}

function tell(state: GossipState, replyTo: Ref<PlanReply>, context: GossipContext): void {
  const members = ringRowsOf(state)
  if (state.cluster === undefined) return
  context.send(replyTo, {
    kind: 'plan-told',
    cluster: state.cluster,
    hostsNeeded: hostsNeeded(state),
    members,
    waitsFor: waitsFor(state)
  })
}

function waitsFor(state: GossipState): readonly string[] {
  const members = ringRowsOf(state)
  const kept = planIn(members)
  if (kept === undefined || !kept.plan.isCommitted) return []
  if (kept.plan.isPaused) return ['carillon resume: the plan is paused']
  const turn = turnIn(kept, members)
  if (turn === undefined) return waitsOfEnding(state, kept.plan)
  const member = state.members.get(turn.uid)
  if (member === undefined) return []
  if (progressOf(turn, members) === 'waiting') {
    if (member.state === 'down' || member.state === 'suspect') return [`${member.name} is ${member.state}`]
    const why = turn.kind === 'leave' ? whyNotLeave(state, member)?.detail : undefined
    return [why ?? `${member.name} is about to begin`]
  }
  const own = changesOf(members).find(({ by }) => by === member)
  return own === undefined ? [] : waitsOf(state, own)
}

function waitsOfEnding(state: GossipState, plan: Plan): readonly string[] {
  const members = ringRowsOf(state)
  return plan.changes.flatMap(change => {
    if (progressOf(change, members) !== 'ending') return []
    const name = state.members.get(change.kind === 'replace' ? change.replaced : change.uid)?.name
    return `${name} hands over what it keeps for others`
  })
}
