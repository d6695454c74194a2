import { type Command, InvalidArgumentError } from 'commander'
import { bucketFault } from '../../../model/key.ts'
import { BackupDirectory } from '../../backup/backup-directory.ts'
import { type BackupFigures, type BackupOptions, BackupRun } from '../../backup/backup-run.ts'
import { CutRequests } from '../../backup/cut-requests.ts'
import type { Manifest } from '../../backup/manifest.ts'
import { Interrupted } from '../../backup/part-backup.ts'
import { type Damage, VerifyRun } from '../../backup/verify-run.ts'
import { interruptible } from '../interruption.ts'
import { addConnectionOptions, wholeOption, withCluster, type ConnectionFlags } from '../options.ts'
import { startProgress } from '../progress.ts'
import { tableOf } from '../table.ts'
import { CommandFailure, printable, type Terminal } from '../terminal.ts'

interface CreateFlags extends ConnectionFlags {
  readonly incremental?: boolean
  readonly resume?: boolean
  readonly partial?: boolean
  readonly bucket?: string
  readonly inFlight: number
  readonly rate: number
  readonly patience: number
  readonly json?: boolean
}

interface ReadFlags {
  readonly cut?: string
  readonly json?: boolean
}

export const inFlightDefault = 4
export const rateDefault = 32
const megabyte = 1024 * 1024

/** `backup DIR`, which is `backup create DIR`; `backup verify DIR`, `backup list DIR`: these read the directory alone. */
export function define(command: Command, terminal: Terminal): void {
  command.description(
    'Write what the cluster holds to a directory, verify what lies there, list it. create is what is meant where nothing is said.'
  )
  defineCreate(command, terminal)
  const verify = command
    .command('verify')
    .summary('check every file of a backup')
    .description(
      'Read all that a restore would read: each file against its name, each record against its checksum, each Merkle root against its records. Names what is damaged, with exit status 1.'
    )
    .argument('DIR', 'the backup')
  addReadOptions(verify).action((path: string, flags: ReadFlags) => verifyCuts(terminal, new BackupDirectory(path), flags))
  const list = command
    .command('list')
    .summary('list the cuts of a backup')
    .description('List the cuts, the oldest first.')
    .argument('DIR', 'the backup')
    .option('--json', 'print JSON')
  list.action((path: string, flags: ReadFlags) => listCuts(terminal, new BackupDirectory(path), flags))
}

function addReadOptions(command: Command): Command {
  return command.option('--cut <ID>', 'this one only; default all').option('--json', 'print JSON')
}

/** `--in-flight` and `--rate`, as restore has them. */
export function addPaceOptions(command: Command): Command {
  return command
    .addOption(wholeOption('--in-flight <N>', 'partitions side by side', 1, 64).default(inFlightDefault))
    .addOption(
      wholeOption('--rate <MB>', 'megabytes a second at most; less where the hosts have much to do', 1, 1024).default(rateDefault)
    )
}

export function bucketNamed(text: string): string {
  const wrong = bucketFault(text)
  if (wrong !== undefined) throw new InvalidArgumentError(wrong.detail)
  return text
}

function defineCreate(command: Command, terminal: Terminal): void {
  const create = command
    .command('create', { isDefault: true })
    .summary('make a cut of the cluster')
    .description(
      'Write a cut of the cluster: all that was acknowledged before it began, and perhaps some of what came after. It is there once it is whole.'
    )
    .argument('DIR', 'where backups are kept; made where there is none')
    .option('-i, --incremental', 'add to the latest cut: only what has changed is read and written')
    .option('--resume', 'go on with the backup that was interrupted')
    .option('-b, --bucket <NAME>', 'only this bucket', bucketNamed)
    .option('--partial', 'go on without hosts that may have the only copy of a write, and say so')
    .addOption(
      wholeOption('--patience <SECONDS>', 'how long a partition that cannot be read is tried again', 0, 86_400).default(60)
    )
  addConnectionOptions(addPaceOptions(create)).action((path: string, flags: CreateFlags) =>
    withCluster(terminal, flags, cluster =>
      interruptible(terminal, async signal => {
        const options: BackupOptions = {
          isIncremental: flags.incremental === true,
          isResumed: flags.resume === true,
          isPartial: flags.partial === true,
          bucket: flags.bucket,
          inFlightMax: flags.inFlight,
          bytesPerSecond: flags.rate * megabyte,
          patienceMs: flags.patience * 1_000
        }
        const directory = new BackupDirectory(path)
        const work = new BackupRun(new CutRequests(cluster), directory, terminal.clock, options, line => progress.say(line))
        const { figures } = work
        const progress = await startProgress(terminal, 'backup', 100, () => ({
          doneUnits: figures.partitions === 0 ? 0 : (100 * figures.done) / figures.partitions,
          text: figuresText(figures)
        }))
        try {
          await printCut(terminal, flags, await work.run(signal), figures)
        } catch (error) {
          if (!(error instanceof Interrupted)) throw error
          throw new CommandFailure(
            `interrupted after ${figures.done} of ${figures.partitions} partitions: --resume goes on with it`
          )
        } finally {
          await progress.end()
        }
      })
    )
  )
}

