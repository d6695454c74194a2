import t from 'tap'
import { TransferBudget } from '../../../actors/ring/transfer-budget.ts'

t.test(
  'transfer budget: throttled to 1 MB/s → each page is waited for as long as it takes at that pace, however many come at once',
  async t => {
    const budget = new TransferBudget()
    budget.allow({ isPaused: false, bytesPerSecond: 1_000_000 })
    budget.begin(0)
    t.equal(budget.waitMs(0), 0)
    for (let page = 0; page < 4; page++) budget.moved(500_000, 0)
    t.equal(budget.waitMs(0), 2_000)
    t.equal(budget.waitMs(1_500), 500)
    t.equal(budget.waitMs(2_000), 0)
    budget.allow({ isPaused: false, bytesPerSecond: 0 })
    t.equal(budget.waitMs(0), 0, 'without a bound nothing is waited for')
  }
)

t.test('transfer budget: paused → nothing is fetched, until it goes on', async t => {
  const budget = new TransferBudget()
  budget.allow({ isPaused: true, bytesPerSecond: 0 })
  t.equal(budget.waitMs(0), Number.POSITIVE_INFINITY)
  budget.allow(undefined)
  t.equal(budget.waitMs(0), 0)
})

t.test('transfer budget: the rate is that of the time in which it was not held up; a few bytes say nothing', async t => {
  const budget = new TransferBudget()
  budget.begin(0)
  budget.moved(1_000, 10)
  budget.end(20)
  t.equal(budget.measuredBytesPerSecond, 0)
  budget.allow({ isPaused: false, bytesPerSecond: 1_000_000 })
  budget.begin(1_000)
  budget.moved(1_000_000, 1_100)
  budget.end(2_200)
  t.equal(budget.bytes, 1_000_000)
  t.equal(budget.measuredBytesPerSecond, 5_000_000)
})
