import type { Command } from 'commander'
import { limits } from '../../../model/limits.ts'
import { PairExport } from '../export-pairs.ts'
import { interruptible } from '../interruption.ts'
import { gapSentence } from '../key-pages.ts'
import {
  addConnectionOptions,
  addQuorumOptions,
  bucketOption,
  requestOptionsOf,
  wholeOption,
  withCluster,
  type ConnectionFlags,
  type QuorumFlags
} from '../options.ts'
import { startProgress } from '../progress.ts'
import { CommandFailure, printable, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags, QuorumFlags {
  readonly bucket: string
  readonly prefix?: string
  readonly siblings?: boolean
  readonly strict?: boolean
  readonly inFlight: number
  readonly json?: boolean
}

const inFlightDefault = 64

/** NDJSON on standard output; counts on standard error, as JSON with `--json`. */
export function define(command: Command, terminal: Terminal): void {
  command
    .addOption(bucketOption())
    .option('-p, --prefix <TEXT>', 'only keys that begin with it')
    .option('--siblings', 'every version of a key that has several, under "siblings", newest first')
    .option('--strict', 'fail where a partition does not answer, rather than leave its keys out')
    .addOption(wholeOption('--in-flight <N>', 'reads side by side', 1, 1024).default(inFlightDefault))
  addConnectionOptions(addQuorumOptions(command, 'read')).action((flags: Flags) =>
    withCluster(terminal, flags, cluster =>
      interruptible(terminal, async signal => {
        const options = {
          bucket: flags.bucket,
          prefix: flags.prefix ?? '',
          withSiblings: flags.siblings === true,
          isStrict: flags.strict === true,
          inFlightMax: flags.inFlight,
          pageMax: limits.listPageMax,
          request: requestOptionsOf(flags)
        }
        const work = new PairExport(
          cluster,
          options,
          line => terminal.output.write(line),
          (key, why) => progress.say(`not exported: ${printable(key)}: ${why}`)
        )
        const { counts } = work
        const progress = await startProgress(terminal, 'export', 0, () => ({
          doneUnits: counts.exported,
          text: `${counts.exported} exported`
        }))
        try {
          await work.run(signal)
        } finally {
          await progress.end()
          await sayCounts(terminal, flags, work, signal.aborted)
        }
        if (counts.failed > 0) throw new CommandFailure(`${counts.failed} keys could not be read`)
        if (signal.aborted) throw new CommandFailure('interrupted: the export is incomplete')
      })
    )
  )
}

async function sayCounts(
  terminal: Terminal,
  flags: Flags,
  { counts, coverage }: PairExport,
  isInterrupted: boolean
): Promise<void> {
  if (flags.json === true) {
    const { exported, failed, withSiblings } = counts
    await terminal.errors.write(
      `${JSON.stringify({ exported, failed, with_siblings: withSiblings, coverage, interrupted: isInterrupted })}\n`
    )
    return
  }
  const gap = gapSentence(coverage)
  const siblings =
    counts.withSiblings === 0
      ? ''
      : `; ${counts.withSiblings} had siblings, ${flags.siblings === true ? 'all versions are there' : 'the newest was exported (--siblings gives all)'}`
  await terminal.errors.write(
    `${counts.exported} exported, ${counts.failed} failed${siblings}\n${gap === undefined ? '' : `${gap}\n`}`
  )
}
