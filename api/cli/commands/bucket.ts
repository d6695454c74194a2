import { InvalidArgumentError, type Command } from 'commander'
import { bucketFault } from '../../../model/key.ts'
import { addConnectionOptions, timeoutOption, withCluster, type ConnectionFlags } from '../options.ts'
import { tableOf } from '../table.ts'
import { UsageError, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly timeout: number
  readonly json?: boolean
}

/** `bucket get NAME` and `bucket set NAME PROPERTY=VALUE…`. */
export function define(command: Command, terminal: Terminal): void {
  command.description('Properties of a bucket: n, r, w, preset, resolver, ttl, durability, rate, compression.')
  const get = command
    .command('get')
    .summary('print a bucket’s properties')
    .description('Print a bucket’s properties, the cluster’s own where it was given none.')
  addConnectionOptions(get.argument('NAME', 'the bucket', bucketName).addOption(timeoutOption())).action(
    (bucket: string, flags: Flags) =>
      withCluster(terminal, flags, async cluster =>
        print(terminal, flags, await cluster.admin('bucket-get', { bucket }, flags.timeout))
      )
  )
  const set = command
    .command('set')
    .summary('set some of a bucket’s properties')
    .description('Set some properties; the others stay. They reach every host within moments.')
    .argument('NAME', 'the bucket', bucketName)
    .argument(
      'PROPERTY=VALUE...',
      'n, r, w (0: a quorum), preset (read-fast, write-fast, balanced), resolver (siblings, last-write-wins), ttl (seconds), durability (flushed, committed), rate (requests a second at each host, 0: no limit), compression (none, deflate)'
    )
  addConnectionOptions(set.addOption(timeoutOption())).action((bucket: string, words: string[], flags: Flags) => {
    const properties = propertiesOf(words)
    return withCluster(terminal, flags, async cluster =>
      print(terminal, flags, await cluster.admin('bucket-set', { bucket, properties }, flags.timeout))
    )
  })
}

function bucketName(text: string): string {
  const wrong = bucketFault(text)
  if (wrong !== undefined) throw new InvalidArgumentError(wrong.detail)
  return text
}

/** Whole numbers as numbers, the rest as text; the cluster says what is allowed. */
function propertiesOf(words: readonly string[]): Record<string, string | number> {
  const properties = new Map<string, string | number>()
  for (const word of words) {
    const [, name, text] = /^([A-Za-z]+)=(.*)$/s.exec(word) ?? []
    if (name === undefined || text === undefined)
      throw new UsageError(`${JSON.stringify(word.slice(0, 80))} is no PROPERTY=VALUE, such as n=3`)
    if (properties.has(name)) throw new UsageError(`property ${name} is given twice`)
    properties.set(name, /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text)
  }
  return Object.fromEntries(properties)
}

async function print(terminal: Terminal, flags: Flags, reply: unknown): Promise<void> {
  if (flags.json === true || typeof reply !== 'object' || reply === null) {
    await terminal.output.write(`${JSON.stringify(reply)}\n`)
    return
  }
  const rows = Object.entries(reply).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
  await terminal.output.write(await tableOf(terminal.output, ['PROPERTY', 'VALUE'], rows))
}
