// test: alone, seconds 120
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ask, startCluster, until } from './cluster-rig.ts'

const keys = 60

function url(port: number, key: string): string {
  return `http://127.0.0.1:${port}/api/v1/store/${key}`
}

async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) })).text()
  return text
    .split('\n')
    .filter(line => line.startsWith(`carillon_${name}`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

t.test(
  'I4: bits are flipped in the table of one of 3 hosts → the values are never served, never missing, and repaired',
  async t => {
    const cluster = await startCluster(t, { logLevel: 'silent' })
    const [first, second] = cluster.hosts
    const valueOf = (index: number) => `marked-${index}-${'x'.repeat(200)}`
    for (let index = 0; index < keys; index++) {
      const response = await fetch(`${url(second!.httpPort, `k${index}`)}?w=3`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ value: valueOf(index) })
      })
      t.equal(response.status, 201)
    }
    // Not by the file alone: it may be read between two pages of one commit, and the data thread hears of the commit later.
    await until('the first host has its records in its table alone', async () => {
      return (await metric(first!.httpPort, 'memory_table_bytes')) === 0
    })
    const child = cluster.processOf(first!.name)!
    const path = join(first!.data, 'table', 'data.mdb')
    // While the host runs: what a disk does it does behind the back of whoever has mapped it.
    const table = readFileSync(path)
    const file = openSync(path, 'r+')
    for (let index = 0; index < keys; index++) {
      t.ok(table.includes(valueOf(index)), `k${index} is in the table`)
      // Older pages have copies.
      for (let at = table.indexOf(valueOf(index)); at >= 0; at = table.indexOf(valueOf(index), at + 1))
        writeSync(file, Buffer.of(table[at + 100]! ^ 1), 0, 1, at + 100)
    }
    closeSync(file)
    for (let index = 0; index < keys; index++) {
      const response = await fetch(url(first!.httpPort, `k${index}`))
      const { value } = (await response.json()) as { value: string }
      t.equal(response.status, 200)
      t.equal(value, valueOf(index))
    }
    await until('all are repaired', async () => (await metric(first!.httpPort, 'repaired_records_total')) >= keys, 60_000)
    t.equal(await metric(first!.httpPort, 'corrupt_records_total'), keys, 'each is counted once')
    t.equal(await metric(first!.httpPort, 'lost_records_total'), 0)
    for (let index = 0; index < keys; index += 7) {
      const { agree } = await ask<{ agree: boolean }>(first!.httpPort, `/api/v1/explain/default/k${index}`)
      t.ok(agree)
    }
    t.equal(child.exitCode, null, 'the host has lived through it')
  }
)
