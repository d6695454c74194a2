import t from 'tap'
import { diskUseOf, loadSampleOf } from '../../deploy/scale/load-sample.ts'

t.test('the disk of a host: blocks kept for the system → neither used nor room', async t => {
  const use = diskUseOf({ blocks: 1_000, bsize: 4_096, bfree: 890, bavail: 290 })
  t.same(use, { bytes: 400 * 4_096, used: 110 * 4_096 })
})

t.test('a sample of a host: its disk is used in part; of a directory that is not there nothing is known', async t => {
  const { diskBytes, diskUsedBytes } = loadSampleOf([], t.testdir(), 0)
  t.ok(diskUsedBytes > 0 && diskUsedBytes <= diskBytes)
  t.match(loadSampleOf([], '/there/is/no/such/directory', 0), { diskBytes: 0, diskUsedBytes: 0 })
})
