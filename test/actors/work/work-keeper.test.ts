import t from 'tap'
import type { WorkBehaviours } from '../../../actors/work/work-keeper.ts'
import type { WorkKind } from '../../../actors/work/work-protocol.ts'
import type { ActorDescription } from '../../../runtime/actor.ts'
import { SimulatedCluster } from '../../../simulation/simulated-cluster.ts'
import { type Conduct, overlaps, type Run, testWorker, workOf } from './work-rig.ts'

interface Setting {
  readonly cluster: SimulatedCluster
  readonly runs: Run[]
  readonly of: (host: string, job: string) => Run[]
}

const quick: Conduct = { does: 'work', forMs: 50 }

/** Real hosts on virtual time, whose workers do what the test says. */
function setting(conductOf: (run: Run) => Conduct, kinds: readonly WorkKind[] = ['handoff', 'exchange'], hosts = 3): Setting {
  const runs: Run[] = []
  const worker = testWorker(conductOf, runs)
  const workBehaviours: WorkBehaviours = Object.fromEntries(kinds.map(kind => [kind, worker]))
  const cluster = new SimulatedCluster({ seed: 1, hosts, threads: 1, partitions: 8, workBehaviours })
  for (const { name } of cluster.machines) cluster.start(name)
  const of = (host: string, job: string): Run[] => runs.filter(run => run.host === host && run.job === job)
  return { cluster, runs, of }
}

function actorNamed(tree: ActorDescription, name: string): ActorDescription | undefined {
  if (tree.name === name) return tree
  for (const child of tree.children) {
    const found = actorNamed(child, name)
    if (found !== undefined) return found
  }
  return undefined
}

function treeOf(cluster: SimulatedCluster, host: string): ActorDescription {
  return cluster.host(host).threads.get('system')!.system.describe()
}

t.test('3 hosts: each hands off to both others; the lower uid of two leads their exchange; each thread is scrubbed', async t => {
  const { cluster, runs } = setting(() => quick, ['handoff', 'exchange', 'scrub'])
  cluster.clock.run(20_000)
  const jobs = (host: string): string[] =>
    workOf(cluster, host)
      .map(item => item.job)
      .sort()
  t.same(jobs('h1'), ['exchange/h2', 'exchange/h3', 'handoff/h2', 'handoff/h3', 'scrub/data-0'])
  t.same(jobs('h2'), ['exchange/h3', 'handoff/h1', 'handoff/h3', 'scrub/data-0'])
  t.same(jobs('h3'), ['handoff/h1', 'handoff/h2', 'scrub/data-0'])
  cluster.clock.run(200_000)
  t.same(overlaps(runs), [])
  const items = workOf(cluster, 'h1')
  for (const { job, kind, runs, state, lost, totals } of items) {
    t.equal(state, 'waiting')
    t.equal(lost, 0)
    t.equal(totals['keys'] ?? 0, runs * 10, `${job}: the figures of ${runs} runs add up`)
    const [least, most] = kind === 'exchange' ? ([8, 14] as const) : ([3, 6] as const)
    if (kind !== 'scrub') t.ok(runs >= least && runs <= most, `${job} ran ${runs} times in 200 s`)
  }
  t.same(cluster.crashes, [])
})

t.test('each host clears what it owns no more some seconds after the ring has moved, and only while all are there', async t => {
  const { cluster, runs, of } = setting(() => quick, ['clear'])
  cluster.clock.run(40_000)
  t.same(
    workOf(cluster, 'h1').map(({ job, ready }) => [job, ready]),
    [['clear/h1', true]]
  )
  const [first] = of('h1', 'clear/h1')
  t.ok(first !== undefined && first.startMs > 5_000, 'not at once')
  cluster.kill('h3', false)
  cluster.clock.run(60_000)
  t.same(
    workOf(cluster, 'h1').map(({ ready }) => ready),
    [false]
  )
  const before = runs.length
  cluster.clock.run(700_000)
  t.equal(runs.length, before, 'nothing is begun while a host is away')
  cluster.start('h3')
  cluster.clock.run(730_000)
  for (const host of ['h1', 'h2', 'h3']) {
    t.equal(of(host, `clear/${host}`).filter(run => run.startMs > 700_000).length, 1, host)
  }
  t.same(cluster.crashes, [])
})

t.test('a host comes back → all others hand off to it within 2 s, and exchange with it within 10 s', async t => {
  const { cluster, runs } = setting(() => quick)
  cluster.clock.run(30_000)
  cluster.kill('h3', false)
  cluster.clock.run(60_000)
  const ready = workOf(cluster, 'h1')
    .filter(item => item.ready)
    .map(item => item.job)
  t.same(ready.sort(), ['exchange/h2', 'handoff/h2'], 'nothing is begun that needs it')
  t.equal(runs.filter(run => run.job.endsWith('/h3') && run.startMs > 36_000).length, 0)
  cluster.start('h3')
  cluster.clock.run(63_500)
  const since = (job: string): number => runs.filter(run => run.job === job && run.startMs > 60_000).length
  t.equal(since('handoff/h3'), 2, 'from h1 and h2')
  cluster.clock.run(72_000)
  t.equal(since('exchange/h3'), 2)
})

