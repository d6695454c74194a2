import fc from 'fast-check'
import t from 'tap'
import { LocalHealth } from '../../model/local-health.ts'
import { Suspicion, suspicionTimes } from '../../model/suspicion.ts'

t.test(
  'suspicion: the first accuser gives the longest time, each further one takes some off, enough of them leave the shortest',
  async t => {
    const times = suspicionTimes(100, 500)
    t.same(times, { minMs: 4_000, maxMs: 24_000, confirmations: 3 })
    const suspicion = new Suspicion(3, 1, 1_000, times)
    t.equal(suspicion.deadlineMs, 25_000)
    t.notOk(suspicion.confirm(1), 'the same one again is no confirmation')
    const deadlines = [2, 3, 4].map(accuser => {
      t.ok(suspicion.confirm(accuser))
      return suspicion.deadlineMs
    })
    t.same(
      [...deadlines].sort((a, b) => b - a),
      deadlines
    )
    t.equal(deadlines[2], 5_000)
    t.notOk(suspicion.confirm(5), 'more say nothing new')
    suspicion.postpone(2_000)
    t.equal(suspicion.deadlineMs, 7_000, 'time in which this host slept does not count')
    suspicion.restart(10_000)
    t.equal(suspicion.deadlineMs, 14_000)
  }
)

t.test(
  'suspicion: the deadline lies between the shortest and the longest time, whoever accuses, and grows with the cluster',
  async () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), fc.array(fc.nat(9), { maxLength: 12 }), (members, accusers) => {
        const times = suspicionTimes(members, 500)
        const suspicion = new Suspicion(1, 0, 0, times)
        for (const accuser of accusers) suspicion.confirm(accuser)
        return (
          suspicion.deadlineMs >= times.minMs - 1e-6 &&
          suspicion.deadlineMs <= times.maxMs &&
          suspicionTimes(members + 1, 500).minMs >= times.minMs
        )
      })
    )
  }
)

t.test('suspicion: where nobody else can confirm, nobody is waited for', async t => {
  for (const members of [2, 3]) t.equal(new Suspicion(1, 1, 0, suspicionTimes(members, 500)).deadlineMs, 2_000)
})

t.test('local health: between 0 and 8, and waits stretch with it', async t => {
  const health = new LocalHealth()
  health.add(-3)
  t.equal(health.scale(100), 100)
  health.add(2)
  t.equal(health.scale(100), 300)
  health.add(100)
  t.equal(health.score, 8)
})
