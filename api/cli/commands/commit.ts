import type { Command } from 'commander'
import { describeCluster, type HostShown, type PlanBrief } from '../cluster-shapes.ts'
import type { Cluster } from '../cluster.ts'
import { interruptible } from '../interruption.ts'
import { addConnectionOptions, timeoutOption, wholeOption, withCluster } from '../options.ts'
import { briefPlan, bytesText, changeText, describePlan, orderPlan, type PlanFlags, printBrief } from '../plan-text.ts'
import { CommandFailure, type Terminal } from '../terminal.ts'

interface Flags extends PlanFlags {
  readonly wait?: boolean
  readonly within: number
}

type Change = PlanBrief['changes'][number]

const lookMs = 1_000
const lastLooks = 5
const withinSecondsDefault = 86_400

/** With `--wait` exit status 1 where some change did not come about. */
export function define(command: Command, terminal: Terminal): void {
  command
    .description('Carry out what is staged: one change after the other, in the order in which they were staged.')
    .option('--wait', 'stay until it is done, and say what it waits for')
    .addOption(
      wholeOption('--within <SECONDS>', 'with --wait: seconds that it may take', 1, 604_800).default(withinSecondsDefault)
    )
    .addOption(timeoutOption())
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const before = flags.wait === true ? await describePlan(cluster, flags.timeout) : null
      const plan = await orderPlan(cluster, 'commit', {}, flags.timeout)
      if (flags.wait !== true || plan === null) return printBrief(terminal, flags, plan)
      const beganMs = terminal.clock.now()
      const isInterrupted = await follow(terminal, flags, cluster, plan)
      if (isInterrupted) throw new CommandFailure('interrupted: the hosts go on with it; carillon abort ends it')
      const undone = await undoneOf(terminal, flags, cluster, plan)
      const seconds = Math.round((terminal.clock.now() - beganMs) / 100) / 10
      const moved = before === null ? {} : { replicas: before.replicas_to_move, bytes: before.bytes_to_move }
      if (flags.json === true) {
        const changes = plan.changes.map(change => ({ ...change, stands: undone.includes(change) ? 'undone' : 'done' }))
        await terminal.output.write(`${JSON.stringify({ seconds, moved, changes })}\n`)
      } else if (undone.length === 0) {
        const what = before === null ? '' : `: ${before.replicas_to_move} replicas, about ${bytesText(before.bytes_to_move)}`
        await terminal.output.write(`done in ${seconds} s${what}\n`)
      }
      if (undone.length > 0)
        throw new CommandFailure(`not done: ${undone.map(changeText).join(', ')}; the plan was aborted, or a host is gone`)
    })
  )
}

/** @returns whether it was interrupted */
function follow(terminal: Terminal, flags: Flags, cluster: Cluster, { id }: PlanBrief): Promise<boolean> {
  const endMs = terminal.clock.now() + flags.within * 1_000
  let said = ''
  return interruptible(terminal, async signal => {
    for (;;) {
      const plan = await briefPlan(cluster, flags.timeout)
      if (plan === null || plan.id !== id) return false
      if (signal.aborted) return true
      if (terminal.clock.now() >= endMs)
        throw new CommandFailure(`not done after ${flags.within} seconds: the hosts go on with it`)
      const text = textOf(plan.changes, plan.waits_for)
      if (flags.json !== true && text !== said) await terminal.output.write(`${text}\n`)
      said = text
      await new Promise<void>(resolve => void terminal.clock.after(lookMs, resolve))
    }
  })
}

function textOf(changes: readonly Change[], waitsFor: readonly string[]): string {
  const turn = changes.find(({ stands }) => stands !== 'done' && stands !== 'void')
  const through = changes.filter(({ stands }) => stands === 'done').length
  const waits = waitsFor.length === 0 ? '' : `; it waits: ${waitsFor.join(', ')}`
  return `${through} of ${changes.length} done${turn === undefined ? '' : `, ${changeText(turn)}`}${waits}`
}

/** Whoever is asked may not have heard of the end of the last change yet. */
async function undoneOf(terminal: Terminal, flags: Flags, cluster: Cluster, plan: PlanBrief): Promise<readonly Change[]> {
  for (let look = 1; ; look++) {
    const { hosts } = await describeCluster(cluster, flags.timeout)
    const undone = plan.changes.filter(change => !isDone(change, hosts))
    if (undone.length === 0 || look === lastLooks) return undone
    await new Promise<void>(resolve => void terminal.clock.after(lookMs, resolve))
  }
}

/** By what the hosts show in the end. */
function isDone({ change, host, replaces, weight }: Change, hosts: readonly HostShown[]): boolean {
  const row = hosts.find(({ name }) => name === host)
  if (change === 'leave') return row === undefined
  if (change === 'weight') return row?.weight === weight
  return row?.state === 'up' && (replaces === undefined || !hosts.some(({ name }) => name === replaces))
}
