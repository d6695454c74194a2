import t from 'tap'
import { checkMoves } from './ring-moves.ts'

t.test('D1, D2, I19: 130 clusters of 3 to 100 equal hosts in three zones, one takes the place of another', async t =>
  checkMoves(t, 'replace', { clusters: 130, seed: 107, isWeighted: false, medianMax: 1, mostMax: 1 })
)

t.test('D1, D2, I19: 130 clusters of 3 to 100 hosts of weights 1 to 8 in three zones, one takes the place of another', async t =>
  checkMoves(t, 'replace', { clusters: 130, seed: 108, isWeighted: true, medianMax: 1, mostMax: 1 })
)
