import t from 'tap'
import { SeededRandom } from '../../runtime/random.ts'
import { planFaults } from './faults.ts'
import { faultKinds, readOptions, UsageError } from './options.ts'

const spanMs = 600_000

t.test(
  'chaos schedule: a seed gives the same faults again, another one others; every kind is among those of ten minutes',
  async t => {
    const plan = planFaults(faultKinds, 5, spanMs, new SeededRandom(1))
    t.same(planFaults(faultKinds, 5, spanMs, new SeededRandom(1)), plan)
    t.not(JSON.stringify(planFaults(faultKinds, 5, spanMs, new SeededRandom(2))), JSON.stringify(plan))
    t.same(new Set(plan.map(({ kind }) => kind)), new Set(faultKinds))
    t.ok(plan.every(({ atMs }) => atMs < spanMs))
    t.ok(plan.every(({ hosts, count }) => count >= 1 && count <= hosts.length && new Set(hosts).size === hosts.length))
    t.ok(plan.every(({ cuts }) => cuts.every(({ from, to }) => from !== to)))
  }
)

t.test('chaos schedule: one-way cuts leave the way back, non-transitive ones cut one pair both ways', async t => {
  const plan = planFaults(['one-way', 'non-transitive'], 5, spanMs, new SeededRandom(3))
  for (const { kind, cuts } of plan) {
    const isBack = cuts.every(cut => cuts.some(other => other.from === cut.to && other.to === cut.from))
    if (kind === 'one-way') t.notOk(isBack)
    else t.ok(isBack && cuts.length === 2)
  }
})

t.test('chaos options: what is wrong is named; the seed is drawn where none is given', async t => {
  t.throws(() => readOptions(['--faults', 'kill,flood']), /flood/)
  t.throws(() => readOptions(['--hosts', '2']), /from 3 to 9/)
  t.throws(() => readOptions(['--scenario', 'resize', '--hosts', '4']), /from 5 to 9/)
  t.ok(readOptions(['--scenario', 'resize', '--kills']).kills)
  t.throws(
    () => readOptions(['--scenario', 'x']),
    new UsageError('--scenario knows no x: allowed is one-down, two-down, pair-cut, wiped, kill-loop, power-loss, resize')
  )
  t.same(readOptions(['--faults', 'kill,power', '--minutes', '0.5', '--seed', '7']).faults, ['kill', 'power'])
  t.type(readOptions([]).seed, 'number')
})
