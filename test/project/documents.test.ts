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
