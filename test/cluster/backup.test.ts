// test: soak, seconds 300
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connect } from '../../api/client/client.ts'
import { CarillonProcess } from './carillon-process.ts'
import { ask, startCluster, temporaryDirectory } from './cluster-rig.ts'

const keys = 200

interface Run {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

async function carillon(t: Test, servers: readonly string[] | undefined, ...words: string[]): Promise<Run> {
  const command = new CarillonProcess(t, [...words, ...(servers === undefined ? [] : ['--servers', servers.join(',')])])
  const { status } = await command.ended
  return { status, out: command.out, err: command.err }
}

/** All pairs with all siblings, in an order of their own. */
async function exported(t: Test, servers: readonly string[], bucket: string): Promise<string[]> {
  const { status, out, err } = await carillon(t, servers, 'export', '--strict', '--siblings', '--bucket', bucket)
  t.equal(status, 0, err)
  return out.trim().split('\n').sort()
}

const directory = join(temporaryDirectory(t), 'backup')

/** What the source held, and what its last cut says of it. */
interface Source {
  readonly before: readonly string[]
  readonly records: number
  /** Of a read of a key with three values. */
  readonly context: string
}
let made: Source | undefined

t.test('F6, B8: 3 hosts → a backup, and one that adds to it: what changed is read, all is sound', async t => {
  const source = await startCluster(t, { hosts: 3 })
  const { servers } = source
  t.equal((await carillon(t, servers, 'bucket', 'set', 'pairs', 'n=2', 'resolver=siblings')).status, 0)
  const store = await connect({ servers: servers[0]! })
  t.teardown(() => store.close())
  const bucket = store.bucket<unknown>('pairs')
  for (let from = 0; from < keys; from += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, at) => bucket.put(`k${from + at}`, { at: from + at }, { timeoutMs: 20_000 }))
    )
  await Promise.all(['x', 'y'].map(value => bucket.put('k1', value, { timeoutMs: 20_000 })))
  await bucket.putBytes(Buffer.from([0, 255, 10]), Buffer.from([1, 2, 3]), { contentType: 'image/x-test', timeoutMs: 20_000 })
  await bucket.delete('k2', { timeoutMs: 20_000 })
  const seen = await bucket.get('k1', { timeoutMs: 20_000 })
  t.equal(seen?.siblings.length, 3)

  const first = await carillon(t, servers, 'backup', directory, '--json')
  t.equal(first.status, 0, first.err)
  t.match(JSON.parse(first.out), { parent: null, unread: [], is_partial: false })
  // The tombstone may have gone already.
  t.ok([keys, keys + 1].includes((JSON.parse(first.out) as { records: number }).records))
  await bucket.put('k3', 'changed', { context: (await bucket.get('k3'))!.context, timeoutMs: 20_000 })
  const second = await carillon(t, servers, 'backup', directory, '--incremental', '--json')
  t.equal(second.status, 0, second.err)
  const cut = JSON.parse(second.out) as { id: string; records: number; records_read: number }
  t.ok(cut.records_read < 20, `${cut.records_read} records were read for one that changed`)
  const listed = await carillon(t, undefined, 'backup', 'list', directory)
  t.match(listed.out, new RegExp(`${cut.id} .* whole`))
  const verified = await carillon(t, undefined, 'backup', 'verify', directory)
  t.equal(verified.status, 0, verified.err)
  t.match(verified.out, /2 cuts, \d+ files, \d+ records, .*: all sound\n$/)
  const before = await exported(t, servers, 'pairs')
  t.equal(before.length, keys)
  await store.close()
  made = { before, records: cut.records, context: seen!.context }
})

for (const hosts of [1, 5])
  t.test(
    `F6, B8: restored into ${hosts} hosts → the same export with siblings, and a context of before replaces them`,
    async t => {
      if (made === undefined) throw new Error('there is no backup: the test before failed')
      const { before, records, context } = made
      const target = await startCluster(t, { hosts })
      const restored = await carillon(t, target.servers, 'restore', directory, '--json')
      t.equal(restored.status, 0, restored.err)
      t.match(JSON.parse(restored.out), { new: records, failed: 0, obsolete: 0, buckets_set: 1, unreached: [] })
      t.same(await exported(t, target.servers, 'pairs'), before, `${hosts} hosts`)
      t.match(JSON.parse((await carillon(t, target.servers, 'bucket', 'get', 'pairs', '--json')).out), { n: 2 })
      const again = await carillon(t, target.servers, 'restore', directory, '--dry-run')
      t.match(again.out, new RegExp(`0 would be brought back, 0 would be merged with what is there, ${records} known already`))
      const client = await connect({ servers: target.servers[0]! })
      const merged = client.bucket<unknown>('pairs')
      await merged.put('k1', 'both', { context, timeoutMs: 20_000 })
      const found = await merged.get('k1', { timeoutMs: 20_000 })
      t.equal(found?.value, 'both')
      t.equal(found?.siblings.length, 1, 'a context of before the backup replaces both')
      await client.close()
      if (hosts > 1) {
        const explained = await ask<{ preference: { found: boolean }[]; agree: boolean }>(
          target.hosts[0]!.httpPort,
          '/api/v1/explain/pairs/k7'
        )
        t.same(
          explained.preference.map(({ found: isFound }) => isFound),
          [true, true]
        )
      }
      await target.stop()
    }
  )

t.test('B8: a backup of which a bit has flipped → verify names the file, with status 1', async t => {
  const segments = readdirSync(join(directory, 'segments'), { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.seg')
  )
  const path = join(directory, 'segments', segments[0]!)
  const content = readFileSync(path)
  content[content.length - 20]! ^= 4
  writeFileSync(path, content)
  const damaged = await carillon(t, undefined, 'backup', 'verify', directory)
  t.equal(damaged.status, 1)
  t.match(damaged.err, new RegExp(`damaged: cut .*, partition \\d+: ${path}: the checksum of`))
  t.equal((await carillon(t, undefined, 'backup', 'list', join(directory, 'nowhere'))).status, 1)
  t.notOk(existsSync(join(directory, 'nowhere')), 'reading makes nothing')
})
