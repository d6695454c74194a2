import type { Command } from 'commander'
import { limits } from '../../../model/limits.ts'
import { interruptible, until } from '../interruption.ts'
import { gapSentence, keyPages, pageTimeoutMsDefault } from '../key-pages.ts'
import { addConnectionOptions, bucketOption, timeoutOption, wholeOption, withCluster, type ConnectionFlags } from '../options.ts'
import { keyText, shownKey } from '../pair-text.ts'
import { painted, printable, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly bucket: string
  readonly prefix?: string
  readonly limit?: number
  readonly cursor?: string
  readonly strict?: boolean
  readonly timeout: number
  readonly json?: boolean
}

export function define(command: Command, terminal: Terminal): void {
  command
    .addOption(bucketOption())
    .option('-p, --prefix <TEXT>', 'only keys that begin with it')
    .addOption(wholeOption('-n, --limit <N>', 'at most so many keys (default: all)', 1, Number.MAX_SAFE_INTEGER))
    .option('--cursor <CURSOR>', 'go on where a listing with --limit --json ended')
    .option('--strict', 'fail where a partition does not answer, rather than leave its keys out')
    .addOption(timeoutOption().default(pageTimeoutMsDefault))
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, cluster =>
      interruptible(terminal, async signal => {
        let left = flags.limit ?? Number.POSITIVE_INFINITY
        let coverage = 1
        let cursor: string | undefined
        const shown: unknown[] = []
        const listing = {
          bucket: flags.bucket,
          prefix: flags.prefix ?? '',
          cursor: flags.cursor,
          pageMax: Math.min(left, limits.listPageMax),
          isStrict: flags.strict === true,
          timeoutMs: flags.timeout
        }
        for await (const page of until(signal, keyPages(cluster, listing))) {
          const keys = page.keys.slice(0, left)
          left -= keys.length
          ;({ coverage, cursor } = page)
          if (flags.json === true) shown.push(...keys.map(key => shownText(key) ?? shownKey(key)))
          else if (keys.length > 0)
            await terminal.output.write(
              `${keys.map(key => (terminal.output.columns > 0 ? printable(keyText(key)) : keyText(key))).join('\n')}\n`
            )
          if (left <= 0) break
        }
        if (flags.json === true)
          await terminal.output.write(
            `${JSON.stringify({ keys: shown, ...(cursor === undefined ? {} : { cursor }), coverage })}\n`
          )
        const gap = gapSentence(coverage)
        if (gap !== undefined) await terminal.errors.write(`${painted(terminal.errors, 'yellow', gap)}\n`)
      })
    )
  )
}

function shownText(key: Uint8Array): string | undefined {
  const shown = shownKey(key)
  return 'key' in shown ? shown.key : undefined
}
