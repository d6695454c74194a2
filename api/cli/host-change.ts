import type { Command } from 'commander'
import { type ChangeShown, type DatacenterRemoved, describeCluster, shaped } from './cluster-shapes.ts'
import type { Cluster } from './cluster.ts'
import { interruptible } from './interruption.ts'
import { addConnectionOptions, type ConnectionFlags, timeoutOption, wholeOption, withCluster } from './options.ts'
import { stageChange } from './plan-text.ts'
import { CommandFailure, type Terminal, UsageError } from './terminal.ts'

interface Flags extends ConnectionFlags {
  readonly timeout: number
  readonly wait?: boolean
  readonly within: number
  readonly abort?: boolean
  readonly now?: boolean
  readonly json?: boolean
  readonly datacenter?: string
}

/** A command that changes a host's place on the ring. */
export interface HostChange {
  /** The admin request. */
  readonly request: 'leave' | 'remove'
  readonly description: string
  readonly abort: string
  /** What it is when it is done. */
  readonly done: 'left' | 'removed'
  /** It is staged unless `--now` is given: what that says. */
  readonly now?: string
  /** A whole datacenter can be named in the place of a host: what that says. */
  readonly datacenter?: string
}

const lookMs = 500
const withinSecondsDefault = 3_600

/** With `--wait` exit status 1 where it did not come to its end. */
export function defineChange(command: Command, terminal: Terminal, change: HostChange): void {
  command.description(change.description)
  if (change.datacenter === undefined) command.argument('HOST', 'its name')
  else command.argument('[HOST]', 'its name').option('--datacenter <NAME>', change.datacenter)
  command.option('--abort', change.abort)
  if (change.now !== undefined) command.option('--now', change.now)
  command
    .option('--wait', 'stay until it is done, and say what it waits for')
    .addOption(
      wholeOption('--within <SECONDS>', 'with --wait: seconds that it may take', 1, 604_800).default(withinSecondsDefault)
    )
    .addOption(timeoutOption())
  addConnectionOptions(command).action((named: string | undefined, flags: Flags) => {
    const { datacenter } = flags
    if (datacenter !== undefined && (named !== undefined || flags.abort === true || flags.wait === true))
      throw new UsageError('--datacenter stands alone: it is done at once, and cannot be taken back')
    if (named === undefined && datacenter === undefined)
      throw new UsageError('whom? Give the name of a host, or --datacenter NAME')
    const host = named ?? ''
    return withCluster(terminal, flags, async cluster => {
      if (datacenter !== undefined) return removeDatacenter(terminal, flags, cluster, datacenter)
      if (change.now !== undefined && flags.now !== true) {
        if (flags.wait === true || flags.abort === true)
          throw new UsageError('--wait and --abort are for --now: without it carillon commit --wait, and carillon abort')
        return stageChange(terminal, flags, cluster, { change: 'leave', host })
      }
      const ask = (order: string) => told(cluster, change, host, order, flags.timeout)
      let shown = await ask(flags.abort === true ? 'give-up' : 'begin')
      if (flags.wait !== true || flags.abort === true) return print(terminal, flags, shown)
      const endMs = terminal.clock.now() + flags.within * 1_000
      let said = ''
      const isInterrupted = await interruptible(terminal, async signal => {
        while (isUnderWay(shown) && !signal.aborted && terminal.clock.now() < endMs) {
          const text = textOf(shown)
          if (flags.json !== true && text !== said) await terminal.output.write(`${text}\n`)
          said = text
          await new Promise<void>(resolve => void terminal.clock.after(lookMs, resolve))
          shown = await ask('tell')
        }
        return signal.aborted
      })
      await print(terminal, flags, shown)
      if (isInterrupted) throw new CommandFailure('interrupted: the hosts go on with it; --abort ends it')
      if (isUnderWay(shown)) throw new CommandFailure(`not done after ${flags.within} seconds: the hosts go on with it`)
      if (shown.stands !== change.done) throw new CommandFailure(`${host} stays: the hosts' logs say why`)
    })
  })
}

async function removeDatacenter(
  { output }: Terminal,
  { json, timeout }: Flags,
  cluster: Cluster,
  datacenter: string
): Promise<void> {
  const shown: DatacenterRemoved = shaped(
    await cluster.admin('remove-datacenter', { datacenter }, timeout),
    'removed',
    'remove-datacenter'
  )
  const { removed } = shown
  const text = `datacenter ${datacenter} was removed from the cluster, with ${removed.join(', ')}`
  await output.write(`${json === true ? JSON.stringify(shown) : text}\n`)
}

/** Nobody speaks for a host that has left: that it is no member any more says it. */
async function told(
  cluster: Cluster,
  { request, done }: HostChange,
  host: string,
  order: string,
  timeoutMs: number
): Promise<ChangeShown> {
  try {
    return shaped(await cluster.admin(request, { host, order }, timeoutMs), 'stands', request)
  } catch (error) {
    if (order !== 'tell' || request !== 'leave') throw error
    const { hosts } = await describeCluster(cluster, timeoutMs)
    const row = hosts.find(({ name }) => name === host)
    if (row === undefined) return { host, stands: done, waits_for: [] }
    return { host, stands: 'leaving', waits_for: [`an answer of ${host}, which is ${row.state}`] }
  }
}

function isUnderWay({ stands }: ChangeShown): boolean {
  return stands === 'leaving' || stands === 'drained' || stands === 'removing'
}

function print({ output }: Terminal, { json }: Flags, shown: ChangeShown): Promise<void> {
  return output.write(`${json === true ? JSON.stringify(shown) : textOf(shown)}\n`)
}

const sentences: Readonly<Record<string, string>> = Object.freeze({
  up: 'stays',
  joining: 'joins',
  leaving: 'leaves',
  drained: 'owns nothing any more, and hands over what it keeps for others',
  left: 'has left the cluster',
  removing: 'is being removed',
  removed: 'was removed from the cluster'
})

function textOf({ host, stands, waits_for }: ChangeShown): string {
  return `${host} ${sentences[stands] ?? stands}${waits_for.length === 0 ? '' : `; it waits: ${waits_for.join(', ')}`}`
}
