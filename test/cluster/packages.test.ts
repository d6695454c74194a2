// test: seconds 120
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CarillonProcess } from './carillon-process.ts'
import { startCluster, temporaryDirectory } from './cluster-rig.ts'

const records = 3_000
const converter = fileURLToPath(new URL('../../examples/packages/to-ndjson.js', import.meta.url))
const hasAptCache = spawnSync('apt-cache', ['dumpavail'], { maxBuffer: 1 << 30 }).stdout?.length > 1_000_000

t.test(
  'the package records of this machine: imported, what is too large refused by key, exported again with equal bytes',
  { skip: hasAptCache ? false : 'apt-cache knows no packages here: run apt-get update' },
  async t => {
    const directory = temporaryDirectory(t)
    const file = join(directory, 'packages.ndjson')
    const lines = await packageLines()
    t.ok(lines.length > 10_000, `${lines.length} records`)
    const tooLarge = lines.filter(line => Buffer.byteLength(line) > 10_400)
    const chosen = [...new Set([...lines.slice(0, records), ...tooLarge])]
    writeFileSync(file, chosen.map(line => `${line}\n`).join(''))

    const cluster = await startCluster(t)
    const servers = ['--servers', cluster.servers.join(',')]
    const importing = new CarillonProcess(t, ['import', file, ...servers])
    const { status } = await importing.ended
    const refused = [
      ...importing.err.matchAll(/^refused: line \d+: key (.+): key and value have \d+ bytes, the limit is 10240/gm)
    ]
    t.ok(tooLarge.length > 0, `${tooLarge.length} records are over the limit`)
    t.equal(refused.length, tooLarge.length, 'each of these is refused by its key, with the limit')
    t.match(importing.out, new RegExp(`${chosen.length - tooLarge.length} stored, ${tooLarge.length} refused`))
    t.equal(status, 1, 'and the command says so')

    const exporting = new CarillonProcess(t, ['export', ...servers])
    t.equal((await exporting.ended).status, 0)
    const exported = new Set(exporting.out.split('\n').filter(line => line !== ''))
    const over = new Set(tooLarge)
    t.same(
      readFileSync(file, 'utf8')
        .split('\n')
        .filter(line => line !== '' && !over.has(line) && !exported.has(line)),
      [],
      'every stored line comes back as it was'
    )
    t.equal(exported.size, chosen.length - tooLarge.length, 'and nothing else')
  }
)

function packageLines(): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const source = spawn('apt-cache', ['dumpavail'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const target = spawn(process.execPath, [converter], { stdio: [source.stdout, 'pipe', 'ignore'] })
    let text = ''
    target.stdout.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
    target.once('error', reject)
    target.once('close', () => resolve(text.split('\n').filter(line => line !== '')))
  })
}
