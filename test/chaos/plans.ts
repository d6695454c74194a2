import type { Random } from '../../runtime/random.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { ChaosHost } from './chaos-host.ts'
import { until } from './shell.ts'

const askMs = 5_000

interface PlanTold {
  readonly plan: { readonly state: string; readonly waits_for: readonly string[] } | null
}

/**
 * Lets hosts leave by one plan: staged, committed, and staged again where a host that was asked had died with it.
 * @returns milliseconds until their processes had ended and nobody knew of a plan any more
 * @throws {Error} not within the time; with what the plan waits for
 */
export async function leaveByPlan(
  cluster: ChaosCluster,
  leaving: readonly ChaosHost[],
  random: Random,
  timeoutMs: number
): Promise<number> {
  for (const host of leaving) host.mayLeave()
  let waitsFor = ''
  const isOver = async (): Promise<boolean> => {
    const still = leaving.filter(host => !host.hasLeft)
    const asked = cluster.members[random.below(cluster.members.length)]!
    const { plan } = await asked.ask<PlanTold>('/api/v1/plan', askMs).catch(() => ({ plan: undefined }))
    if (plan === undefined) return false
    if (plan === null && still.length === 0) return true
    waitsFor = plan === null ? 'no plan is known' : plan.waits_for.join('; ')
    if (plan === null) for (const { name } of still) await order(asked, '', { change: 'leave', host: name })
    if (plan === null || plan.state === 'staged') await order(asked, '/commit', {})
    return false
  }
  const what = `${leaving.map(({ name }) => name).join(' and ')} leave`
  return until(what, isOver, timeoutMs).catch((error: unknown) => {
    const still = leaving.filter(host => !host.hasLeft).map(({ name }) => name)
    throw new Error(`${(error as Error).message}; ${still.join(', ') || 'nobody'} is still there: ${waitsFor}`)
  })
}

/** What is refused, or not answered, is asked for again: whoever waits looks at what became of it. */
async function order({ http }: ChaosHost, path: string, body: object): Promise<void> {
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  await fetch(`${http}/api/v1/plan${path}`, { ...request, signal: AbortSignal.timeout(askMs) })
    .then(response => response.arrayBuffer())
    .catch(() => {})
}
