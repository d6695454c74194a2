import t from 'tap'
import type { StoreCore } from '../../api/client/store-core.ts'
import { keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { answering, Coordinators, got, putOf, rejection, ringOf } from './client-coordinators.ts'

const hosts = ['a', 'b', 'c']
const view = ringOf(hosts)
const key = keyOfText('default', 'alice')
const partition = partitionOf(positionOf(key), view.partitions)
/** Preference list of `key`, by host name. */
const owners = view.owners[partition]!.map(index => hosts[index]!)

t.test('store core: gets and puts are spread over the owners, conditional writes go to the first', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core = cluster.core({ view })
  const seenBy = async (work: () => Promise<unknown>) => {
    cluster.seen.length = 0
    await cluster.settle(Promise.all(Array.from({ length: 30 }, work)))
    return new Set(cluster.seen.map(each => each.at)).size
  }
  t.equal(await seenBy(() => core.get(key, {}, 1_000)), 3)
  t.equal(await seenBy(() => core.put(putOf(key), {}, 1_000)), 3)
  for (const work of [
    () => core.put(putOf(key, { mode: 'create' }), {}, 1_000),
    () => core.put(putOf(key, { ifMatch: 'ab' }), {}, 1_000),
    () => core.delete({ key, context: undefined, ifMatch: 'ab' }, {}, 1_000)
  ]) {
    t.equal(await seenBy(work), 1)
    t.equal(cluster.seen[0]!.at, owners[0])
  }
  await core.close()
})

t.test('store core: a preferred host is asked wherever it is an owner', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core = cluster.core({ view, preferredHost: 'b' })
  await cluster.settle(Promise.all(Array.from({ length: 20 }, () => core.get(key, {}, 1_000))))
  t.same([...new Set(cluster.seen.map(each => each.at))], ['b'])
  await core.close()
})

t.test('store core: a silent coordinator costs one request, then is avoided, then is tried by one request at a time', async t => {
  let isDeaf = true
  const cluster = new Coordinators(hosts, (request, at) =>
    isDeaf && at.startsWith(`${owners[0]}.`) ? undefined : answering(request)
  )
  const core = cluster.core({ view })
  const slow = async () => {
    const hedgesBefore = core.figures().hedges
    for (let i = 0; i < 30; i += 1) await cluster.settle(core.get(key, {}, 400))
    return core.figures().hedges - hedgesBefore
  }
  t.equal(await slow(), 1)
  cluster.clock.advance(1_500)
  t.equal(await slow(), 1, 'the probe after the penalty')
  isDeaf = false
  cluster.clock.advance(10_000)
  cluster.seen.length = 0
  t.equal(await slow(), 0)
  t.equal(cluster.seen.filter(each => each.at === owners[0]).length, 10, 'it has its share again')
  await core.close()
})

t.test('store core: one host killed, puts that found nobody go to another host at once', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core = cluster.core({ view })
  cluster.kill(owners[1]!)
  await cluster.settle(Promise.all(Array.from({ length: 30 }, () => core.put(putOf(key), {}, 1_000))))
  t.equal(cluster.seen.length, 30)
  t.ok(cluster.clock.now() < 20, `it took ${cluster.clock.now()} ms`)
  const { retries } = core.figures()
  t.equal(retries, 10)
  await cluster.settle(Promise.all(Array.from({ length: 30 }, () => core.put(putOf(key), {}, 1_000))))
  t.equal(core.figures().retries, retries, 'it is avoided now')
  await core.close()
})

t.test('store core: two batches out to a host that died, a put of the first may have arrived and is not sent again', async t => {
  const cluster = new Coordinators(hosts, (request, at) => (at.startsWith(`${owners[0]}.`) ? undefined : answering(request)), 5)
  const core = cluster.core({ view })
  const first = rejection(core.put(putOf(key, { mode: 'create' }), {}, 300))
  cluster.clock.advance(6)
  t.equal(cluster.seen.length, 1)
  cluster.kill(owners[0]!)
  const second = rejection(core.put(putOf(key, { mode: 'create' }), {}, 300))
  const read = core.get(key, {}, 300)
  t.match(await cluster.settle(first), { code: 'timeout', outcome: 'indeterminate' })
  await cluster.settle(second)
  await cluster.settle(read)
  t.equal(cluster.seen.filter(each => each.request.kind === 'put').length, 1)
  await core.close()
})

t.test('store core: another epoch in the replies asks for the ring, once in 200 ms, then ever more seldom', async t => {
  let stale = 0
  const cluster = new Coordinators(hosts, () => got({ epoch: '00000002' }))
  const core = cluster.core({ view, onStale: () => void (stale += 1) })
  await cluster.settle(Promise.all(Array.from({ length: 50 }, () => core.get(key, {}, 1_000))))
  t.equal(stale, 1)
  cluster.clock.advance(250)
  await cluster.settle(core.get(key, {}, 1_000))
  t.equal(stale, 2)
  cluster.clock.advance(250)
  await cluster.settle(core.get(key, {}, 1_000))
  t.equal(stale, 2, 'asking has changed nothing so far')
  cluster.clock.advance(250)
  await cluster.settle(core.get(key, {}, 1_000))
  t.equal(stale, 3)
  core.setView({ ...view, epoch: '00000002' })
  cluster.clock.advance(1_000)
  await cluster.settle(core.get(key, {}, 1_000))
  t.equal(stale, 3)
  await core.close()
})

t.test('store core: hosts that the ring holds for down are not asked; a new view counts at once', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core = cluster.core({ view: ringOf(hosts, {}, { [owners[0]!]: 'down' }) })
  await cluster.settle(Promise.all(Array.from({ length: 30 }, () => core.put(putOf(key, { mode: 'create' }), {}, 1_000))))
  t.same([...new Set(cluster.seen.map(each => each.at))], [owners[1]])
  core.setView(view)
  cluster.seen.length = 0
  await cluster.settle(core.put(putOf(key, { mode: 'create' }), {}, 1_000))
  t.equal(cluster.seen[0]!.at, owners[0])
  await core.close()
})

t.test('store core: no owner can be reached, a host beyond the preference list is asked', async t => {
  const four = ['a', 'b', 'c', 'd']
  const cluster = new Coordinators(four, answering)
  const core = cluster.core({ view: ringOf(four, {}, { a: 'down', b: 'down', c: 'suspect' }) })
  await cluster.settle(core.get(key, {}, 1_000))
  t.equal(cluster.seen[0]!.at, 'd')
  await core.close()
})

t.test('store core: no host can be reached, the ring is asked for and the request waits for it', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core: StoreCore = cluster.core({
    view: ringOf(hosts, {}, { a: 'down', b: 'down', c: 'down' }),
    onStale: () => void cluster.clock.after(20, () => core.setView(view))
  })
  await cluster.settle(core.put(putOf(key), {}, 1_000))
  t.equal(cluster.seen.length, 1)
  await core.close()
})

t.test('store core: without a ring a request is refused, and ready() tells when there is one', async t => {
  const cluster = new Coordinators(hosts, answering)
  const core = cluster.core()
  t.match(await rejection(core.get(key, {}, 1_000)), { code: 'unavailable' })
  const ready = core.ready()
  core.setView(view)
  await ready
  await cluster.settle(core.get(key, {}, 1_000))
  await core.close()
})
