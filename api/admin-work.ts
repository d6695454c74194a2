import type { HostView, RingView } from '../actors/ring/ring-view.ts'
import type { WorkItem, WorkKind, WorkMessage, WorkReply } from '../actors/work/work-protocol.ts'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import { StoreError } from './client/errors.ts'
import type { StoreCore, WithoutReplyTo } from './client/store-core.ts'

/** The repair work of one host. */
export interface HostWork {
  readonly host: string
  /** Whether it answered; its items are unknown where it did not. */
  readonly reached: boolean
  readonly items: readonly WorkItem[]
}

export interface WorkShown {
  readonly hosts: readonly HostWork[]
}

/** What each host has to repair, does and has done. Hosts that do not answer are shown as such. */
export function workOfHosts(core: StoreCore, { hosts }: RingView, timeoutMs: number): Promise<WorkShown> {
  return askKeepers(core, hosts, { kind: 'describe-work' }, timeoutMs)
}

/** Let each host do all its work of these kinds now. @returns how things stand at the beginning */
export function beginWork(
  core: StoreCore,
  { hosts }: RingView,
  kinds: readonly WorkKind[],
  timeoutMs: number
): Promise<WorkShown> {
  return askKeepers(core, hosts, { kind: 'run', kinds }, timeoutMs)
}

type Question = WithoutReplyTo<Extract<WorkMessage, { kind: 'run' | 'describe-work' }>>

async function askKeepers(
  core: StoreCore,
  hosts: readonly HostView[],
  question: Question,
  timeoutMs: number
): Promise<WorkShown> {
  // One that seems to be down is asked all the same: this host may be wrong about it.
  return { hosts: await Promise.all(hosts.map(({ name }) => askKeeper(core, name, question, timeoutMs))) }
}

async function askKeeper(core: StoreCore, host: string, question: Question, timeoutMs: number): Promise<HostWork> {
  const to = { address: addressOf(threadAddressOf(host, 'system'), 'work-keeper'), correlation: 0, incarnation: 0 }
  try {
    const reply = await core.ask<WorkReply>(to, question, timeoutMs)
    return reply.kind === 'work' ? { host, reached: true, items: reply.items } : { host, reached: false, items: [] }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return { host, reached: false, items: [] }
  }
}
