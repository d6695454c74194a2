import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import t from 'tap'
import { quantityOf } from '../../api/cli/quantity.ts'
import { capacityFormulae } from '../../model/capacity/capacity.ts'
import { capacityConstants } from '../../model/capacity/capacity-constants.ts'
import { run, TestTerminal } from './cli-test-terminal.ts'

const load = [
  '--keys',
  '10M',
  '--key-bytes',
  '24',
  '--value-bytes',
  '400',
  '--reads-per-second',
  '20k',
  '--writes-per-second',
  '5k'
]

t.test('quantities: as people write them, and nothing else', async t => {
  t.equal(quantityOf('250k', 'count'), 250_000)
  t.equal(quantityOf('1.5M', 'count'), 1_500_000)
  t.equal(quantityOf('16GB', 'bytes'), 16e9)
  t.equal(quantityOf('16GiB', 'bytes'), 16 * 2 ** 30)
  t.equal(quantityOf('400', 'bytes'), 400)
  t.equal(quantityOf('1Gbit', 'network'), 125e6)
  t.equal(quantityOf('125MB', 'network'), 125e6)
  t.equal(quantityOf('30%', 'share'), 0.3)
  const wrong = [
    ['', 'count'],
    ['-1', 'count'],
    ['10MB', 'count'],
    ['1e9', 'count'],
    ['3 GB', 'bytes'],
    ['1Gbit', 'bytes'],
    ['x', 'share'],
    ['1k', 'share']
  ] as const
  for (const [text, unit] of wrong) t.throws(() => quantityOf(text, unit), InvalidArgumentError, `${unit} ${text}`)
})

t.test('carillon capacity → hosts, what decides, and each resource; no cluster is asked', async t => {
  const terminal = new TestTerminal()
  t.equal(await run(terminal, 'capacity', ...load), 0)
  t.match(terminal.out, /^\d+ hosts: /)
  for (const resource of ['CPU', 'memory', 'disk', 'network']) t.match(terminal.out, new RegExp(`^${resource} `, 'm'))
  t.strictSame(terminal.connections, [])
})

t.test('carillon capacity --formulae → every formula and every constant with where it comes from', async t => {
  const terminal = new TestTerminal()
  t.equal(await run(terminal, 'capacity', ...load, '--formulae'), 0)
  for (const [name] of capacityFormulae) t.ok(terminal.out.includes(name), name)
  for (const { what, where } of Object.values(capacityConstants))
    t.ok(terminal.out.includes(what) && terminal.out.includes(where), what)
})

t.test('carillon capacity --json → the same in figures, with formulae and constants', async t => {
  const terminal = new TestTerminal()
  t.equal(await run(terminal, 'capacity', ...load, '--host-disk', '4GB', '--json'), 0)
  const answer = JSON.parse(terminal.out)
  t.equal(answer.decided_by, 'disk')
  t.ok(answer.hosts > 3 && answer.use.disk <= 1)
  t.same(Object.keys(answer.use), ['cpu', 'memory', 'disk', 'network'])
  t.equal(answer.constants.pageBytes.value, 4_096)
})

t.test(
  'carillon capacity: what is missing, no number, or no plan → a sentence and exit 2; too much for any cluster → exit 1',
  async t => {
    const cases: [string[], RegExp, number][] = [
      [['--keys', '1'], /required option '--key-bytes/, 2],
      [[...load, '--host-memory', '16 apples'], /16GB or 512MiB/, 2],
      [[...load, '--n', '17'], /Allowed is 1 to 16/, 2],
      [[...load, '--r', '4'], /r is 4: at most n = 3/, 2],
      [[...load, '--keys', '1.5'], /keys is 1.5: allowed is a whole number/, 2],
      [[...load, '--key-order', 'none'], /any, ascending/, 2],
      [[...load, '--keys', '9P'.replace('P', 'T'), '--host-disk', '1GB'], /larger hosts, or several clusters/, 1]
    ]
    for (const [words, wanted, status] of cases) {
      const terminal = new TestTerminal()
      t.equal(await run(terminal, 'capacity', ...words), status, words.slice(-2).join(' '))
      t.match(terminal.err, wanted)
    }
  }
)

t.test('docs/capacity.md: the example prints what the document shows, and the document has every formula', async t => {
  const document = readFileSync('docs/capacity.md', 'utf8')
  const [, command = '', shown = ''] = /```sh\nnpx carillon (capacity [^`]+)```\n+```text\n([^`]+)```/.exec(document) ?? []
  const terminal = new TestTerminal()
  t.equal(await run(terminal, ...command.replaceAll('\\\n', ' ').trim().split(/\s+/)), 0)
  t.equal(shown, terminal.out)
  for (const [name, formula] of capacityFormulae) t.ok(document.includes(`| ${name} | ${formula} |`), name)
  for (const { what, where } of Object.values(capacityConstants)) t.ok(document.includes(`| ${what} | ${where} |`), what)
})
