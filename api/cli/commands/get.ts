import type { Command } from 'commander'
import { valueMembers } from '../../json-value.ts'
import type { Found } from '../cluster.ts'
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
import { keyText, shownKey } from '../pair-text.ts'
import { CommandFailure, painted, printable, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags, QuorumFlags {
  readonly bucket: string
  readonly keyBase64?: boolean
  readonly all?: boolean
  readonly json?: boolean
}

/** The value's bytes go to standard output as they are; what is to be said about them, to standard error. */
export function define(command: Command, terminal: Terminal): void {
  command
    .argument('KEY', 'the key')
    .addOption(bucketOption())
    .addOption(keyEncodingOption())
    .option('-a, --all', 'print every concurrent version, newest first, each on a line')
  addConnectionOptions(addQuorumOptions(command, 'read').addOption(receiptOption())).action((text: string, flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const key = keyOfArgument(text, flags.keyBase64 === true)
      const found = await cluster.get(flags.bucket, key, requestOptionsOf(flags))
      if (found === undefined) {
        if (flags.json === true)
          await terminal.output.write(`${JSON.stringify({ message: 'not found', ...shownKey(key), value: null })}\n`)
        throw new CommandFailure(`key ${printable(keyText(key))} is not found in bucket ${flags.bucket}`)
      }
      await (flags.json === true ? terminal.output.write(jsonOf(key, found)) : print(terminal, found, flags))
    })
  )
}

function jsonOf(key: Uint8Array, { versions, context, strength, receipt }: Found): string {
  const members = versions.map(version => valueMembers(version.value, version.contentType))
  const siblings = versions.length > 1 ? `,"siblings":[${members.map(each => `{${each}}`).join(',')}]` : ''
  const shown = JSON.stringify(shownKey(key)).slice(1, -1)
  const who = receipt === undefined ? '' : `,"receipt":${JSON.stringify(receipt)}`
  return `{"message":"found",${shown},${members[0]}${siblings},"context":${JSON.stringify(context)},"consistency":${JSON.stringify(strength)}${who}}\n`
}

async function print(terminal: Terminal, { versions, context, receipt }: Found, flags: Flags): Promise<void> {
  const shown = flags.all === true ? versions : versions.slice(0, 1)
  for (const { value } of shown) {
    await terminal.output.write(value)
    // Bytes for a program stay as they are; people and lists need the end of the line.
    if (terminal.output.columns > 0 || flags.all === true) await terminal.output.write('\n')
  }
  if (versions.length > 1) {
    const note = `${versions.length} concurrent versions${flags.all === true ? '' : ', this is the newest; --all or --json shows them'}; to settle on one value: put it with --context ${context}`
    await terminal.errors.write(`${painted(terminal.errors, 'yellow', 'siblings:')} ${note}\n`)
  }
  if (receipt !== undefined) await terminal.errors.write(`receipt: ${JSON.stringify(receipt)}\n`)
}
