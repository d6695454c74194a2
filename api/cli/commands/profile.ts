import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import { limits } from '../../../model/limits.ts'
import { profileDefaults } from '../../admin-profile.ts'
import type { Cluster } from '../cluster.ts'
import { type ProfileShown, shaped } from '../cluster-shapes.ts'
import { addConnectionOptions, timeoutOption, wholeOption, withCluster, type ConnectionFlags } from '../options.ts'
import { tableOf } from '../table.ts'
import { CommandFailure, painted, printable, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly host?: string
  readonly thread: string
  readonly seconds: number
  readonly out?: string
  readonly top: number
  readonly timeout: number
  readonly json?: boolean
}

/** Once the profile's seconds have passed; the thread has to sum it up. */
const lookMs = 200
const looksMax = 150

/** Takes a CPU profile of one thread and shows it; with `--out` its file, too. The host goes on with it where this is interrupted. */
export function define(command: Command, terminal: Terminal): void {
  command
    .description('Show where a thread of a host spends its time: a CPU profile, summed up by function.')
    .option('--host <NAME>', 'of this host (default: the one that answers)')
    .option('--thread <NAME>', 'main, system, api, data-0 …', profileDefaults.thread)
    .addOption(
      wholeOption('--seconds <S>', 'seconds of the profile', 1, limits.profileSecondsMax).default(profileDefaults.seconds)
    )
    .option('--out <FILE>', 'write it to this file: Chrome DevTools opens a .cpuprofile')
    .addOption(wholeOption('--top <N>', 'functions that are listed', 1, limits.profileRowsMax).default(profileDefaults.rows))
    .addOption(timeoutOption())
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const profile = await taken(terminal, cluster, flags)
      if (profile.table === null) throw new CommandFailure(`the profile failed: ${printable(profile.error)}`)
      const written = flags.out === undefined ? undefined : await writeFile(cluster, profile, flags.out, flags.timeout)
      if (flags.json === true) {
        const { host, id, thread, seconds, table } = profile
        await terminal.output.write(`${JSON.stringify({ host, id, thread, seconds, file: flags.out ?? null, ...table })}\n`)
        return
      }
      await terminal.output.write(await textOf(terminal, profile))
      if (written !== undefined)
        await terminal.errors.write(`${written} bytes in ${flags.out}: open it in Chrome DevTools, Performance, Load profile\n`)
    })
  )
}

async function taken(terminal: Terminal, cluster: Cluster, flags: Flags): Promise<ProfileShown> {
  const { host: named, thread, seconds, top, timeout } = flags
  const order = { thread, seconds, ...(named === undefined ? {} : { host: named }) }
  const { host, id } = shaped<ProfileShown>(await cluster.admin('profile-begin', order, timeout), 'id', 'profile-begin')
  await terminal.errors.write(`${printable(thread)} of ${host} for ${seconds} s …\n`)
  await pause(terminal, seconds * 1_000)
  for (let look = 0; look < looksMax; look++) {
    const profile = shaped<ProfileShown>(await cluster.admin('profile', { host, top }, timeout), 'state', 'profile')
    if (profile.id !== id) throw new CommandFailure(`another profile was begun on ${host} before this one was read`)
    if (profile.state !== 'running') return profile
    await pause(terminal, Math.max(lookMs, profile.left_ms))
  }
  throw new CommandFailure(`${host} did not end the profile: see its log`)
}

/** @returns its bytes */
async function writeFile(cluster: Cluster, { host, id }: ProfileShown, path: string, timeoutMs: number): Promise<number> {
  const file = await open(path, 'w')
  try {
    for (let offset = 0; ; ) {
      const reply = await cluster.admin('profile-piece', { host, id, offset }, timeoutMs)
      const { size, bytes_base64: text } = shaped<{ size: number; bytes_base64: string }>(reply, 'bytes_base64', 'profile-piece')
      const bytes = Buffer.from(text, 'base64')
      if (bytes.length === 0 && offset < size) throw new CommandFailure(`the profile ends at ${offset} of ${size} bytes`)
      await file.write(bytes)
      offset += bytes.length
      if (offset >= size) return size
    }
  } finally {
    await file.close()
  }
}

async function textOf({ output }: Terminal, { host, thread, table }: ProfileShown): Promise<string> {
  const { duration_ms, samples, idle_share, busy_ms, garbage_share, native_share, functions_seen, functions } = table!
  const code = 1 - garbage_share - native_share
  const lines = [
    `${painted(output, 'bold', `${thread} of ${host}`)}: ${(duration_ms / 1_000).toFixed(1)} s, ${samples} samples, ${percent(idle_share)} % idle`,
    `busy ${busy_ms.toFixed(0)} ms: ${percent(busy_ms > 0 ? code : 0)} % JavaScript, ${percent(native_share)} % native code, ${percent(garbage_share)} % garbage collection`,
    `${functions.length} of ${functions_seen} functions, by their own time, in ms and in % of the busy time`
  ]
  const figures = [
    functions.map(row => row.self_ms.toFixed(1)),
    functions.map(row => percent(row.self_share)),
    functions.map(row => row.total_ms.toFixed(1)),
    functions.map(row => percent(row.total_share))
  ].map(aligned)
  const rows = functions.map((row, at) => [...figures.map(column => column[at]!), row.function, row.place])
  return `${lines.join('\n')}\n\n${await tableOf(output, ['self', '%', 'total', '%', 'function', 'place'], rows)}`
}

function percent(share: number): string {
  return (share * 100).toFixed(1)
}

/** Points under points. */
function aligned(column: readonly string[]): readonly string[] {
  const width = Math.max(0, ...column.map(cell => cell.length))
  return column.map(cell => cell.padStart(width))
}

function pause({ clock }: Terminal, ms: number): Promise<void> {
  return new Promise(resolve => void clock.after(ms, resolve))
}
