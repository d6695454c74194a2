import { open } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { limits } from '../../../model/limits.ts'
import {
  addConnectionOptions,
  addQuorumOptions,
  bucketOption,
  keyEncodingOption,
  keyOfArgument,
  receiptOption,
  requestOptionsOf,
  wholeOption,
  withCluster,
  type ConnectionFlags,
  type QuorumFlags
} from '../options.ts'
import { guessedType, shownKey } from '../pair-text.ts'
import { CommandFailure, UsageError, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags, QuorumFlags {
  readonly bucket: string
  readonly keyBase64?: boolean
  readonly file?: string
  readonly context?: string
  readonly contentType?: string
  readonly create?: boolean
  readonly ttl?: number
  readonly json?: boolean
}

const chunkBytes = 64 * 1024

export function define(command: Command, terminal: Terminal): void {
  command
    .argument('KEY', 'the key')
    .argument('[VALUE]', 'the value as it is; - reads it from standard input')
    .addOption(bucketOption())
    .addOption(keyEncodingOption())
    .option('-f, --file <FILE>', 'the value is the bytes of this file')
    .option(
      '--context <TOKEN>',
      'of the read that this write rests on: it replaces what that read saw; without it the value is concurrent with the present one'
    )
    .addOption(
      new Option(
        '--content-type <TYPE>',
        'media type of the value (default: application/json if it is JSON, text/plain if it is other text, else application/octet-stream)'
      )
    )
    .option('--create', 'only where the key has no value')
    .addOption(wholeOption('--ttl <SECONDS>', 'seconds to live (default: the bucket’s)', 1, 2 ** 31 - 1))
  addConnectionOptions(addQuorumOptions(command, 'write').addOption(receiptOption())).action(
    async (text: string, argument: string | undefined, flags: Flags) => {
      const key = keyOfArgument(text, flags.keyBase64 === true)
      if (flags.create === true && flags.context !== undefined) throw new UsageError('--create and --context: one of them')
      const value = await valueOf(terminal, argument, flags.file)
      const contentType = flags.contentType ?? guessedType(value)
      await withCluster(terminal, flags, async cluster => {
        const pair = { value, contentType, context: flags.context, create: flags.create === true, ttlSeconds: flags.ttl ?? 0 }
        const { context, strength, receipt } = await cluster.put(flags.bucket, key, pair, requestOptionsOf(flags))
        const reply = {
          message: 'key stored',
          ...shownKey(key),
          context,
          consistency: strength,
          ...(receipt === undefined ? {} : { receipt })
        }
        if (flags.json === true) await terminal.output.write(`${JSON.stringify(reply)}\n`)
        else if (receipt !== undefined) await terminal.errors.write(`receipt: ${JSON.stringify(receipt)}\n`)
      })
    }
  )
}

async function valueOf(terminal: Terminal, argument: string | undefined, file: string | undefined): Promise<Uint8Array> {
  if (file !== undefined) {
    if (argument !== undefined) throw new UsageError('VALUE and --file: one of them')
    const opened = await open(file)
    return bounded(opened.createReadStream({ highWaterMark: chunkBytes }), file)
  }
  if (argument === undefined) throw new UsageError('the value is missing: give VALUE, - for standard input, or --file FILE')
  return argument === '-' ? bounded(terminal.input, 'standard input') : Buffer.from(argument, 'utf8')
}

/** All bytes; refused as soon as they are more than any cluster takes. */
async function bounded(chunks: AsyncIterable<Uint8Array>, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > limits.pairBytesCeiling)
      throw new CommandFailure(
        `${what} has more than ${limits.pairBytesCeiling} bytes, the largest pair a cluster may be set to take`
      )
    parts.push(chunk)
  }
  return Buffer.concat(parts, size)
}
