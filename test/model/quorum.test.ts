import fc from 'fast-check'
import t from 'tap'
import { isFault } from '../../model/fault.ts'
import { consistencyLevels, Quorum, resolveQuorum, strength, type Verdict } from '../../model/quorum.ts'

t.test('quorum: N=3 W=2, two failures → unmet before the deadline', async t => {
  const quorum = new Quorum({ n: 3, needed: 2, primariesNeeded: 0, durableNeeded: 0, asked: 3 })
  t.equal(quorum.verdict, 'waiting')
  t.equal(quorum.failed(), 'waiting')
  t.equal(quorum.failed(), 'unmet')
})

t.test('quorum: N=3 W=2, two acknowledgements → met, and stays met when the third fails', async t => {
  const quorum = new Quorum({ n: 3, needed: 2, primariesNeeded: 0, durableNeeded: 0, asked: 3 })
  t.equal(quorum.acknowledged(true, false), 'waiting')
  t.equal(quorum.acknowledged(true, false), 'met')
  t.equal(quorum.failed(), 'met')
  t.equal(quorum.acknowledgements, 2)
  t.equal(quorum.outstanding, 0)
})

t.test(
  'quorum: DW=2, two replicas committed but not flushed → waits for the third, unmet when that is not durable either',
  async t => {
    const of = () => new Quorum({ n: 3, needed: 2, primariesNeeded: 0, durableNeeded: 1, asked: 3 })
    const late = of()
    t.equal(late.acknowledged(true, false), 'waiting')
    t.equal(late.acknowledged(true, false), 'waiting')
    t.equal(late.acknowledged(true, true), 'met')
    const never = of()
    never.acknowledged(true, false)
    never.acknowledged(true, false)
    t.equal(never.acknowledged(true, false), 'unmet')
  }
)

t.test(
  'quorum: PW=2 with one primary down and a fallback in its place → met by both primaries, unmet when one of them fails',
  async t => {
    const of = () => new Quorum({ n: 3, needed: 2, primariesNeeded: 2, durableNeeded: 0, asked: 3, primariesAsked: 2 })
    const good = of()
    good.acknowledged(false, true)
    t.equal(good.acknowledged(true, true), 'waiting')
    t.equal(good.acknowledged(true, true), 'met')
    const bad = of()
    t.equal(bad.failed(true), 'unmet')
    t.equal(bad.acknowledged(false, true), 'unmet')
  }
)

t.test('quorum: N=3 W=2, two failed, a fallback is asked → waiting again, then met', async t => {
  const quorum = new Quorum({ n: 3, needed: 2, primariesNeeded: 0, durableNeeded: 0, asked: 3 })
  quorum.failed()
  t.equal(quorum.failed(), 'unmet')
  t.equal(quorum.askedAnother(false), 'waiting')
  quorum.acknowledged(true, true)
  t.equal(quorum.acknowledged(false, true), 'met')
})

t.test('quorum: an answer nobody asked for, or terms that do not fit → RangeError', async t => {
  const quorum = new Quorum({ n: 1, needed: 1, primariesNeeded: 0, durableNeeded: 0, asked: 1 })
  quorum.acknowledged(true, true)
  t.throws(() => quorum.failed(), RangeError)
  t.throws(() => new Quorum({ n: 3, needed: 4, primariesNeeded: 0, durableNeeded: 0, asked: 3 }), RangeError)
  t.throws(() => new Quorum({ n: 3, needed: 0, primariesNeeded: 0, durableNeeded: 0, asked: 3 }), RangeError)
  t.throws(() => new Quorum({ n: 3, needed: 2, primariesNeeded: 0, durableNeeded: 0, asked: 2, primariesAsked: 3 }), RangeError)
})

