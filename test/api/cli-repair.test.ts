import t from 'tap'
import type { WorkItem } from '../../actors/work/work-protocol.ts'
import type { WorkShown } from '../../api/admin-work.ts'
import { MemoryCluster } from './cli-memory-cluster.ts'
import { run, TestTerminal } from './cli-test-terminal.ts'

const idle: WorkItem = {
  job: 'exchange/b',
  kind: 'exchange',
  subject: 'b',
  state: 'waiting',
  ready: true,
  fence: 1,
  lost: 0,
  runs: 4,
  figures: {},
  totals: { repaired: 10, failed: 1, bytes: 1_000 }
}

/** Answers `repair`, then `work`, with one after the other; with the last one again and again. */
class RepairedCluster extends MemoryCluster {
  readonly asked: string[] = []
  readonly #answers: readonly WorkShown[]

  constructor(...answers: WorkShown[]) {
    super()
    this.#answers = answers
  }

  override async admin(name: string): Promise<unknown> {
    this.asked.push(name)
    return this.#answers[Math.min(this.asked.length, this.#answers.length) - 1]
  }
}

function workOf(...items: WorkItem[]): WorkShown {
  return { hosts: [{ host: 'a', reached: true, items }] }
}

t.test('repair: it is begun, and says how many pieces of work there are', async t => {
  const cluster = new RepairedCluster({
    hosts: [...workOf(idle, { ...idle, job: 'exchange/c', ready: false }).hosts, { host: 'd', reached: false, items: [] }]
  })
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'repair'), 0)
  t.equal(terminal.out, 'begun: 1 pieces of work; no answer from d\n')
  const json = new TestTerminal(cluster)
  t.equal(await run(json, 'repair', '--json'), 0)
  t.same(JSON.parse(json.out), { begun: 1, away: ['d'] })
})

t.test('repair --wait: until each piece has run once more, one that ran already twice; then what was mended', async t => {
  const running: WorkItem = { ...idle, job: 'handoff/c', kind: 'handoff', state: 'running', runs: 7, totals: { delivered: 2 } }
  const cluster = new RepairedCluster(
    workOf(idle, running),
    workOf({ ...idle, runs: 5, totals: { repaired: 13, failed: 1, bytes: 3_048 } }, { ...running, runs: 8 }),
    workOf(
      { ...idle, runs: 5, totals: { repaired: 13, failed: 1, bytes: 3_048 } },
      { ...running, runs: 9, totals: { delivered: 6 } }
    )
  )
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'repair', '--wait', '--json'), 0)
  t.same(cluster.asked, ['repair', 'work', 'work'])
  t.same(JSON.parse(terminal.out), {
    pieces: 2,
    through: 2,
    repaired: 3,
    delivered: 4,
    failed: 0,
    bytes: 2_048,
    away: [],
    interrupted: false
  })
})

t.test('repair --wait: exit status 1 where a record could not be mended, a host is away, or time is up', async t => {
  const failed = new RepairedCluster(
    workOf(idle),
    workOf({ ...idle, runs: 5, totals: { repaired: 10, failed: 3, bytes: 1_000 } })
  )
  const first = new TestTerminal(failed)
  t.equal(await run(first, 'repair', '--wait'), 1)
  t.match(first.out, /1 of 1 through, 0 records mended, 0 hints delivered, 2 failed/)
  t.match(first.err, /2 records could not be mended/)

  const away = { host: 'b', reached: false, items: [] }
  const gone = new RepairedCluster({ hosts: [...workOf().hosts, away] })
  const second = new TestTerminal(gone)
  t.equal(await run(second, 'repair', '--wait'), 1)
  t.match(second.err, /not all hosts were there: b/)

  const third = new TestTerminal(new RepairedCluster(workOf(idle)))
  t.equal(await run(third, 'repair', '--wait', '--within', '1'), 1)
  t.match(third.err, /not through after 1 seconds/)
})

t.test('repair --wait: a host that was started again counts anew, and is not waited for twice', async t => {
  const cluster = new RepairedCluster(workOf(idle), workOf({ ...idle, runs: 1, totals: { repaired: 5 } }))
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'repair', '--wait', '--json'), 0)
  t.match(JSON.parse(terminal.out), { through: 1, repaired: 5 })
})