function figuresText({ done, partitions, unchanged, read, readBytes }: BackupFigures): string {
  const same = unchanged === 0 ? '' : `, ${unchanged} unchanged`
  return `${done} of ${partitions} partitions${same}, ${read} records read, ${sizeText(readBytes)}`
}

async function printCut(terminal: Terminal, flags: CreateFlags, cut: Manifest, figures: BackupFigures): Promise<void> {
  const shown = shownOf(cut)
  const { unchanged, read, readBytes } = figures
  if (flags.json === true) {
    const text = JSON.stringify({ ...shown, unchanged_partitions: unchanged, records_read: read, bytes_read: readBytes })
    return terminal.output.write(`${text}\n`)
  }
  const lines = [
    `cut ${cut.id}: ${shown.records} records, ${sizeText(shown.bytes)}; ${read} read (${sizeText(readBytes)}), ${unchanged} of ${cut.partitions} partitions as in the cut before`
  ]
  if (shown.unread.length > 0)
    lines.push(
      shown.is_partial
        ? `PARTIAL: ${shown.unread.join(', ')} could not be read; writes of which only they have a copy are missing`
        : `without ${shown.unread.join(', ')}: the other replicas have all that a quorum acknowledged`
    )
  return terminal.output.write(`${lines.join('\n')}\n`)
}

/** A cut as JSON shows it. */
export function shownOf(cut: Manifest) {
  const sum = (of: (part: Manifest['parts'][number]) => number) => cut.parts.reduce((total, part) => total + of(part), 0)
  return {
    id: cut.id,
    parent: cut.parent,
    cluster: cut.cluster,
    cluster_id: cut.cluster_id,
    bucket: cut.bucket,
    began: cut.began,
    ended: cut.ended,
    partitions: cut.partitions,
    records: sum(part => part.records),
    tombstones: sum(part => part.tombstones),
    bytes: sum(part => part.bytes),
    proven_partitions: sum(part => (part.isProven ? 1 : 0)),
    unread: [...new Set(cut.parts.flatMap(part => part.unread))].sort(),
    is_partial: cut.isPartial
  }
}

async function verifyCuts(terminal: Terminal, directory: BackupDirectory, flags: ReadFlags): Promise<void> {
  await interruptible(terminal, async signal => {
    const ids = flags.cut === undefined ? await directory.cuts() : [flags.cut]
    if (ids.length === 0) throw new CommandFailure(`${directory.path} holds no cut that is whole`)
    const work = new VerifyRun(directory, damage => progress.say(damageText(damage)))
    const { figures, damages } = work
    const progress = await startProgress(terminal, 'verify', 100, () => ({
      doneUnits: figures.partitions === 0 ? 0 : (100 * figures.done) / figures.partitions,
      text: `${figures.segments} files, ${figures.records} records, ${damages.length} damages`
    }))
    try {
      await work.verify(ids, signal)
    } finally {
      await progress.end()
    }
    const { segments, records, bytes } = figures
    const unused = flags.cut === undefined ? await work.unused() : 0
    const text =
      flags.json === true
        ? JSON.stringify({
            cuts: ids.length,
            segments,
            records,
            bytes,
            unused_segments: unused,
            damages,
            interrupted: signal.aborted
          })
        : `${ids.length} cuts, ${segments} files, ${records} records, ${sizeText(bytes)}: ${damages.length === 0 ? 'all sound' : `${damages.length} damages`}${unused === 0 ? '' : `; ${unused} files belong to no cut`}`
    await terminal.output.write(`${text}\n`)
    if (signal.aborted) throw new CommandFailure('interrupted: not all was looked at')
    if (damages.length > 0)
      throw new CommandFailure(`the backup is damaged: ${new Set(damages.map(({ file }) => file)).size} files`)
  })
}

function damageText({ cut, partition, file, what }: Damage): string {
  const place = partition === null ? '' : `, partition ${partition}`
  return `damaged: cut ${cut}${place}: ${printable(file)}: ${printable(what)}`
}

async function listCuts(terminal: Terminal, directory: BackupDirectory, { json }: ReadFlags): Promise<void> {
  const cuts = []
  for (const id of await directory.cuts()) cuts.push(shownOf(await directory.manifest(id)))
  if (json === true) return terminal.output.write(`${JSON.stringify({ cuts })}\n`)
  const rows = cuts.map(cut => [
    cut.id,
    cut.parent ?? '',
    cut.cluster,
    cut.bucket ?? 'all',
    cut.began,
    String(cut.records),
    sizeText(cut.bytes),
    cut.is_partial ? `partial: without ${cut.unread.join(', ')}` : 'whole'
  ])
  await terminal.output.write(
    await tableOf(terminal.output, ['CUT', 'PARENT', 'CLUSTER', 'BUCKET', 'BEGAN', 'RECORDS', 'SIZE', 'STATE'], rows)
  )
}

export function sizeText(bytes: number): string {
  return bytes < megabyte ? `${(bytes / 1024).toFixed(0)} KB` : `${(bytes / megabyte).toFixed(1)} MB`
}
