import t from 'tap'
import { Pace } from '../../model/pace.ts'

const terms = { bytesPerSecondMax: 1_000_000, bytesPerSecondMin: 100_000, slowMs: 100 }

t.test('a pace: slow answers halve it, down to the least; prompt ones raise it by a quarter, up to the most', async t => {
  const pace = new Pace(terms)
  t.equal(pace.stepped(100_000, 20), 80, 'a tenth of a second’s bytes take a tenth of a second')
  t.equal(pace.stepped(100_000, 120), 80, '200 ms at half the pace')
  for (let step = 0; step < 10; step++) pace.stepped(1, 500)
  t.equal(pace.bytesPerSecond, terms.bytesPerSecondMin)
  pace.stepped(1, 1)
  t.equal(pace.bytesPerSecond, 125_000)
  for (let step = 0; step < 20; step++) pace.stepped(1, 1)
  t.equal(pace.bytesPerSecond, terms.bytesPerSecondMax)
  t.equal(pace.stepped(10, 50), 0, 'no wait where the step took longer than its bytes')
})
