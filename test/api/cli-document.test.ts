import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import t from 'tap'
import { wholeProgram } from '../../api/cli/command-line.ts'
import { settings } from '../../deploy/configuration-schema.ts'
import { entries, TestTerminal } from './cli-test-terminal.ts'

const document = readFileSync('docs/cli.md', 'utf8')

/** Sections by heading, with their text. */
const sections = new Map(
  document
    .split(/^##? /m)
    .slice(1)
    .map(text => [text.slice(0, text.indexOf('\n')), text])
)

function flagsIn(heading: string): string[] {
  const text = sections.get(heading) ?? ''
  const own = [...text.matchAll(/^\| `(-[^`]+)` \|/gm)].map(match => match[1]!)
  const shared = ['Connection', 'Reading', 'Writing'].filter(each => text.includes(`(#${each.toLowerCase()})`)).flatMap(flagsIn)
  const configured = text.includes('(configuration.md)') ? settings.map(setting => `${setting.flag} <VALUE>`) : []
  return [...own, ...shared, ...configured].toSorted()
}

function* commandsOf(command: Command, name: string): Generator<[string, Command]> {
  if (command.commands.length > 0) {
    for (const each of command.commands) yield* commandsOf(each, `${name} ${each.name()}`)
    return
  }
  const words = command.registeredArguments.map(each =>
    each.required ? `${each.name()}${each.variadic ? '...' : ''}` : `[${each.name()}]`
  )
  yield [[name, ...words].join(' '), command]
}

t.test('docs/cli.md → every command with its arguments and exactly its options', async t => {
  const program = await wholeProgram(entries, new TestTerminal())
  const commands = [...commandsOf(program, 'carillon')]
  const headings = [...sections.keys()].filter(heading => heading.startsWith('`carillon'))
  t.strictSame(headings.toSorted(), commands.map(([usage]) => `\`${usage}\``).toSorted())
  for (const [usage, command] of commands)
    t.strictSame(flagsIn(`\`${usage}\``), command.options.map(option => option.flags).toSorted(), usage)
})
