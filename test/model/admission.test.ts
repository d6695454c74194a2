import fc from 'fast-check'
import t from 'tap'
import { Admission } from '../../model/admission.ts'

const terms = { targetMs: 100, burstMs: 250, waitMsMax: 500, alertMs: 2_000 }

/** A request every `everyMs`, each of which waited for `waitedMs`. @returns the times of those that were refused */
function refused(admission: Admission, from: number, to: number, waitedMs: number, everyMs = 10): number[] {
  const times: number[] = []
  for (let nowMs = from; nowMs < to; nowMs += everyMs) if (!admission.takes(waitedMs, nowMs)) times.push(nowMs)
  return times
}

t.test('admission: waits below the target → all are taken, for ever', async t => {
  t.same(refused(new Admission(terms), 0, 10_000, 99), [])
})

t.test('admission: all wait longer than the target for longer than a burst may last → refused from then on', async t => {
  const times = refused(new Admission(terms), 0, 1_000, 150)
  t.equal(times[0], 250)
  t.equal(times.length, 75, 'and none is taken any more')
})

t.test('admission: a wait below the target in between → the burst begins anew', async t => {
  const admission = new Admission(terms)
  t.same(refused(admission, 0, 240, 150), [])
  t.ok(admission.takes(20, 240))
  t.same(refused(admission, 250, 490, 150), [])
})

t.test('admission: one that has waited for very long is refused at once', async t => {
  t.notOk(new Admission(terms).takes(500, 0))
})

t.test('admission: after a refusal the next wait over the target is refused at once, until the alert has passed', async t => {
  const admission = new Admission(terms)
  admission.takes(600, 0)
  t.ok(admission.isAlert(1_999))
  t.ok(admission.takes(99, 10), 'what has waited less is taken')
  t.notOk(admission.takes(100, 1_000), 'and this begins the alert anew')
  t.notOk(admission.takes(100, 2_999))
  t.notOk(admission.isAlert(5_000))
  t.ok(admission.takes(100, 5_000), 'a burst again')
})

t.test('property: what waits below the target is taken, what waits too long is refused, whatever came before', async () => {
  const step = fc.record({ waitedMs: fc.integer({ min: 0, max: 1_000 }), afterMs: fc.integer({ min: 0, max: 500 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const admission = new Admission(terms)
      let nowMs = 0
      let lastBelowMs = Number.NEGATIVE_INFINITY
      for (const { waitedMs, afterMs } of steps) {
        nowMs += afterMs
        const taken = admission.takes(waitedMs, nowMs)
        if (waitedMs < terms.targetMs) {
          lastBelowMs = nowMs
          if (!taken) return false
        } else if (waitedMs >= terms.waitMsMax && taken) return false
        if (!taken && !admission.isAlert(nowMs)) return false
        // Taken in spite of its wait: the queue was short not long ago, or nothing had come before.
        if (taken && waitedMs >= terms.targetMs && lastBelowMs > Number.NEGATIVE_INFINITY && admission.isAlert(nowMs))
          return false
      }
      return true
    })
  )
})

t.test('property: once the waits are short again, all are taken', async () => {
  const waits = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 100 })
  fc.assert(
    fc.property(waits, waits, (before, after) => {
      const admission = new Admission(terms)
      for (const [index, waitedMs] of before.entries()) admission.takes(waitedMs, index)
      return after.every((waitedMs, index) => admission.takes(waitedMs % terms.targetMs, before.length + index))
    })
  )
})