t.test(
  'hints are pending → handoff soon, then every 10 s while some are left; for a host that is gone, an item of its own',
  async t => {
    let again = true
    const { cluster, of } = setting(run => (run.job === 'handoff/0000beef' ? { ...quick, again } : quick), ['handoff'])
    cluster.clock.run(30_000)
    const system = cluster.host('h1').threads.get('system')!.system
    const before = of('h1', 'handoff/h2').length
    system.signal(system.lookup('work-keeper')!, { kind: 'hints-pending', targets: [1001, 0xbeef] } as never)
    cluster.clock.run(32_000)
    t.equal(of('h1', 'handoff/h2').length, before + 1)
    t.ok(of('h1', 'handoff/0000beef').length >= 1)
    again = false
    cluster.clock.run(40_000)
    t.notOk(
      workOf(cluster, 'h1').some(item => item.subject === '0000beef'),
      'the item goes with the last of its hints'
    )
  }
)

t.test(
  'a worker that throws goes on under its lease after a restart; one that throws again and again loses it, and rests',
  async t => {
    let breaks = 1
    const { cluster, runs, of } = setting(
      run => (run.job === 'handoff/h2' && run.host === 'h1' && breaks-- > 0 ? { does: 'throw', afterMs: 300, times: 1 } : quick),
      ['handoff']
    )
    cluster.clock.run(12_000)
    const [first, second] = of('h1', 'handoff/h2')
    t.equal(second!.fence, first!.fence, 'the same lease')
    t.equal(second!.end, 'done')
    t.match(
      workOf(cluster, 'h1').find(item => item.job === 'handoff/h2'),
      { lost: 1 }
    )

    breaks = 1_000
    const from = runs.length
    workOf(cluster, 'h1', ['handoff'])
    cluster.clock.advance(60_000)
    const fences = [
      ...new Set(
        runs
          .slice(from)
          .filter(run => run.job === 'handoff/h2' && run.host === 'h1')
          .map(run => run.fence)
      )
    ]
    t.ok(fences.length >= 3 && fences.length <= 12, `${fences.length} leases in a minute: it rests longer and longer`)
    t.same(
      fences,
      fences.toSorted((a, b) => a - b),
      'fences rise'
    )
    t.match(actorNamed(treeOf(cluster, 'h1'), 'work'), { restarts: 0 }, 'the supervisor of the workers bears it')
    t.match(actorNamed(treeOf(cluster, 'h1'), 'work-keeper'), { restarts: 0 })
    t.ok(of('h1', 'handoff/h3').filter(run => run.end === 'done').length >= 3, 'the other work goes on')

    breaks = 0
    cluster.clock.advance(70_000)
    t.equal(of('h1', 'handoff/h2').at(-1)!.end, 'done', 'once it works again, it runs')
  }
)

t.test('a worker that does not start costs no more than a rest that grows', async t => {
  const { cluster, of } = setting(run => (run.host === 'h1' ? { does: 'throw-at-start' } : quick), ['handoff'])
  cluster.clock.run(60_000)
  const tries = of('h1', 'handoff/h2').length
  t.ok(tries >= 5 && tries <= 12, `${tries} tries`)
  t.match(actorNamed(treeOf(cluster, 'h1'), 'work-keeper'), { restarts: 0 })
})

t.test('a worker that hangs loses its lease after 5 s: it is stopped, and another one begins with a higher fence', async t => {
  let hangs = 1
  const { cluster, runs, of } = setting(
    run => (run.host === 'h1' && run.job === 'handoff/h2' && hangs-- > 0 ? { does: 'hang' } : quick),
    ['handoff']
  )
  cluster.clock.run(25_000)
  const [hung, next] = of('h1', 'handoff/h2')
  t.ok(hung!.endMs! - hung!.startMs <= 5_001, 'stopped when the lease lapsed')
  t.ok(next!.fence > hung!.fence)
  t.equal(next!.end, 'done')
  t.ok(next!.startMs - hung!.endMs! <= 1_000)
  t.same(overlaps(runs), [])
})

