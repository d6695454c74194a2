import { addressOf, type Ref } from '../../bus/bus.ts'
import type { Context } from '../../runtime/actor.ts'
import type { WorkArguments, WorkFigures, WorkMessage, WorkReply } from './work-protocol.ts'

/**
 * A worker's side of its lease: say in `start` and every `workRenewMs` that it lives. Answered by `lapsed` alone, under `correlation`.
 */
export function renewLease<M extends { readonly kind: string }, R>(
  { job, fence }: WorkArguments,
  figures: WorkFigures,
  correlation: number,
  context: Context<M, R>
): void {
  context.signal(keeperOf(context), {
    kind: 'renew',
    job,
    fence,
    figures: { ...figures },
    replyTo: context.replyRef<WorkReply>(correlation)
  })
}

/** Say that the work is through, and exit. @param again there is more to do soon @param isPart it was about a part, as after a return */
export function endLease<M extends { readonly kind: string }, R>(
  { job, fence }: WorkArguments,
  figures: WorkFigures,
  again: boolean,
  context: Context<M, R>,
  isPart = false
): void {
  context.signal(keeperOf(context), { kind: 'done', job, fence, figures: { ...figures }, again, ...(isPart && { isPart }) })
  context.exit('normal')
}

function keeperOf<M extends { readonly kind: string }, R>(context: Context<M, R>): Ref<WorkMessage> {
  return { address: addressOf(context.thread, 'work-keeper'), correlation: 0, incarnation: 0 }
}
