import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import { PairImport, type ImportMode, type Refusal } from '../import-pairs.ts'
import { interruptible } from '../interruption.ts'
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
import { CommandFailure, printable, UsageError, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags, QuorumFlags {
  readonly bucket: string
  readonly blind?: boolean
  readonly create?: boolean
  readonly inFlight: number
  readonly ttl?: number
  readonly json?: boolean
}

interface Source {
  readonly chunks: AsyncIterable<Uint8Array>
  /** 0 where it is not known. */
  readonly bytes: number
}

const inFlightDefault = 64
const chunkBytes = 256 * 1024
const keyCharactersShown = 200

/** Counts go to standard output, refusals and progress to standard error. */
export function define(command: Command, terminal: Terminal): void {
  command
    .argument('FILE', 'NDJSON, one {"key": "…", "value": …} a line; - for standard input')
    .addOption(bucketOption())
    .option('--blind', 'write without reading first: quicker, but a key that has a value gets a sibling')
    .option('--create', 'refuse keys that have a value')
    .addOption(wholeOption('--in-flight <N>', 'pairs side by side', 1, 1024).default(inFlightDefault))
    .addOption(wholeOption('--ttl <SECONDS>', 'seconds to live (default: the bucket’s)', 1, 2 ** 31 - 1))
  addConnectionOptions(addQuorumOptions(command, 'write')).action(async (file: string, flags: Flags) => {
    if (flags.blind === true && flags.create === true) throw new UsageError('--blind and --create: one of them')
    const source = await sourceOf(terminal, file)
    await withCluster(terminal, flags, cluster =>
      interruptible(terminal, async signal => {
        const mode: ImportMode = flags.blind === true ? 'blind' : flags.create === true ? 'create' : 'replace'
        const options = {
          bucket: flags.bucket,
          mode,
          inFlightMax: flags.inFlight,
          ttlSeconds: flags.ttl ?? 0,
          request: requestOptionsOf(flags)
        }
        const work = new PairImport(cluster, options, terminal.clock, refusal =>
          progress.say(refusalLine(refusal, flags.json === true))
        )
        const { counts } = work
        const progress = await startProgress(terminal, 'import', source.bytes, () => ({
          doneUnits: counts.bytesRead,
          text: `${counts.stored} stored, ${counts.refused} refused`
        }))
        try {
          await work.run(source.chunks, signal)
        } finally {
          await progress.end()
          const { stored, refused } = counts
          const text =
            flags.json === true
              ? JSON.stringify({ stored, refused, interrupted: signal.aborted })
              : `${stored} stored, ${refused} refused`
          await terminal.output.write(`${text}\n`)
        }
        if (signal.aborted)
          throw new CommandFailure(`interrupted after line ${counts.lines}: what was under way has ended, the rest was not read`)
        if (counts.refused > 0)
          throw new CommandFailure(`${counts.refused} of ${counts.stored + counts.refused} pairs were refused`)
      })
    )
  })
}

async function sourceOf(terminal: Terminal, file: string): Promise<Source> {
  if (file === '-') return { chunks: terminal.input, bytes: 0 }
  const opened = await open(file)
  const { size } = await opened.stat()
  return { chunks: opened.createReadStream({ highWaterMark: chunkBytes }), bytes: size }
}

function refusalLine({ line, key, why, code, isIndeterminate }: Refusal, isJson: boolean): string {
  if (isJson)
    return JSON.stringify({
      line,
      ...(key === undefined ? {} : { key }),
      code,
      why,
      ...(isIndeterminate ? { outcome: 'indeterminate' } : {})
    })
  const name = key === undefined ? '' : ` key ${printable(key.slice(0, keyCharactersShown))}:`
  return `refused: line ${line}:${name} ${printable(why)}`
}