t.test(
  'quorum: any terms, any answers: met and unmet come with the first answer that decides, by trying every way to go on',
  async () => {
    interface Answers {
      readonly acknowledged: number
      readonly primaries: number
      readonly durable: number
    }
    const terms = fc.integer({ min: 1, max: 4 }).chain(n =>
      fc.record({
        n: fc.constant(n),
        needed: fc.integer({ min: 1, max: n }),
        primariesNeeded: fc.nat(n),
        durableNeeded: fc.nat(n),
        asked: fc.constant(n),
        primariesAsked: fc.nat(n)
      })
    )
    fc.assert(
      fc.property(
        terms,
        fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), { minLength: 4, maxLength: 4 }),
        (given, answers) => {
          const isMet = (a: Answers) =>
            a.acknowledged >= given.needed && a.primaries >= given.primariesNeeded && a.durable >= given.durableNeeded
          const canBeMet = (a: Answers, primariesLeft: number, fallbacksLeft: number): boolean =>
            isMet(a) ||
            (primariesLeft > 0 &&
              (canBeMet(
                { acknowledged: a.acknowledged + 1, primaries: a.primaries + 1, durable: a.durable + 1 },
                primariesLeft - 1,
                fallbacksLeft
              ) ||
                canBeMet(a, primariesLeft - 1, fallbacksLeft))) ||
            (fallbacksLeft > 0 &&
              canBeMet({ ...a, acknowledged: a.acknowledged + 1, durable: a.durable + 1 }, primariesLeft, fallbacksLeft - 1))
          const quorum = new Quorum(given)
          let primariesLeft = given.primariesAsked
          let fallbacksLeft = given.asked - given.primariesAsked
          let so: Answers = { acknowledged: 0, primaries: 0, durable: 0 }
          const expected = (): Verdict => (isMet(so) ? 'met' : canBeMet(so, primariesLeft, fallbacksLeft) ? 'waiting' : 'unmet')
          if (quorum.verdict !== expected()) return false
          for (const [acknowledges, primary, durable] of answers.slice(0, given.asked)) {
            const isPrimary = primariesLeft > 0 && (primary || fallbacksLeft === 0)
            if (isPrimary) primariesLeft--
            else fallbacksLeft--
            if (acknowledges) {
              so = {
                acknowledged: so.acknowledged + 1,
                primaries: so.primaries + Number(isPrimary),
                durable: so.durable + Number(durable)
              }
            }
            const verdict = acknowledges ? quorum.acknowledged(isPrimary, durable) : quorum.failed(isPrimary)
            if (verdict !== expected()) return false
          }
          return true
        }
      ),
      { numRuns: 5000 }
    )
  }
)

t.test('resolveQuorum: named levels for every n, a number wins over a level, the bucket over the default', async t => {
  t.same(resolveQuorum({}, 3, 'read'), { needed: 2, primaries: 0, durable: 0 })
  t.same(resolveQuorum({}, 3, 'write', 3), { needed: 3, primaries: 0, durable: 0 })
  t.same(resolveQuorum({ level: 'one' }, 3, 'write', 3), { needed: 1, primaries: 0, durable: 0 })
  t.same(resolveQuorum({ level: 'all' }, 5, 'read'), { needed: 5, primaries: 0, durable: 0 })
  for (const level of ['quorum', 'local_quorum', 'each_quorum'] as const) {
    for (const [n, needed] of [
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 3],
      [5, 3]
    ] as const)
      t.match(resolveQuorum({ level }, n, 'write'), { needed })
  }
  t.match(resolveQuorum({ level: 'all', replicas: 1 }, 3, 'read'), { needed: 1 })
  t.same(
    resolveQuorum({ replicas: 1, primaries: 2, durable: 3 }, 3, 'write'),
    { needed: 3, primaries: 2, durable: 3 },
    'DW and PW are among W'
  )
})

t.test(
  'resolveQuorum: anything but a whole number from 1 to n → bad_request that names the parameter, the value and n',
  async t => {
    t.match(resolveQuorum({ replicas: 4 }, 3, 'read'), {
      code: 'bad_request',
      detail: 'r is 4: it is a whole number from 1 to n, and n is 3'
    })
    t.match(resolveQuorum({ replicas: 4 }, 3, 'write'), { code: 'bad_request', detail: /^w is 4/ })
    t.match(resolveQuorum({ primaries: 9 }, 3, 'read'), { detail: /^pr is 9/ })
    t.match(resolveQuorum({ primaries: -1 }, 3, 'write'), { detail: /^pw is -1/ })
    t.match(resolveQuorum({ durable: 1.5 }, 3, 'write'), { detail: /^dw is 1.5/ })
    t.match(resolveQuorum({ durable: 1 }, 3, 'read'), { code: 'bad_request', detail: /dw/ })
    t.match(resolveQuorum({ level: 'most' as 'one' }, 3, 'read'), {
      detail: `consistency is "most": allowed are ${consistencyLevels.join(', ')}`
    })
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.integer()), fc.integer({ min: 1, max: 16 }), (value, n) => {
        const bad = value !== 0 && !(Number.isInteger(value) && value >= 1 && value <= n)
        return ['replicas', 'primaries', 'durable'].every(name => isFault(resolveQuorum({ [name]: value }, n, 'write')) === bad)
      })
    )
  }
)

t.test('strength: K2, strong where R+W>N, sloppy where fallbacks stood in, weak else', async t => {
  t.equal(strength(2, 2, 3, false), 'strong')
  t.equal(strength(1, 3, 3, false), 'strong')
  t.equal(strength(2, 2, 3, true), 'sloppy')
  t.equal(strength(1, 2, 3, false), 'weak')
  t.equal(strength(1, 1, 3, true), 'weak')
  t.equal(strength(1, 1, 1, false), 'strong')
})
