import { endLease, renewLease } from '../../../actors/work/work-lease.ts'
import {
  type WorkArguments,
  type WorkItem,
  type WorkKind,
  type WorkMessage,
  type WorkReply,
  workRenewMs
} from '../../../actors/work/work-protocol.ts'
import { addressOf, threadAddressOf } from '../../../bus/bus.ts'
import type { Behaviour, SupervisorSpec } from '../../../runtime/actor.ts'
import type { SimulatedCluster } from '../../../simulation/simulated-cluster.ts'

/** What one run of a test worker does. */
export type Conduct =
  /** Takes `forMs`, renewing its lease meanwhile, and is through. */
  | { readonly does: 'work'; readonly forMs: number; readonly again?: boolean }
  /** Says nothing any more, and works on all the same. */
  | { readonly does: 'hang' }
  /** Throws after `afterMs`; started again, too. */
  | { readonly does: 'throw'; readonly afterMs: number; readonly times: number }
  | { readonly does: 'throw-at-start' }

export interface Run {
  readonly host: string
  readonly job: string
  readonly fence: number
  readonly incarnation: number
  readonly startMs: number
  endMs: number | undefined
  end: string
}

type WorkerMessage = WorkReply | { readonly kind: 'renew' } | { readonly kind: 'end' } | { readonly kind: 'break' }

interface WorkerState {
  readonly run: Run
  readonly args: WorkArguments
  readonly conduct: Conduct
  renewals: number
}

/** @param conductOf asked at each start of a worker @param runs each start is written down here */
export function testWorker(conductOf: (run: Run) => Conduct, runs: Run[]): Behaviour<WorkerState, WorkerMessage, WorkArguments> {
  return {
    kind: 'test-worker',
    start(args, context) {
      const { job, fence } = args
      const run: Run = {
        host: context.host,
        job,
        fence,
        incarnation: context.incarnation,
        startMs: context.now(),
        endMs: undefined,
        end: ''
      }
      const conduct = conductOf(run)
      runs.push(run)
      if (conduct.does === 'throw-at-start') throw new Error('it does not start')
      renewLease(args, { keys: 0 }, 0, context)
      if (conduct.does === 'work') context.after(conduct.forMs, { kind: 'end' })
      if (conduct.does === 'throw') context.after(conduct.afterMs, { kind: conduct.times > 0 ? 'break' : 'end' })
      context.after(workRenewMs, { kind: 'renew' })
      return { run, args, conduct, renewals: 0 }
    },
    receive(state, message, context) {
      switch (message.kind) {
        case 'renew':
          if (state.conduct.does === 'hang') return
          state.renewals++
          renewLease(state.args, { keys: state.renewals }, 0, context)
          context.after(workRenewMs, { kind: 'renew' })
          return
        case 'end':
          state.run.end = 'done'
          return endLease(state.args, { keys: 10 }, state.conduct.does === 'work' && state.conduct.again === true, context)
        case 'break':
          throw new Error('the worker breaks')
        case 'lapsed':
          state.run.end = 'lapsed'
          return context.exit('normal')
        default:
      }
    },
    stop(state, reason, context) {
      state.run.endMs = context.now()
      if (state.run.end === '') state.run.end = reason instanceof Error ? reason.message : reason
    },
    summary: ({ args: { job, fence }, renewals }) => ({ job, fence, renewals })
  }
}

interface Question {
  readonly host: string
  readonly run: readonly WorkKind[] | undefined
  answer: readonly WorkItem[] | undefined
}

const asker: Behaviour<Question, WorkReply, undefined, Question> = {
  kind: 'asker',
  start(_, context) {
    const { host, run } = context.resources
    const keeper = { address: addressOf(threadAddressOf(host, 'system'), 'work-keeper'), correlation: 0, incarnation: 0 }
    const replyTo = context.replyRef<WorkReply>(0)
    const message: WorkMessage = run === undefined ? { kind: 'describe-work', replyTo } : { kind: 'run', kinds: run, replyTo }
    context.send(keeper, message, 1_000)
    return context.resources
  },
  receive(state, message) {
    if (message.kind === 'work') state.answer = message.items
  }
}

const askerTree: SupervisorSpec = {
  type: 'supervisor',
  name: 'root',
  strategy: 'one-for-one',
  intensity: 0,
  periodMs: 1_000,
  children: [{ type: 'actor', name: 'asker', behaviour: asker }]
}

let askers = 0

/** Ask a host's work keeper, a moment of virtual time. @param run which kinds to begin at once */
export function workOf(cluster: SimulatedCluster, host: string, run?: readonly WorkKind[]): readonly WorkItem[] {
  const question: Question = { host, run, answer: undefined }
  cluster.client(`asker-${++askers}`, question).start(askerTree)
  cluster.clock.advance(500)
  if (question.answer === undefined) throw new Error(`the work keeper of ${host} did not answer`)
  return question.answer
}

/** Runs of one item that overlap in time on one host. */
export function overlaps(runs: readonly Run[]): string[] {
  const found: string[] = []
  for (const [index, run] of runs.entries()) {
    for (const other of runs.slice(index + 1)) {
      if (other.host !== run.host || other.job !== run.job) continue
      if (run.endMs === undefined || other.startMs < run.endMs)
        found.push(`${run.job} ${run.fence}, ${other.fence} at ${other.startMs}`)
    }
  }
  return found
}
