import type { Command } from 'commander'
import type { OwedKeysPage } from '../../admin-replication.ts'
import type { Cluster } from '../cluster.ts'
import { describeReplication, listOwed } from '../cluster-shapes.ts'
import { addConnectionOptions, timeoutOption, withCluster, type ConnectionFlags } from '../options.ts'
import { tableOf } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly timeout: number
  readonly keys?: string
  readonly json?: boolean
}

const keysPerPage = 1_000

/** What each datacenter still has to give to the others; with `--keys DC` each write that DC lacks, one a line. */
export function define(command: Command, terminal: Terminal): void {
  command
    .option('--keys <DC>', 'list every key of which this datacenter lacks the latest write, and the host that is to give it')
    .addOption(timeoutOption())
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, cluster =>
      flags.keys === undefined ? show(terminal, flags, cluster) : list(terminal, flags, flags.keys, cluster)
    )
  )
}

async function show({ output }: Terminal, flags: Flags, cluster: Cluster): Promise<void> {
  const shown = await describeReplication(cluster, flags.timeout)
  if (flags.json === true) return output.write(`${JSON.stringify(shown)}\n`)
  if (shown.pairs.length === 0) return output.write('There is one datacenter: nothing is replicated to another.\n')
  const rows = shown.pairs.map(({ from, to, keys, oldest_seconds: oldest }) => [
    from,
    to,
    keys,
    oldest === null ? '–' : `${oldest} s`
  ])
  await output.write(await tableOf(output, ['FROM', 'TO', 'KEYS MISSING', 'OLDEST'], rows))
  const away = shown.hosts.filter(({ reached }) => !reached).map(({ host }) => host)
  if (away.length > 0) await output.write(`What these owe is not known, as they do not answer: ${away.join(', ')}\n`)
}

/** One a line, as it comes. */
async function list({ output }: Terminal, flags: Flags, to: string, cluster: Cluster): Promise<void> {
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: OwedKeysPage = await listOwed(cluster, { to, cursor, limit: keysPerPage }, flags.timeout)
    for (const owed of page.keys) {
      const key = JSON.stringify(Buffer.from(owed.key_base64, 'base64').toString())
      await output.write(
        flags.json === true ? `${JSON.stringify(owed)}\n` : `${owed.bucket}/${key} from ${owed.host}, ${owed.seconds} s\n`
      )
    }
    cursor = page.cursor
  }
}
