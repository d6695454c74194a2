import type { Command } from 'commander'
import { keyBytesOf, bucketOf } from '../../../model/key.ts'
import { BackupDirectory } from '../../backup/backup-directory.ts'
import { CutRequests } from '../../backup/cut-requests.ts'
import type { Manifest } from '../../backup/manifest.ts'
import { type NotRestored, type RestoreOptions, RestoreRun } from '../../backup/restore-run.ts'
import { VerifyRun } from '../../backup/verify-run.ts'
import { interruptible } from '../interruption.ts'
import { addConnectionOptions, withCluster, type ConnectionFlags } from '../options.ts'
import { keyText } from '../pair-text.ts'
import { startProgress } from '../progress.ts'
import { CommandFailure, printable, type Terminal, UsageError } from '../terminal.ts'
import { addPaceOptions, bucketNamed, shownOf } from './backup.ts'

interface Flags extends ConnectionFlags {
  readonly cut?: string
  readonly dryRun?: boolean
  readonly asNew?: boolean
  readonly bucket?: string
  readonly keepOpen?: boolean
  readonly close?: boolean
  readonly verify: boolean
  readonly inFlight: number
  readonly rate: number
  readonly json?: boolean
}

const megabyte = 1024 * 1024
/** Keys that are not restored are named one by one; beyond it they are counted. */
const refusalsShown = 100

/** Counts go to standard output; keys that are not restored, and progress, to standard error. */
export function define(command: Command, terminal: Terminal): void {
  command
    .description(
      'Merge a cut into a cluster of any size, as a replica would: what is newer there stays, siblings and contexts are as they were, and what was deleted since is left deleted. Run again, it goes on.'
    )
    .argument('DIR', 'the backup')
    .option('--cut <ID>', 'this one; default the latest')
    .option('--dry-run', 'say what would become of each record, and write nothing')
    .option('--as-new', 'write what was deleted since as new values, where the key has none now')
    .option('-b, --bucket <NAME>', 'only this bucket', bucketNamed)
    .option('--keep-open', 'another cut of the same cluster is going to follow: tombstones stay until then')
    .option('--close', 'give up a restore that was interrupted or kept open, and restore nothing')
    .option('--no-verify', 'do not read the whole cut first, to see that it is sound')
  addConnectionOptions(addPaceOptions(command)).action(async (path: string, flags: Flags) => {
    if (flags.close === true && (flags.dryRun === true || flags.keepOpen === true || flags.asNew === true))
      throw new UsageError('--close restores nothing: it goes without --dry-run, --as-new and --keep-open')
    const directory = new BackupDirectory(path)
    const cut = await directory.manifest(flags.cut)
    await withCluster(terminal, flags, cluster =>
      interruptible(terminal, async signal => {
        const requests = new CutRequests(cluster)
        if (flags.close === true) return closeOnly(terminal, directory, requests, cut, flags)
        if (flags.verify) await checkSound(terminal, directory, cut, signal)
        if (!signal.aborted) await restore(terminal, directory, requests, cut, flags, signal)
        if (signal.aborted) throw new CommandFailure('interrupted: run it again, and it goes on; --close gives it up')
      })
    )
  })
}

function optionsOf(flags: Flags): RestoreOptions {
  return {
    isDry: flags.dryRun === true,
    asNew: flags.asNew === true,
    bucket: flags.bucket,
    inFlightMax: flags.inFlight,
    bytesPerSecond: flags.rate * megabyte,
    staysOpen: flags.keepOpen === true
  }
}

async function closeOnly(
  terminal: Terminal,
  directory: BackupDirectory,
  requests: CutRequests,
  cut: Manifest,
  flags: Flags
): Promise<void> {
  const run = new RestoreRun(requests, directory, terminal.clock, optionsOf(flags), () => {})
  await run.close(cut)
  const { unreached } = run
  await terminal.output.write(
    flags.json === true ? `${JSON.stringify({ closed: unreached.length === 0, unreached })}\n` : `${closedText(unreached)}\n`
  )
  if (unreached.length > 0) throw new CommandFailure(`not told: ${unreached.join(', ')}`)
}

