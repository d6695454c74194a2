import t from 'tap'
import { ReadCheck } from '../../simulation/read-check.ts'
import { keyOfWorkload } from '../../simulation/workload.ts'
import { WriteHistory } from '../../simulation/write-history.ts'

const key = keyOfWorkload('set', 0)

/** A history and whoever judges it; `invariants` says what was violated so far, and forgets. */
function judge() {
  const history = new WriteHistory()
  const check = new ReadCheck(history, () => 0)
  const put = (...seen: number[]) => history.begin(key, 'put', seen, false)
  const invariants = () => check.violations.splice(0).map(({ invariant }) => invariant)
  const last = (...values: string[]) => {
    check.read(key, values, { acknowledged: history.of(key).acknowledged, isFinal: true }, 'the last read')
    return invariants()
  }
  return { history, check, put, last, invariants }
}

t.test('I5: the last read shows neither an acknowledged value nor what replaced it → found', async t => {
  const { history, put, last } = judge()
  const [first, second] = [put(), put()]
  history.settle(first, 'acknowledged')
  history.settle(second, 'acknowledged')
  t.same(last('0', '1'), [])
  t.same(last('1'), ['I5'])
  const third = put(0, 1)
  t.same(last('2'), [], 'a value that nobody knows the outcome of may have replaced both')
  t.same(last('0', '1'), [], 'or not')
  history.settle(third, 'acknowledged')
  t.same(last('0'), ['I5', 'I5', 'I8'], 'then both the others are back, and it is gone')
})

t.test('I5: a write that replaced an acknowledged value, and is nowhere itself, excuses nothing', async t => {
  const { history, put, last } = judge()
  history.settle(put(), 'acknowledged')
  history.settle(put(0), 'indeterminate')
  t.same(last('0'), [])
  t.same(last('1'), [])
  t.same(last(), ['I5'])
})

t.test('I6: a value that nobody wrote there → found', async t => {
  const { history, last } = judge()
  history.begin(keyOfWorkload('set', 1), 'put', [], false)
  t.same(last('0'), ['I6'])
  t.same(last('77'), ['I6'])
})

t.test('I7: a value beside one whose writer had seen it, also by way of others → found', async t => {
  const { check, put, invariants } = judge()
  put()
  put(0)
  put(1)
  put()
  check.read(key, ['2', '3'], {}, 'c1')
  t.same(invariants(), [])
  check.read(key, ['0', '2', '3'], {}, 'c1')
  t.same(invariants(), ['I7'])
})

t.test('I8: a refused write that shows, and a write that shows twice → found', async t => {
  const { history, check, put, invariants } = judge()
  history.settle(put(), 'refused')
  put()
  check.read(key, ['0'], {}, 'c1')
  t.same(invariants(), ['I8'])
  check.read(key, ['1', '1'], {}, 'c1')
  t.same(invariants(), ['I8'])
})

t.test('I10: a read that does not show what had been acknowledged when it began → found', async t => {
  const { history, check, put, invariants } = judge()
  history.settle(put(), 'acknowledged')
  const before = history.of(key).acknowledged
  history.settle(put(), 'acknowledged')
  check.read(key, ['0'], { acknowledged: before, invariant: 'I10' }, 'c1')
  t.same(invariants(), [], 'the second one came later')
  check.read(key, ['1'], { acknowledged: before, invariant: 'I10' }, 'c1')
  t.same(invariants(), ['I10'])
})

t.test('I12: what an acknowledged delete had seen shows in the end → found; what was written again is not doomed', async t => {
  const { history, put, last } = judge()
  history.settle(put(), 'acknowledged')
  const remove = history.begin(key, 'delete', [0], false)
  t.same(last(), [], 'a delete that may have happened')
  t.same(last('0'), [], 'or may not')
  history.settle(remove, 'acknowledged')
  t.same(last('0'), ['I12'])
  history.settle(put(), 'acknowledged')
  t.same(last('2'), [])
  t.same(last(), ['I5'])
})

t.test('I12: a delete without a context may have seen what was written before it ended, and nothing later', async t => {
  const { history, put, last } = judge()
  history.settle(put(), 'acknowledged')
  const remove = history.begin(key, 'delete', [], true)
  history.settle(put(), 'acknowledged')
  history.settle(remove, 'acknowledged')
  t.same(last(), [])
  history.settle(put(), 'acknowledged')
  t.same(last(), ['I5'])
  t.same(last('3'), [])
})
