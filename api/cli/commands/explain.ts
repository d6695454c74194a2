import type { Command } from 'commander'
import { shaped, type Explanation } from '../cluster-shapes.ts'
import {
  addConnectionOptions,
  bucketOption,
  keyEncodingOption,
  keyOfArgument,
  timeoutOption,
  withCluster,
  type ConnectionFlags
} from '../options.ts'
import { keyText, shownKey } from '../pair-text.ts'
import { tableOf } from '../table.ts'
import { painted, printable, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly bucket: string
  readonly keyBase64?: boolean
  readonly timeout: number
  readonly json?: boolean
}

const headings = ['HOST', 'ROLE', 'STATE', 'FOUND', 'DOTS', 'SIBLINGS', 'TOMBSTONE', 'DIGEST', 'BYTES']

export function define(command: Command, terminal: Terminal): void {
  command.argument('KEY', 'the key').addOption(bucketOption()).addOption(keyEncodingOption()).addOption(timeoutOption())
  addConnectionOptions(command).action((text: string, flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const key = keyOfArgument(text, flags.keyBase64 === true)
      const reply = await cluster.admin('explain', { bucket: flags.bucket, ...shownKey(key) }, flags.timeout)
      if (flags.json === true) await terminal.output.write(`${JSON.stringify(reply)}\n`)
      else await terminal.output.write(await screen(terminal, flags.bucket, key, shaped(reply, 'preference', 'explain')))
    })
  )
}

async function screen(
  { output }: Terminal,
  bucket: string,
  key: Uint8Array,
  { partition, preference, hints, agree }: Explanation
): Promise<string> {
  const rows = preference.map(({ host, role, state, reached, found, dots, siblings, tombstone, digest, bytes }) => {
    const dotsText = dots.map(([vnode, counter]) => `${vnode}:${counter}`).join(' ')
    return [
      host,
      role,
      state,
      reached ? (found ? 'yes' : 'no') : 'no answer',
      dotsText,
      siblings,
      tombstone ? 'yes' : '',
      digest,
      bytes
    ]
  })
  const verdict = agree
    ? painted(output, 'green', 'the replicas that answered agree')
    : painted(output, 'yellow', 'the replicas differ; a read repairs them')
  const pending = hints
    .map(hint => `hint for ${hint.target} kept by ${hint.keeper} for ${Math.round(hint.age_ms / 1000)} s\n`)
    .join('')
  return `key ${printable(keyText(key))} of bucket ${bucket}, partition ${partition}: ${verdict}\n\n${await tableOf(output, headings, rows)}${pending}`
}