async function checkSound(terminal: Terminal, directory: BackupDirectory, cut: Manifest, signal: AbortSignal): Promise<void> {
  const work = new VerifyRun(directory, ({ file, what }) => progress.say(`damaged: ${printable(file)}: ${printable(what)}`))
  const { figures, damages } = work
  const progress = await startProgress(terminal, 'verify', cut.partitions, () => ({
    doneUnits: figures.done,
    text: `${figures.records} records`
  }))
  try {
    await work.verify([cut.id], signal)
  } finally {
    await progress.end()
  }
  if (damages.length > 0)
    throw new CommandFailure(
      'the cut is damaged, and nothing was restored: take another one (carillon backup list), or --no-verify for what comes before the first damage'
    )
}

async function restore(
  terminal: Terminal,
  directory: BackupDirectory,
  requests: CutRequests,
  cut: Manifest,
  flags: Flags,
  signal: AbortSignal
): Promise<void> {
  let refusals = 0
  const run = new RestoreRun(requests, directory, terminal.clock, optionsOf(flags), refusal => {
    refusals++
    if (refusals <= refusalsShown) progress.say(refusalText(refusal, flags.json === true))
    else if (refusals === refusalsShown + 1) progress.say('… and more: they are counted below')
  })
  const { figures } = run
  const { records, is_partial: isPartial, unread } = shownOf(cut)
  const progress = await startProgress(terminal, 'restore', records, () => ({
    doneUnits: figures.records,
    text: `${figures.records} of ${records} records, ${figures.failed} failed`
  }))
  if (isPartial) progress.say(`cut ${cut.id} is partial: ${unread.join(', ')} could not be read when it was made`)
  try {
    await run.run(cut, signal)
  } finally {
    await progress.end()
    await print(terminal, flags, cut, run)
  }
  if (figures.failed > 0 && !signal.aborted)
    throw new CommandFailure(
      `${figures.failed} records could not be restored: run it again when the hosts are well; until then the restore stays open`
    )
}

async function print(terminal: Terminal, flags: Flags, cut: Manifest, { figures, unreached }: RestoreRun): Promise<void> {
  const { bucketsSet, bucketsKept, new: fresh, ...rest } = figures
  const isDry = flags.dryRun === true
  if (flags.json === true) {
    const text = {
      cut: cut.id,
      dry_run: isDry,
      ...rest,
      new: fresh,
      buckets_set: bucketsSet,
      buckets_kept: bucketsKept,
      unreached
    }
    return terminal.output.write(`${JSON.stringify(text)}\n`)
  }
  const would = isDry ? 'would be ' : ''
  const lines = [
    `cut ${cut.id}: ${rest.records} records: ${fresh} ${would}brought back, ${rest.merged} ${would}merged with what is there, ${rest.known} known already`
  ]
  if (rest.minted > 0) lines.push(`${rest.minted} deleted since, ${would}written as new values`)
  if (rest.deleted + rest.obsolete > 0) {
    lines.push(
      `${rest.deleted + rest.obsolete} not brought back: ${rest.deleted} were deleted since, ${rest.obsolete} are obsolete by a floor (deleted, and their tombstones gone since); --as-new writes such keys as new values`
    )
  }
  if (rest.failed > 0) lines.push(`${rest.failed} failed`)
  if (bucketsSet + bucketsKept > 0)
    lines.push(`${bucketsSet} buckets ${would}given their properties; ${bucketsKept} have some already, which stay`)
  if (unreached.length > 0) lines.push(closedText(unreached))
  return terminal.output.write(`${lines.join('\n')}\n`)
}

function closedText(unreached: readonly string[]): string {
  return unreached.length === 0
    ? 'the restore is closed: tombstones may go again'
    : `${unreached.join(', ')} did not hear that the restore is over, and holds tombstones up: carillon restore DIR --close tells it again`
}

function refusalText({ key, outcome, why }: NotRestored, isJson: boolean): string {
  const bucket = bucketOf(key)
  const name = keyText(keyBytesOf(key))
  if (isJson) return JSON.stringify({ bucket, key: name, outcome, ...(why === '' ? {} : { why }) })
  const reason =
    outcome === 'failed' ? `: ${printable(why)}` : outcome === 'deleted' ? ': it was deleted since' : ': a floor covers it'
  return `${outcome}: ${bucket} ${printable(name)}${reason}`
}
