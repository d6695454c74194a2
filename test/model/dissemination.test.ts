import fc from 'fast-check'
import t from 'tap'
import { Dissemination, spreadLimit } from '../../model/dissemination.ts'
import { ProbeOrder } from '../../model/probe-order.ts'

t.test('dissemination: every piece of news is told as often as the limit says and no more, the least told first', async () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 6 }),
      (uids, count, limit) => {
        const news = new Dissemination()
        for (const uid of uids) news.add(uid)
        const told = new Map<number, number>()
        for (let round = 0; news.size > 0; round++) {
          if (round > uids.length * limit) return false
          const taken = news.take(count, limit)
          if (new Set(taken).size !== taken.length || taken.length > count) return false
          for (const uid of taken) told.set(uid, (told.get(uid) ?? 0) + 1)
          const counts = uids.map(uid => told.get(uid) ?? 0)
          if (Math.max(...counts) - Math.min(...counts) > 1) return false
        }
        return uids.every(uid => told.get(uid) === limit)
      }
    )
  )
})

t.test('dissemination: what is new again is told from the beginning; a limit grows as the logarithm of the cluster', async t => {
  const news = new Dissemination()
  news.add(1)
  t.same(news.take(5, 2), [1])
  news.add(1)
  t.same([news.take(5, 2), news.take(5, 2), news.take(5, 2)], [[1], [1], []])
  t.same([3, 10, 100, 1000].map(spreadLimit), [4, 8, 12, 16])
})

t.test('probe order: each pass holds everyone once; where nobody is wanted it says so', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 20 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (count, draws) => {
        const order = new ProbeOrder()
        const draw = (): number => draws.next().value as number
        for (let uid = 0; uid < count; uid++) order.add(uid, draw())
        const yes = (): boolean => true
        for (let pass = 0; pass < 4; pass++) {
          const seen = new Set<number>()
          for (let turn = 0; turn < count; turn++) seen.add(order.next(yes, yes, draw) as number)
          if (seen.size !== count) return false
        }
        return order.next(() => false, yes, draw) === undefined
      }
    )
  )
})
