// test: alone, seconds 180
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import type { ActorDescription } from '../../runtime/actor.ts'
import { ask, inject, startCluster, until } from './cluster-rig.ts'

interface Tree {
  readonly tree: ActorDescription
}

function everyOne(tree: ActorDescription): ActorDescription[] {
  return [tree, ...tree.children.flatMap(everyOne)]
}

t.test('one host, two data threads: what fails is started again with its state from disk, while the rest works on', async t => {
  const cluster = await startCluster(t, { hosts: 1, threads: 2 })
  const [host] = cluster.hosts
  const actors = async (): Promise<ActorDescription[]> => everyOne((await ask<Tree>(host!.httpPort, '/api/v1/actors')).tree)
  const store = await connect({ servers: cluster.servers })
  t.teardown(() => store.close())
  const bucket = store.bucket<number>('b')
  const keys = Array.from({ length: 400 }, (_, index) => `k${index}`)
  await Promise.all(keys.map((key, index) => bucket.put(key, index)))

  const allThere = async (): Promise<boolean> => {
    const found = await Promise.all(keys.map(key => bucket.get(key, { timeoutMs: 2_000 }).catch(() => undefined)))
    return found.every((each, index) => each?.value === index)
  }

  await t.test('a vnode that throws is restarted by its supervisor, and others do not notice', async t => {
    inject(cluster, host!.name, 'data-0', { kind: 'throw', times: 1 })
    await until('a vnode has crashed and runs again', async () => {
      await Promise.all(keys.slice(0, 20).map(key => bucket.get(key, { timeoutMs: 500 }).catch(() => undefined)))
      return (await actors()).some(
        actor => actor.kind === 'vnode' && actor.restarts === 1 && actor.last_crash?.error.includes('injected') === true
      )
    })
    const crashed = (await actors()).filter(actor => actor.kind === 'vnode' && actor.restarts > 0)
    t.equal(crashed.length, 1, 'it alone')
    t.equal(crashed[0]?.state, 'running')
    await until('all values are there', allThere)
  })

  await t.test('past the restart intensity the failure escalates: the vnodes start anew, then their thread', async () => {
    const before = (await actors()).find(actor => actor.name === 'vnodes')
    inject(cluster, host!.name, 'data-0', { kind: 'throw', times: 200 })
    await until('the supervisor of the vnodes was restarted, or its thread was', async () => {
      await Promise.all(keys.map(key => bucket.get(key, { timeoutMs: 300 }).catch(() => undefined)))
      const tree = await actors()
      const vnodes = tree.find(actor => actor.name === 'vnodes' && actor.thread.endsWith('data-0'))
      const thread = tree.find(actor => actor.kind === 'thread' && actor.name === 'data-0')
      return (vnodes?.restarts ?? 0) > (before?.restarts ?? 0) || (thread?.restarts ?? 0) > 0
    })
    await until('all values are there', allThere, 60_000)
  })

  for (const [kind, what] of [
    ['exit', 'a thread that ends'],
    ['block', 'a thread whose event loop stands still']
  ] as const) {
    await t.test(`${what} is replaced, the other thread serves on, and I6: its vnodes mint under a new epoch`, async t => {
      const restarts = async (): Promise<number> =>
        (await actors()).find(actor => actor.kind === 'thread' && actor.name === 'data-1')?.restarts ?? 0
      const before = await restarts()
      const dotsBefore = await dotsOf(host!.httpPort, keys)
      inject(cluster, host!.name, 'data-1', { kind })
      await until('the other thread serves', async () =>
        (
          await Promise.all(
            keys.map(key =>
              bucket.get(key, { timeoutMs: 500 }).then(
                () => 1,
                () => 0
              )
            )
          )
        ).includes(1)
      )
      await until('the thread was replaced', async () => (await restarts()) > before, 60_000)
      await until('all values are there', allThere, 60_000)
      const crash = (await actors()).find(actor => actor.kind === 'thread' && actor.name === 'data-1')?.last_crash
      t.ok(crash?.error, `the tree says what it died of: ${crash?.error}`)
      await Promise.all(keys.map(async (key, index) => bucket.put(key, index, { context: (await bucket.get(key))!.context })))
      const dotsAfter = await dotsOf(host!.httpPort, keys)
      t.same(
        [...dotsAfter.all].filter(dot => dotsBefore.all.has(dot)),
        [],
        'no dot is used again'
      )
      t.ok(
        [...dotsAfter.epochs].some(epoch => !dotsBefore.epochs.has(epoch)),
        'there is a new epoch'
      )
    })
  }
})

async function dotsOf(port: number, keys: readonly string[]): Promise<{ all: Set<string>; epochs: Set<string> }> {
  const all = new Set<string>()
  const epochs = new Set<string>()
  for (const key of keys) {
    const { preference } = await ask<{ preference: { dots: [string, number][] }[] }>(port, `/api/v1/explain/b/${key}`)
    for (const [vnode, counter] of preference.flatMap(replica => replica.dots)) {
      all.add(`${vnode}:${counter}`)
      epochs.add(vnode.split('.').at(-1)!)
    }
  }
  return { all, epochs }
}
