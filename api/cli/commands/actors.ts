import type { Command } from 'commander'
import { describeActors, type ActorDescription } from '../cluster-shapes.ts'
import { addConnectionOptions, timeoutOption, withCluster, type ConnectionFlags } from '../options.ts'
import { painted, printable, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly host?: string
  readonly all?: boolean
  readonly timeout: number
  readonly json?: boolean
}

/** Siblings of one kind beyond this many are counted rather than listed. */
const alikeMax = 3

export function define(command: Command, terminal: Terminal): void {
  command
    .option('--host <NAME>', 'of this host (default: the one that answers)')
    .option('-a, --all', 'list every actor')
    .addOption(timeoutOption())
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const { host, tree } = await describeActors(cluster, flags.host, flags.timeout)
      if (flags.json === true) await terminal.output.write(`${JSON.stringify({ host, tree })}\n`)
      else
        await terminal.output.write(
          `${[`${painted(terminal.output, 'bold', host)}  ${actorText(terminal, tree)}`, ...branches(terminal, tree, '', flags.all === true)].join('\n')}\n`
        )
    })
  )
}

function branches(terminal: Terminal, { children }: ActorDescription, indent: string, isWhole: boolean): string[] {
  const lines: string[] = []
  const shown = isWhole ? children.map(child => ({ child, alike: 0 })) : folded(children)
  for (const [at, { child, alike }] of shown.entries()) {
    const isLast = at === shown.length - 1
    const more = alike === 0 ? '' : painted(terminal.output, 'dim', `  and ${alike} more ${child.kind}`)
    lines.push(`${indent}${isLast ? '└─ ' : '├─ '}${actorText(terminal, child)}${more}`)
    lines.push(...branches(terminal, child, `${indent}${isLast ? '   ' : '│  '}`, isWhole))
  }
  return lines
}

/** Hundreds of vnodes that run quietly are one line; whatever restarted or does not run is always shown. */
function folded(children: readonly ActorDescription[]): { child: ActorDescription; alike: number }[] {
  const quiet = new Map<string, ActorDescription[]>()
  for (const child of children) {
    if (isQuiet(child)) quiet.set(child.kind, [...(quiet.get(child.kind) ?? []), child])
  }
  return children.flatMap(child => {
    const alike = isQuiet(child) ? quiet.get(child.kind)! : []
    if (alike.length <= alikeMax) return [{ child, alike: 0 }]
    return child === alike[0] ? [{ child, alike: alike.length - 1 }] : []
  })
}

function isQuiet({ state, restarts, children }: ActorDescription): boolean {
  return state === 'running' && restarts === 0 && children.length === 0
}

function actorText(
  { output }: Terminal,
  { name, kind, thread, state, restarts, mailbox, last_crash: crash, summary }: ActorDescription
): string {
  const parts = [painted(output, 'cyan', printable(name))]
  if (kind !== name) parts.push(painted(output, 'dim', printable(kind)))
  parts.push(painted(output, 'dim', `@${thread}`), painted(output, state === 'running' ? 'green' : 'yellow', state))
  parts.push(`mailbox ${mailbox.length}/${mailbox.limit}`, `handled ${mailbox.handled}`)
  if (mailbox.refused > 0) parts.push(painted(output, 'yellow', `refused ${mailbox.refused}`))
  if (restarts > 0) parts.push(painted(output, 'yellow', `restarts ${restarts}`))
  const hot = hotKeysOf(summary)
  if (hot.length > 0) parts.push(painted(output, 'yellow', `hot ${hot.join(', ')}`))
  if (typeof summary?.['why'] === 'string') parts.push(printable(summary['why']))
  if (typeof summary?.['pressure'] === 'number') parts.push(`pressure ${summary['pressure'].toFixed(2)}`)
  if (crash !== null)
    parts.push(painted(output, 'red', `crashed ${crash.at}: ${printable(crash.error).replaceAll('\n', ' ').slice(0, 160)}`))
  return parts.join('  ')
}

/** Of a coordinator: keys that are read so often that it shares reads of them, the hottest first. */
function hotKeysOf(summary: ActorDescription['summary']): string[] {
  const keys = summary?.hot_keys
  if (typeof keys !== 'object' || keys === null) return []
  return Object.entries(keys).map(([key, perSecond]) => `${printable(key)} ${Number(perSecond)}/s`)
}
