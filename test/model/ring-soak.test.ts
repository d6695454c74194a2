// test: soak, seconds 1800
import t from 'tap'
import { checkMoves } from './ring-moves.ts'

// A thousand clusters, where the tests beside it take a hundred of each kind.
for (const [kind, seed] of [
  ['join', 201],
  ['leave', 202]
] as const) {
  t.test(`D1, D2, I19: 500 clusters of 3 to 100 hosts of weights 1 to 8 in three zones, ${kind}`, async t =>
    checkMoves(t, kind, { clusters: 500, seed, isWeighted: true, medianMax: 1.1, mostMax: 1.25 })
  )
}
