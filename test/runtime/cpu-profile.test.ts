import fc from 'fast-check'
import t from 'tap'
import { type CpuProfile, profileTableOf } from '../../runtime/cpu-profile.ts'

const frame = (functionName: string, url = 'file:///home/build/a.js', lineNumber = 0) => ({
  functionName,
  url,
  lineNumber,
  columnNumber: 0
})

/** Trees of few functions, so that recursion happens, with V8's own nodes among them, and samples that may be out of order. */
const profiles: fc.Arbitrary<CpuProfile> = fc
  .record({
    shape: fc.array(fc.tuple(fc.nat(), fc.constantFrom('f', 'g', 'h', '', '(idle)', '(program)', '(garbage collector)')), {
      maxLength: 40
    }),
    samples: fc.array(fc.tuple(fc.nat(), fc.integer({ min: -50, max: 2_000 })), { maxLength: 200 }),
    tailUs: fc.integer({ min: 0, max: 1_000 })
  })
  .map(({ shape, samples, tailUs }) => {
    const children: number[][] = [[], ...shape.map(() => [])]
    for (const [at, [parent]] of shape.entries()) children[parent % (at + 1)]!.push(at + 2)
    const names = ['(root)', ...shape.map(([, name]) => name)]
    return {
      nodes: names.map((name, at) => ({
        id: at + 1,
        callFrame: frame(name, name.startsWith('(') ? '' : undefined),
        children: children[at]!
      })),
      startTime: 1_000,
      endTime: 1_000 + samples.reduce((sum, [, deltaUs]) => sum + deltaUs, 0) + tailUs,
      samples: samples.map(([node]) => (node % names.length) + 1),
      timeDeltas: samples.map(([, deltaUs]) => deltaUs)
    }
  })

t.test('profile: any tree and samples → garbage, native code and the functions themselves share the busy time', async () => {
  fc.assert(
    fc.property(profiles, profile => {
      const table = profileTableOf(profile, Number.POSITIVE_INFINITY)
      const own = table.functions.reduce((sum, row) => sum + row.self_share, 0)
      const sum = table.garbage_share + table.native_share + own
      const isWhole = table.busy_ms > 0 ? Math.abs(sum - 1) < 1e-9 : sum === 0
      const idleMs = table.duration_ms * table.idle_share
      return isWhole && Math.abs(idleMs + table.busy_ms - table.duration_ms) < 1e-6
    })
  )
})

t.test('profile: any tree and samples → no function takes less with its callees than alone, nor more than all', async () => {
  fc.assert(
    fc.property(profiles, profile => {
      const { functions, duration_ms } = profileTableOf(profile, Number.POSITIVE_INFINITY)
      return functions.every(row => row.total_ms >= row.self_ms - 1e-9 && row.total_ms <= duration_ms + 1e-9)
    })
  )
})

t.test('profile: a function that calls itself → its time counts once; a sample reaches to the next one', async t => {
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 5, 6] },
      { id: 2, callFrame: frame('f', undefined, 6), children: [3] },
      { id: 3, callFrame: frame('g', 'file:///x/node_modules/lmdb/open.js', 9), children: [4] },
      { id: 4, callFrame: frame('f', undefined, 6) },
      { id: 5, callFrame: frame('(idle)', '') },
      { id: 6, callFrame: frame('(garbage collector)', '') }
    ],
    startTime: 0,
    endTime: 10_000,
    samples: [2, 4, 3, 5, 6],
    timeDeltas: [500, 1_000, 1_000, 2_000, 4_000]
  }
  const table = profileTableOf(profile, 10, 'file:///home/build/')
  // f 1 and 2 ms, g 1 ms: of 2 (f), 4 (f below g), 3 (g); idle 4 ms, garbage the rest.
  t.match(table, { duration_ms: 9.5, samples: 5, busy_ms: 5.5, functions_seen: 2 })
  t.equal(table.idle_share, 4 / 9.5)
  t.equal(table.garbage_share, 1.5 / 5.5)
  t.same(
    table.functions.map(({ function: name, place, self_ms, total_ms }) => [name, place, self_ms, total_ms]),
    [
      ['f', 'a.js:7', 2, 4],
      ['g', 'lmdb/open.js:10', 2, 3]
    ]
  )
  const [most] = profileTableOf(profile, 1).functions
  t.equal(most?.place, 'file:///home/build/a.js:7')
})

t.test('profile: nothing was sampled → an empty table, no division by nothing', async t => {
  const table = profileTableOf({ nodes: [], startTime: 5, endTime: 5 }, 10)
  t.match(table, { duration_ms: 0, samples: 0, idle_share: 0, garbage_share: 0, native_share: 0, functions: [] })
})
