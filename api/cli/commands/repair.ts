import type { Command } from 'commander'
import { beginRepair, describeWork } from '../cluster-shapes.ts'
import { interruptible } from '../interruption.ts'
import { addConnectionOptions, timeoutOption, wholeOption, withCluster, type ConnectionFlags } from '../options.ts'
import { startProgress } from '../progress.ts'
import { type RepairFigures, RepairProgress } from '../repair-progress.ts'
import { CommandFailure, type Terminal } from '../terminal.ts'

interface Flags extends ConnectionFlags {
  readonly timeout: number
  readonly wait?: boolean
  readonly within: number
  readonly json?: boolean
}

const lookMs = 250
/** Where nothing has got through for so long, it is asked for again: a host may have been started anew and have forgotten. */
const askAgainMs = 10_000
const withinSecondsDefault = 3_600

/** Says what was begun; with `--wait` what came of it, and exit status 1 where not all of it went well. */
export function define(command: Command, terminal: Terminal): void {
  command
    .description(
      'Let every host compare its replicas with the others’ now, mend what differs, and deliver what it keeps for them. The hosts do so by themselves, too: every 15 to 25 s.'
    )
    .option('--wait', 'stay until it is through, and say what was mended')
    .addOption(
      wholeOption('--within <SECONDS>', 'with --wait: seconds that it may take', 1, 604_800).default(withinSecondsDefault)
    )
    .addOption(timeoutOption())
  addConnectionOptions(command).action((flags: Flags) =>
    withCluster(terminal, flags, async cluster => {
      const start = await beginRepair(cluster, flags.timeout)
      const work = new RepairProgress(start)
      let figures = work.figures(start)
      if (flags.wait !== true) {
        const { pieces, away } = figures
        await print(terminal, flags, { begun: pieces, away }, `begun: ${pieces} pieces of work${awayText(figures)}`)
        return
      }
      const isInterrupted = await interruptible(terminal, async signal => {
        const progress = await startProgress(terminal, 'repair', figures.pieces, () => ({
          doneUnits: figures.through,
          text: figuresText(figures)
        }))
        const endMs = terminal.clock.now() + flags.within * 1_000
        let movedMs = terminal.clock.now()
        try {
          while (figures.through < figures.pieces && !signal.aborted && terminal.clock.now() < endMs) {
            await new Promise<void>(resolve => void terminal.clock.after(lookMs, resolve))
            const { through } = figures
            figures = work.figures(await describeWork(cluster, flags.timeout))
            if (figures.through !== through) movedMs = terminal.clock.now()
            if (figures.through === figures.pieces || terminal.clock.now() < movedMs + askAgainMs) continue
            movedMs = terminal.clock.now()
            await beginRepair(cluster, flags.timeout)
          }
        } finally {
          await progress.end()
        }
        return signal.aborted
      })
      await print(terminal, flags, { ...figures, interrupted: isInterrupted }, `${figuresText(figures)}${awayText(figures)}`)
      if (isInterrupted) throw new CommandFailure('interrupted: the hosts go on with it')
      if (figures.through < figures.pieces)
        throw new CommandFailure(`not through after ${flags.within} seconds: the hosts go on with it`)
      if (figures.failed > 0) throw new CommandFailure(`${figures.failed} records could not be mended: the hosts’ logs say why`)
      if (figures.away.length > 0) throw new CommandFailure(`not all hosts were there: ${figures.away.join(', ')}`)
    })
  )
}

function print(terminal: Terminal, { json }: Flags, figures: object, text: string): Promise<void> {
  return terminal.output.write(`${json === true ? JSON.stringify(figures) : text}\n`)
}

function figuresText({ pieces, through, repaired, delivered, failed, bytes }: RepairFigures): string {
  const failures = failed === 0 ? '' : `, ${failed} failed`
  return `${through} of ${pieces} through, ${repaired} records mended, ${delivered} hints delivered${failures}, ${(bytes / 1024).toFixed(0)} KB compared and moved`
}

function awayText({ away }: RepairFigures): string {
  return away.length === 0 ? '' : `; no answer from ${away.join(', ')}`
}
