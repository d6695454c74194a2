import { type Command, InvalidArgumentError } from 'commander'
import { wholeOption } from '../api/cli/options.ts'
import { CommandFailure, type Terminal } from '../api/cli/terminal.ts'
import { makeCertificates } from './certificates.ts'

interface Flags {
  readonly hosts: readonly string[]
  readonly san?: readonly string[]
  readonly days: number
}

const daysDefault = 365
const daysMax = 3_650
const namesMax = 64

/** `certificates DIR`: what a cluster needs to speak TLS, where there is no authority yet. */
export function define(command: Command, terminal: Terminal): void {
  command
    .argument('<DIR>', 'where they go; an authority that is there already is used again')
    .description(
      'Make a private authority (ca.pem, ca-key.pem) and for each host a certificate and its key (HOST.pem, HOST-key.pem), by openssl. Keep ca-key.pem away from the hosts.'
    )
    .requiredOption('--hosts <NAMES>', 'addresses of the hosts as others reach them, separated by commas', namesOf)
    .option('--san <NAMES>', 'further names and addresses that every certificate is for, separated by commas', namesOf)
    .addOption(wholeOption('--days <N>', 'days until they end', 1, daysMax).default(daysDefault))
    .action(async (directory: string, { hosts, san = [], days }: Flags) => {
      const made = await makeCertificates({ directory, hosts, names: san, days }).catch((error: Error) => {
        throw new CommandFailure(error.message)
      })
      await terminal.output.write(made.map(file => `${file}\n`).join(''))
    })
}

function namesOf(text: string): readonly string[] {
  const names = text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  const isGood = names.every(name => /^(?:\*\.)?[0-9A-Za-z](?:[0-9A-Za-z.:-]{0,251}[0-9A-Za-z])?$|^::1$/.test(name))
  if (!isGood || names.length === 0 || names.length > namesMax)
    throw new InvalidArgumentError(`Allowed are 1 to ${namesMax} host names or IP addresses, separated by commas.`)
  return [...new Set(names)]
}
