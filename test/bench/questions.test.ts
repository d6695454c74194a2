import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../project/checkout.ts'

/** Benches of one process without servers, with what makes them short. */
const short: Readonly<Record<string, readonly string[]>> = {
  'batch.js': [],
  'compression.js': ['--records', '40', '--kinds', '2'],
  'envelope.js': [],
  'hot-cache.js': ['--keys', '500'],
  'hot-keys.js': ['--keys', '500'],
  'mailbox.js': [],
  'merkle.js': ['--keys', '300'],
  'repair.js': ['--keys', '100'],
  'versions.js': [],
  'runtime/actors.js': ['--actors', '500'],
  'runtime/libraries.js': ['--seconds', '0.05'],
  'runtime/restart.js': [],
  'runtime/spawn.js': [],
  'runtime/tell.js': ['--seconds', '0.05'],
  'runtime/timer.js': [],
  'runtime/virtual-clock.js': []
}

/** Those that take servers, disks, or time. */
const long = [
  'autoscaling.js',
  'backup.js',
  'bus.js',
  'capacity.js',
  'membership.js',
  'operation.js',
  'replication.js',
  'scaling.js',
  'storage.js',
  'write-path.js',
  'runtime/tell-hosts.js',
  'runtime/tell-threads.js',
  'tls.js',
  'targets.js',
  'targets/cost.js',
  'targets/growth.js',
  'targets/idle.js',
  'targets/join.js',
  'targets/latency.js',
  'targets/prototype.js',
  'targets/repair.js',
  'targets/runtime.js'
]

interface Answer {
  readonly question: string
  readonly machine: { readonly node: string; readonly exposes_gc: boolean }
  readonly rows: readonly { readonly what: string; readonly cpu_ns?: number; readonly bytes?: number }[]
}

function answerOf(file: string, words: readonly string[], nodeFlags: readonly string[] = []): Promise<Answer> {
  const path = new URL(`../../bench/${file}`, import.meta.url).pathname
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...nodeFlags, path, '--ms', '0.2', '--json', ...words], (error, output) => {
      if (error === null) resolve(JSON.parse(output) as Answer)
      else reject(error)
    })
  })
}

t.test('bench: each that is short → its question, and figures above nothing', async t => {
  const left = Object.entries(short)
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [file, words] = next
      const { question, machine, rows } = await answerOf(file, words)
      t.match(question, /^(What|How) .*\?$/, file)
      t.equal(machine.exposes_gc, false)
      t.ok(rows.length > 0, file)
      for (const row of rows) {
        t.ok(row.cpu_ns! >= 0, `${file}: ${row.what}`)
        t.equal(row.bytes, undefined, 'memory is not guessed at without --expose-gc')
      }
    }
  }
  await Promise.all([worker(), worker()])
})

t.test('bench: with --expose-gc → what an operation allocates, and nothing where it allocates nothing', async t => {
  const { rows } = await answerOf('mailbox.js', [], ['--expose-gc'])
  const bytes = (what: RegExp): number => rows.find(row => what.test(row.what))!.bytes!
  t.ok(bytes(/a new mailbox/) > 200)
  t.ok(bytes(/data lane, 0 waiting/) < 1)
})

t.test('docs/benchmarks.md → every bench, no other', async t => {
  const document = readFileSync(join(root, 'docs/benchmarks.md'), 'utf8')
  const named = [...document.matchAll(/^\| [^|]+ \| `([a-z/-]+\.js)/gm)].map(([, file]) => file!)
  // A bench says at its head how it is called; the other files are its parts.
  const there = readdirSync(join(root, 'bench'), { recursive: true, encoding: 'utf8' })
    .map(name => name.replace(/\.ts$/, '.js'))
    .filter(name => name.endsWith('.js') && readFileSync(sourceOf(name), 'utf8').includes(`build/bench/${name}`))
  t.same(named.toSorted(), there.toSorted())
  t.same(there.toSorted(), [...Object.keys(short), ...long].toSorted())
})

function sourceOf(name: string): string {
  return join(root, 'bench', name.replace(/\.js$/, '.ts'))
}
