import { Command, CommanderError } from 'commander'
import { sentenceOf } from './sentence.ts'
import { CommandFailure, done, failed, usage, UsageError, type Status, type Terminal } from './terminal.ts'

/** A command's name and summary, for the list; its module, with options and action, is loaded when it is called. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  load(): Promise<CommandModule>
}

export interface CommandModule {
  /** Add arguments, options and the action, which may throw UsageError, CommandFailure or a StoreError. */
  define(command: Command, terminal: Terminal): void
}

/**
 * Run one command line.
 * @param words behind `carillon`
 * @returns the exit status
 */
export async function runCommandLine(
  words: readonly string[],
  entries: readonly CommandEntry[],
  version: string,
  terminal: Terminal
): Promise<Status> {
  const texts: Promise<void>[] = []
  try {
    const program = await programOf(words, entries, version, terminal, texts)
    await program.parseAsync(words, { from: 'user' })
    return done
  } catch (error) {
    return await statusOf(error, terminal)
  } finally {
    await Promise.all(texts)
  }
}

/** Every command with all its options; for the document's test. */
export async function wholeProgram(entries: readonly CommandEntry[], terminal: Terminal): Promise<Command> {
  const program = new Command('carillon')
  for (const entry of entries) (await entry.load()).define(program.command(entry.name).summary(entry.summary), terminal)
  return program
}

async function programOf(
  words: readonly string[],
  entries: readonly CommandEntry[],
  version: string,
  terminal: Terminal,
  texts: Promise<void>[]
): Promise<Command> {
  const program = new Command('carillon')
    .description('A leaderless key-value store. Every command explains itself: carillon COMMAND --help')
    .usage('COMMAND [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureHelp({ helpWidth: terminal.output.columns === 0 ? 120 : terminal.output.columns })
    .configureOutput({
      writeOut: text => void texts.push(terminal.output.write(text)),
      writeErr: text => void texts.push(terminal.errors.write(text)),
      getOutHasColors: () => terminal.output.isColoured,
      getErrHasColors: () => terminal.errors.isColoured
    })
  const called = calledCommand(words)
  for (const entry of entries) {
    const command = program.command(entry.name).summary(entry.summary).description(entry.summary)
    // The settings of the program: without it a subcommand's mistake would end the process.
    command.copyInheritedSettings(program)
    if (entry.name === called) (await entry.load()).define(command, terminal)
  }
  if (words.length === 0) {
    program.outputHelp({ error: true })
    throw new CommanderError(usage, 'carillon.noCommand', '')
  }
  return program
}

function calledCommand(words: readonly string[]): string | undefined {
  const [first, second] = words.filter(word => !word.startsWith('-'))
  return first === 'help' ? second : first
}

async function statusOf(error: unknown, terminal: Terminal): Promise<Status> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? done : usage
  await terminal.errors.write(`carillon: ${sentenceOf(error)}\n`)
  if (error instanceof CommandFailure) return error.status
  return error instanceof UsageError ? usage : failed
}
