import t from 'tap'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './checkout.ts'

const read = (name: string) => readFileSync(join(root, name), 'utf8')
const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.md'))

interface Package {
  readonly scripts: Readonly<Record<string, string>>
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, { readonly default: string }>>
}
const project = JSON.parse(read('package.json')) as Package

t.test('documents: a link to a heading → there is such a heading', async t => {
  for (const name of ['README.md', 'CONTRIBUTING.md', ...documents.map(name => join('docs', name))]) {
    for (const [link, file = '', anchor = ''] of read(name).matchAll(/\]\((?![a-z]+:)([^)#\s]*)#([^)\s]+)\)/g)) {
      const target = file === '' ? name : join(dirname(name), file)
      t.ok(existsSync(join(root, target)) && anchorsOf(read(target)).has(anchor), `${name}: ${link}`)
    }
  }
})

t.test('docs/README.md: names every document', async t => {
  const index = read('docs/README.md')
  for (const name of documents.filter(name => name !== 'README.md')) t.ok(index.includes(`](${name})`), name)
})

t.test('documents: a source or test file that is named → exists', async t => {
  const folders = '(?:model|bus|storage|runtime|actors|api|deploy|test|bench|examples|scripts)'
  const path = new RegExp(`\`(${folders}/[a-z0-9./-]+\\.(?:ts|mjs))\``, 'g')
  for (const name of ['README.md', 'CONTRIBUTING.md', ...documents.map(name => join('docs', name))]) {
    for (const [, file = ''] of read(name).matchAll(path)) t.ok(existsSync(join(root, file)), `${name}: ${file}`)
  }
})

t.test('package.json: each command, program and export → its source is there', async t => {
  for (const [name, command] of Object.entries(project.scripts)) {
    for (const [script] of command.matchAll(/scripts\/[a-z-]+\.mjs/g)) t.ok(existsSync(join(root, script)), `${name}: ${script}`)
  }
  for (const built of [...Object.values(project.bin), ...Object.values(project.exports).map(entry => entry.default)]) {
    t.ok(existsSync(join(root, sourceOf(built))), built)
  }
})

t.test('npm start: runs the program that package.json names as `carillon`', async t => {
  const [, parts = ''] = /join\(root, ((?:'[^']+'(?:, )?)+)\)/.exec(read('scripts/start.mjs')) ?? []
  const started = [...parts.matchAll(/'([^']+)'/g)].map(match => match[1]).join('/')
  t.equal(`./${started}`, project.bin['carillon'])
})

function sourceOf(built: string): string {
  return built.replace('./build/', '').replace(/\.js$/, '.ts')
}

/** As the forges make them: lower case, spaces to hyphens, punctuation gone. */
function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
  return new Set(
    headings.map(heading =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-')
    )
  )
}
