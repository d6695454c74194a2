import t from 'tap'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { faultStatus } from '../../model/fault.ts'
import { root } from './checkout.ts'

const read = (name: string) => readFileSync(join(root, name), 'utf8')

t.test('docs/errors.md: one heading per code of model/fault.ts, no other, each with its three answers', async t => {
  const sections = read('docs/errors.md').split(/^## /m).slice(1)
  const codes = sections.map(section => section.slice(0, section.indexOf('\n')).replaceAll('`', ''))
  t.same(codes.toSorted(), Object.keys(faultStatus).toSorted())
  for (const [index, section] of sections.entries()) {
    for (const part of ['Cause', 'Your data', 'What to do']) t.match(section, `- **${part}**: `, `${codes[index]}: ${part}`)
  }
})

t.test('docs/errors.md: the table gives each code the status that the doors send', async t => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [code, Number(status)])
  t.same(Object.fromEntries(rows), { ...faultStatus })
})

t.test('docs/glossary.md: each term is explained once', async t => {
  const terms = [...read('docs/glossary.md').matchAll(/^\*\*[^\n]*?\*\*(?=:)/gm)].flatMap(([head]) =>
    [...head.matchAll(/\*\*([^*]+)\*\*/g)].map(match => match[1]?.toLowerCase())
  )
  t.same(
    terms.filter((term, index) => terms.indexOf(term) !== index),
    []
  )
  for (const term of [
    'dot',
    'sibling',
    'context',
    'preference list',
    'hint',
    'handoff',
    'incarnation',
    'epoch',
    'tombstone',
    'vnode',
    'receipt'
  ])
    t.ok(terms.includes(term), term)
})

t.test('documents: every npm command that they name exists, and so does every file that they link to', async t => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts)
  for (const name of markdownFiles()) {
    const text = read(name)
    for (const [, script] of text.matchAll(/\bnpm run ([a-z][a-z:-]*)/g))
      t.ok(scripts.includes(script ?? ''), `${name}: npm run ${script}`)
    for (const [, link] of text.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)[^)]*\)/g))
      t.ok(existsSync(join(root, name, '..', link ?? '')), `${name}: ${link}`)
  }
  for (const script of ['start', 'test', 'build', 'lint', 'format']) t.ok(scripts.includes(script), script)
})

t.test('documents: each carillon command that they show is one of docs/cli.md, with options that stand there', async t => {
  const sections = read('docs/cli.md')
    .split(/^## (?=`carillon )/m)
    .slice(1)
  const words = (text: string) => text.split(/ +/).filter(word => /^[a-z]+$/.test(word))
  const known = sections.map(section => words(/^`carillon ([^`]+)`/.exec(section)?.[1] ?? ''))
  const shared = read('docs/cli.md').split(/^# Hosts$/m)[0] ?? ''
  const settings = read('docs/configuration.md')
  for (const name of markdownFiles().filter(name => !name.startsWith('docs/decisions'))) {
    for (const [, line = ''] of read(name).matchAll(/^(?: {4})?(?:npx )?carillon ([a-z][^#\n|]*)/gm)) {
      const said = line.trim().split(/ +/)
      const at = known.findIndex(command =>
        command.every((word, index) => said[index] === word || (index === 1 && word === 'create'))
      )
      t.ok(at >= 0, `${name}: carillon ${line}`)
      for (const [option] of line.matchAll(/--[a-z][a-z-]+/g))
        t.ok(
          [sections[at] ?? '', shared, settings].some(text => text.includes(option)),
          `${name}: ${option} of carillon ${line}`
        )
    }
  }
})

t.test('documents: a local cluster of another shape than that of npm start → has a directory of its own', async t => {
  for (const name of markdownFiles().filter(name => !name.startsWith('docs/decisions'))) {
    for (const [line] of read(name).matchAll(/^(?: {4})?(?:npx )?carillon dev --.*/gm)) {
      if (/ --(datacenters|autoscale|base-port) [0-9]/.test(line)) t.match(line, / --data /, `${name}: ${line}`)
    }
  }
})

t.test('docs/decisions: numbered without gaps, each with its four parts', async t => {
  const names = readdirSync(join(root, 'docs/decisions')).toSorted()
  for (const [index, name] of names.entries()) {
    t.match(name, new RegExp(`^${String(index + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`))
    const headings = [...read(`docs/decisions/${name}`).matchAll(/^## (.*)$/gm)].map(match => match[1])
    for (const part of ['Context', 'Decision', 'Consequences', 'Measured']) t.ok(headings.includes(part), `${name}: ${part}`)
  }
})

/** The markdown at the top and in docs/. */
function markdownFiles(): string[] {
  const top = readdirSync(root).filter(name => name.endsWith('.md'))
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.md'))
  return [...top, ...docs.map(name => `docs/${name}`)]
}
