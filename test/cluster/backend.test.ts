// test: seconds 90
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { OrdersBackend } from '../../examples/backend/orders-backend.ts'
import { connect, KeyExists, startHost, type Store } from '../../index.ts'
import { RawNatsClient } from '../api/raw-nats-client.ts'
import { freeBasePort, startCluster, temporaryDirectory, until } from './cluster-rig.ts'
import { ask } from './door-rig.ts'

const customers = ['alice', 'bob', 'carol']

t.test('R6: an event-driven backend on a cluster of three hosts follows what is written through any door', async t => {
  const cluster = await startCluster(t)
  const stores: Store[] = []
  for (const servers of cluster.servers) stores.push(await connect({ servers }))
  const raw = await RawNatsClient.connect(cluster.hosts[1]!.natsPort)
  t.teardown(async () => {
    await raw.close()
    for (const store of stores) await store.close()
  })
  const expected = new Map(customers.map(customer => [customer, 0]))
  const add = (customer: string, cents: number): void => void expected.set(customer, (expected.get(customer) ?? 0) + cents)
  const writeByHttp = async (id: string, customer: string, amountCents: number): Promise<void> => {
    const value = { customer, amountCents, isCancelled: false }
    const answer = await ask(cluster.hosts[2]!.httpPort, 'POST', '/api/v1/store?bucket=orders', { key: id, value })
    if (answer.status !== 201) throw new Error(answer.text)
    add(customer, amountCents)
  }

  await writeByHttp('before', 'alice', 1)
  const told: string[] = []
  const first = await OrdersBackend.start(stores[0]!, (customer, { totalCents }) => told.push(`${customer} ${totalCents}`))
  const second = await OrdersBackend.start(stores[1]!)
  const backends = [first, second]

  const allTotalsMatch = async (): Promise<boolean> => {
    for (const [customer, cents] of expected) {
      for (const backend of backends) if ((await backend.totalOf(customer)).totalCents !== cents) return false
    }
    return true
  }

  await t.test('orders that were there before it started are counted', async t => {
    await until('the totals match', allTotalsMatch)
    t.ok(told.includes('alice 1'))
  })

  await t.test(
    'orders by the backend itself, over HTTP and over NATS → the totals of both backends; one id twice is one order',
    async t => {
      await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          const customer = customers[index % 3]!
          if (index % 2 === 0) await writeByHttp(`http-${index}`, customer, index)
          else {
            await backends[index % 4 === 1 ? 0 : 1]!.place(`own-${index}`, customer, index)
            add(customer, index)
          }
        })
      )
      const payload = JSON.stringify({ customer: 'bob', amountCents: 1_000, isCancelled: false })
      await raw.request('carillon.kv.create.orders.nats-1', { payload, headers: { 'Content-Type': 'application/json' } })
      add('bob', 1_000)
      await t.rejects(first.place('own-1', 'alice', 99_999), KeyExists)
      await until('the totals match', allTotalsMatch)
      t.ok(told.length > 0)
    }
  )

  await t.test('an order that is cancelled counts no more; one that never was → false', async t => {
    t.equal(await second.cancel('nats-1'), true)
    add('bob', -1_000)
    t.equal(await first.cancel('nobody-placed-it'), false)
    await until('the totals match', allTotalsMatch)
  })

  await t.test('a backend that was away counts what it missed when it starts again', async () => {
    await second.stop()
    backends.pop()
    await writeByHttp('meanwhile', 'carol', 5)
    await until('the first has counted it', allTotalsMatch)
    await first.stop()
    backends.pop()
    await writeByHttp('nobody-there', 'carol', 7)
    backends.push(await OrdersBackend.start(stores[2]!))
    await until('the totals match', allTotalsMatch)
    await backends[0]!.stop()
  })

  await t.test('the example as it is run: it prints the totals as they change, and Ctrl-C ends it', async t => {
    const main = fileURLToPath(new URL('../../examples/backend/main.js', import.meta.url))
    const child = spawn(process.execPath, [main, cluster.servers[0]!], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (out += text))
    await until('it follows', () => out.includes('following the orders'))
    await writeByHttp('printed', 'dora', 1_250)
    await until('it prints the total', () => out.includes('dora: 12.50'))
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGINT')
    t.equal(await ended, 0)
  })
})

t.test('R6: a host in a program of one’s own: import, start, store, stop; started again it has the data', async t => {
  const base = await freeBasePort()
  const options = {
    name: 'embedded',
    data: temporaryDirectory(t),
    httpPort: base + 1,
    natsPort: base + 351,
    routePort: base + 551,
    monitorPort: base + 751,
    threads: 1,
    logLevel: 'error'
  } as const
  for (const round of [1, 2]) {
    const host = await startHost(options)
    try {
      const store = await connect({ servers: host.nats })
      const bucket = store.bucket<number>('own')
      t.equal((await bucket.get('k'))?.value, round === 1 ? undefined : 1)
      await bucket.put('k', round, { context: (await bucket.get('k'))?.context })
      t.equal((await bucket.get('k'))?.value, round)
      await store.close()
    } finally {
      await host.stop()
    }
    t.equal(await host.ended, undefined)
  }
  await t.rejects(startHost({ ...options, httpPort: 70_000 }), { name: 'ConfigurationError', message: /httpPort is 70000/ })
})
