import type { Command } from 'commander'
import {
  addConnectionOptions,
  addQuorumOptions,
  bucketOption,
  keyEncodingOption,
  keyOfArgument,
  receiptOption,
  requestOptionsOf,
  withCluster,
  type ConnectionFlags,
  type QuorumFlags
} from '../options.ts'
import { shownKey } from '../pair-text.ts'
import type { Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags, QuorumFlags {
  readonly bucket: string
  readonly keyBase64?: boolean
  readonly context?: string
  readonly json?: boolean
}

/** A key that is not there is deleted too: exit status 0. */
export function define(command: Command, terminal: Terminal): void {
  command
    .argument('KEY', 'the key')
    .addOption(bucketOption())
    .addOption(keyEncodingOption())
    .option('--context <TOKEN>', 'delete what the read with this context saw (default: what a quorum knows now)')
  addConnectionOptions(addQuorumOptions(command, 'write').addOption(receiptOption())).action((text: string, flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const key = keyOfArgument(text, flags.keyBase64 === true)
      const { context, strength, receipt } = await cluster.delete(flags.bucket, key, flags.context, requestOptionsOf(flags))
      const reply = {
        message: 'key deleted',
        ...shownKey(key),
        context,
        consistency: strength,
        ...(receipt === undefined ? {} : { receipt })
      }
      if (flags.json === true) await terminal.output.write(`${JSON.stringify(reply)}\n`)
      else if (receipt !== undefined) await terminal.errors.write(`receipt: ${JSON.stringify(receipt)}\n`)
    })
  )
}
