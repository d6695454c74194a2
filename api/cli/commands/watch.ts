import type { Command } from 'commander'
import { interruptible } from '../interruption.ts'
import { addConnectionOptions, bucketOption, wholeOption, withCluster, type ConnectionFlags } from '../options.ts'
import { keyText, shownKey, textOfBytes } from '../pair-text.ts'
import { painted, printable, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly bucket: string
  readonly prefix?: string
  readonly limit?: number
  readonly json?: boolean
}

/** Accepted writes as they happen; what happens while the connection is away is missed. */
export function define(command: Command, terminal: Terminal): void {
  command
    .addOption(bucketOption())
    .option('-p, --prefix <TEXT>', 'only keys that begin with it')
    .addOption(wholeOption('-n, --limit <N>', 'end after so many events (default: never)', 1, Number.MAX_SAFE_INTEGER))
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, cluster =>
      interruptible(terminal, async signal => {
        let left = flags.limit ?? Number.POSITIVE_INFINITY
        const onReady = (): void =>
          void terminal.errors.write(painted(terminal.errors, 'dim', `watching bucket ${flags.bucket}; Ctrl-C ends\n`))
        for await (const { key, fields } of cluster.watch(flags.bucket, signal, onReady)) {
          if (!textOfBytes(key).startsWith(flags.prefix ?? '')) continue
          const line =
            flags.json === true
              ? JSON.stringify({ bucket: flags.bucket, ...shownKey(key), ...fields })
              : `${printable(keyText(key))} ${JSON.stringify(fields)}`
          await terminal.output.write(`${line}\n`)
          left -= 1
          if (left <= 0) break
        }
      })
    )
  )
}
