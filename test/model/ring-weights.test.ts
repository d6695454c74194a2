import t from 'tap'
import { checkMoves } from './ring-moves.ts'

t.test('D1, D2, I19: 130 clusters of 3 to 100 equal hosts in three zones, one gets another weight', async t =>
  checkMoves(t, 'weight', { clusters: 130, seed: 105, isWeighted: false, medianMax: 1.1, mostMax: 1.25 })
)

t.test('D1, D2, I19: 130 clusters of 3 to 100 hosts of weights 1 to 8 in three zones, one gets another weight', async t =>
  checkMoves(t, 'weight', { clusters: 130, seed: 106, isWeighted: true, medianMax: 1.1, mostMax: 1.5 })
)
