import type { Command } from 'commander'
import { type PlanBrief, type PlanShown, shaped } from './cluster-shapes.ts'
import type { Cluster } from './cluster.ts'
import { addConnectionOptions, type ConnectionFlags, timeoutOption, withCluster } from './options.ts'
import { tableOf } from './table.ts'
import { painted, type Terminal } from './terminal.ts'

export interface PlanFlags extends ConnectionFlags {
  readonly timeout: number
  readonly json?: boolean
}

/** What a plan comes to is asked of every partition that moves: it takes its time. */
const planTimeoutMsMin = 20_000

export async function describePlan(cluster: Cluster, timeoutMs: number): Promise<PlanShown | null> {
  const { plan } = shaped<{ plan: PlanShown | null }>(await cluster.admin('plan', {}, longer(timeoutMs)), 'plan', 'plan')
  return plan
}

/** Without what has to be asked of many hosts. */
export async function briefPlan(cluster: Cluster, timeoutMs: number): Promise<PlanBrief | null> {
  return shaped<{ plan: PlanBrief | null }>(await cluster.admin('plan', { brief: true }, timeoutMs), 'plan', 'plan').plan
}

/** Stage a change, and show the plan with it. @param change as `POST /api/v1/plan` takes it */
export async function stageChange(
  terminal: Terminal,
  flags: PlanFlags,
  cluster: Cluster,
  change: Readonly<Record<string, unknown>>
): Promise<void> {
  const reply = await cluster.admin('plan.stage', change, longer(flags.timeout))
  await printPlan(terminal, flags, shaped<{ plan: PlanShown | null }>(reply, 'plan', 'plan.stage').plan)
}

function longer(timeoutMs: number): number {
  return Math.max(timeoutMs, planTimeoutMsMin)
}

/** A command that says one thing to the plan, and shows how that stands. */
export function definePlanOrder(
  command: Command,
  terminal: Terminal,
  what: 'pause' | 'resume' | 'abort',
  description: string
): void {
  addConnectionOptions(command.description(description).addOption(timeoutOption())).action((flags: PlanFlags) =>
    withCluster(terminal, flags, async cluster => printBrief(terminal, flags, await orderPlan(cluster, what, {}, flags.timeout)))
  )
}

export async function orderPlan(
  cluster: Cluster,
  what: 'commit' | 'pause' | 'resume' | 'abort' | 'throttle',
  request: Readonly<Record<string, unknown>>,
  timeoutMs: number
): Promise<PlanBrief | null> {
  const name = `plan.${what}`
  return shaped<{ plan: PlanBrief | null }>(await cluster.admin(name, request, timeoutMs), 'plan', name).plan
}

export async function printBrief({ output }: Terminal, { json }: PlanFlags, plan: PlanBrief | null): Promise<void> {
  await output.write(json === true ? `${JSON.stringify({ plan })}\n` : plan === null ? 'no plan\n' : `${headline(plan)}\n`)
}

function headline({ state, keeper, by, changes, throttle }: PlanBrief): string {
  const limit = throttle === 0 ? '' : `, ${bytesText(throttle)}/s at most for each host`
  return `plan of ${changes.length} ${changes.length === 1 ? 'change' : 'changes'}, ${state}${limit}; kept by ${keeper}${by === 'autoscaler' ? ', submitted by the autoscaler' : ''}`
}

export async function printPlan(terminal: Terminal, flags: PlanFlags, plan: PlanShown | null): Promise<void> {
  const { output } = terminal
  if (flags.json === true || plan === null) return printBrief(terminal, flags, plan)
  const steps = plan.changes.map(change => {
    const step = plan.steps.find(each => each.host === change.host && each.change === change.change)
    const left =
      step === undefined ? ['', '', '', ''] : [step.replicas, bytesText(step.bytes), `${step.seconds} s`, step.quorum_margin]
    return [changeText(change), change.stands, ...left]
  })
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  const loads = plan.loads.map(load => [
    load.host,
    load.replicas_before,
    load.replicas_after,
    percent(load.share_before),
    percent(load.share_after)
  ])
  const margin = plan.quorum_margin
  const marginText = `${margin} ${margin === 1 ? 'replica' : 'replicas'} beyond a quorum at the worst moment`
  const lines = [
    painted(output, 'bold', headline(plan)),
    '',
    await tableOf(output, ['CHANGE', 'STANDS', 'REPLICAS', 'BYTES', 'TIME', 'MARGIN'], steps),
    await tableOf(output, ['HOST', 'REPLICAS', 'AFTER', 'SHARE', 'AFTER'], loads),
    `to move   ${plan.replicas_to_move} replicas of partitions, ${plan.bytes_are_exact ? '' : 'about '}${bytesText(plan.bytes_to_move)}${plan.bytes_are_exact ? '' : ' (records counted, bytes by samples)'}`,
    `takes     about ${plan.seconds_expected} s, at ${bytesText(plan.bytes_per_second)}/s for each host (${plan.rate})`,
    `margin    ${margin < 0 ? painted(output, 'red', `${marginText}: some keys cannot be read or written then`) : marginText}`,
    ...plan.waits_for.map(text => `waits for ${text}`),
    ...(plan.state === 'staged' ? ['', 'carillon commit carries it out, carillon abort drops it'] : [])
  ]
  await output.write(`${lines.join('\n')}\n`)
}

/** A change in words: `leave host-2`. */
export function changeText({ change, host, replaces, is_dead, weight }: PlanBrief['changes'][number]): string {
  if (change === 'replace') return `replace ${replaces} by ${host}${is_dead === true ? ' (it is down, and counts as dead)' : ''}`
  return change === 'weight' ? `weight ${host} ${weight}` : `${change} ${host}`
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytesText(bytes: number): string {
  let amount = bytes
  let unit = 0
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`
}
