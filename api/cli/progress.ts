import type { Clock } from '../../runtime/clock.ts'
import type { Terminal } from './terminal.ts'

/** What a long work says of itself while it runs. */
export interface ProgressFigures {
  /** Of `total`, in the same unit. */
  readonly doneUnits: number
  /** e.g. `12,000 stored, 3 refused`. */
  readonly text: string
}

export interface Progress {
  /** Lines for people that have to stay above the bar. */
  say(line: string): void
  /** A last look, then no more. */
  end(): Promise<void>
}

const barIntervalMs = 250
const lineIntervalMs = 5_000

/**
 * On a screen a bar (a running line where the total is unknown), elsewhere a line every five seconds; all on standard error.
 * @param totalUnits 0 where it is not known
 */
export async function startProgress(
  terminal: Terminal,
  title: string,
  totalUnits: number,
  figures: () => ProgressFigures
): Promise<Progress> {
  if (terminal.errors.columns === 0) return lines(terminal, title, figures)
  const { default: progress } = await import('cli-progress')
  const bar = new progress.SingleBar({
    format: totalUnits > 0 ? `${title} {bar} {percentage} %  {text}` : `${title}  {text}`,
    barsize: Math.max(10, Math.min(40, terminal.errors.columns - 60)),
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    linewrap: false,
    // We redraw, stop and clean up ourselves.
    fps: 20,
    gracefulExit: false,
    stream: process.stderr
  })
  bar.start(Math.max(1, totalUnits), 0, { text: '' })
  const redraw = (): void => {
    const { doneUnits, text } = figures()
    bar.update(Math.min(doneUnits, Math.max(1, totalUnits)), { text })
  }
  const stop = every(terminal.clock, barIntervalMs, redraw)
  return {
    say(line) {
      process.stderr.write(`\r\u001b[K${line}\n`)
    },
    async end() {
      stop()
      redraw()
      bar.stop()
    }
  }
}

function lines(terminal: Terminal, title: string, figures: () => ProgressFigures): Progress {
  let writing: Promise<void> = Promise.resolve()
  const say = (line: string): void => {
    writing = writing.then(() => terminal.errors.write(`${line}\n`))
  }
  const stop = every(terminal.clock, lineIntervalMs, () => say(`${title}: ${figures().text}`))
  return {
    say,
    async end() {
      stop()
      await writing
    }
  }
}

function every(clock: Clock, intervalMs: number, run: () => void): () => void {
  let timer = clock.after(intervalMs, again)
  function again(): void {
    run()
    timer = clock.after(intervalMs, again)
  }
  return () => timer.cancel()
}