t.test('who renews or ends with an old fence is told `lapsed`, and changes nothing', async t => {
  const { cluster, of } = setting(() => ({ does: 'work', forMs: 20_000 }), ['handoff'])
  cluster.clock.run(5_000)
  const [run] = of('h1', 'handoff/h2')
  const system = cluster.host('h1').threads.get('system')!.system
  const keeper = system.lookup('work-keeper')!
  const told: string[] = []
  const unwatch = system.watch('handoff-h2', seen => void told.push(seen.kind))
  system.signal(keeper, { kind: 'done', job: run!.job, fence: run!.fence - 1, figures: { keys: 99 }, again: false } as never)
  const replyTo = {
    address: actorNamed(treeOf(cluster, 'h1'), 'handoff-h2') && `${system.thread}.handoff-h2`,
    correlation: 0,
    incarnation: 0
  }
  system.signal(keeper, { kind: 'renew', job: run!.job, fence: run!.fence - 1, figures: { keys: 99 }, replyTo } as never)
  cluster.clock.advance(10)
  unwatch()
  t.ok(told.includes('lapsed'))
  t.match(
    workOf(cluster, 'h1').find(item => item.job === run!.job),
    { state: 'running', runs: 0 }
  )
})

t.test('the keeper crashes → its workers end with it, and their successors have higher fences', async t => {
  const { cluster, runs } = setting(() => ({ does: 'work', forMs: 8_000 }), ['handoff'])
  cluster.clock.run(6_000)
  const before = runs.filter(run => run.host === 'h1')
  t.ok(
    before.some(run => run.endMs === undefined),
    'workers are under way'
  )
  const system = cluster.host('h1').threads.get('system')!.system
  system.signal(system.lookup('work-keeper')!, { kind: 'run' })
  cluster.clock.run(12_000)
  const after = runs.filter(run => run.host === 'h1').slice(before.length)
  t.ok(after.length >= 2)
  t.ok(Math.min(...after.map(run => run.fence)) > Math.max(...before.map(run => run.fence)))
  t.same(overlaps(runs), [])
  t.match(actorNamed(treeOf(cluster, 'h1'), 'gossip-agent'), { restarts: 0 })
})

t.test('the system thread is replaced in the middle of the work → all of it is done by its successor', async t => {
  const { cluster, runs, of } = setting(() => ({ does: 'work', forMs: 3_000 }))
  while (of('h1', 'handoff/h2').at(-1)?.end !== '') cluster.clock.advance(100)
  const before = of('h1', 'handoff/h2')
  cluster.restartThread('h1', 'system')
  cluster.clock.advance(25_000)
  const after = of('h1', 'handoff/h2').slice(before.length)
  t.equal(after.at(0)?.end, 'done')
  t.ok(after[0]!.fence > before.at(-1)!.fence)
  t.ok(runs.filter(run => run.host === 'h1' && run.job === 'exchange/h3' && run.end === 'done').length > 0)
})

t.test('a host dies in the middle of its exchanges → the others go on with theirs; back again, it takes up its own', async t => {
  const { cluster, runs } = setting(() => ({ does: 'work', forMs: 1_000 }))
  cluster.clock.run(30_000)
  cluster.kill('h1', true)
  cluster.clock.run(100_000)
  const between = runs.filter(run => run.startMs > 40_000 && run.startMs < 100_000)
  t.same([...new Set(between.map(run => `${run.host} ${run.job}`))].sort(), ['h2 exchange/h3', 'h2 handoff/h3', 'h3 handoff/h2'])
  cluster.start('h1')
  cluster.clock.run(125_000)
  const after = new Set(runs.filter(run => run.startMs > 100_000 && run.end === 'done').map(run => `${run.host} ${run.job}`))
  for (const job of ['h1 exchange/h2', 'h1 exchange/h3', 'h1 handoff/h2', 'h2 handoff/h1']) t.ok(after.has(job), job)
})

t.test('9 hosts: no more than four workers at once, handoff goes before exchange, and all have their turn', async t => {
  const { cluster, runs } = setting(() => ({ does: 'work', forMs: 2_000 }), ['handoff', 'exchange', 'scrub'], 9)
  cluster.clock.run(30_000)
  for (const item of workOf(cluster, 'h1', ['handoff', 'exchange', 'scrub'])) t.ok(item.ready, item.job)
  const from = cluster.clock.now()
  cluster.clock.advance(120_000)
  const mine = runs.filter(run => run.host === 'h1')
  let most = 0
  for (const run of mine)
    most = Math.max(most, mine.filter(o => o.startMs <= run.startMs && (o.endMs ?? Infinity) > run.startMs).length)
  t.equal(most, 4)
  const since = mine.filter(run => run.startMs >= from - 500)
  const lastHandoff = Math.max(
    ...['h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'h8', 'h9'].map(host => since.findIndex(run => run.job === `handoff/${host}`))
  )
  const firstScrub = since.findIndex(run => run.job.startsWith('scrub/'))
  t.ok(lastHandoff >= 0 && firstScrub >= 0)
  t.ok(lastHandoff < firstScrub, 'handoff before scrub')
  for (const item of workOf(cluster, 'h1')) t.ok(item.runs >= 1, `${item.job} ran ${item.runs} times`)
})
