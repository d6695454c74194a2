import t from 'tap'
import { HostProfiler } from '../../deploy/host-profiler.ts'
import type { ThreadProfile } from '../../deploy/thread-profile.ts'
import { isFault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { profileTableOf } from '../../runtime/cpu-profile.ts'
import { silentLog } from '../../runtime/log.ts'
import { MetricRegistry } from '../../runtime/metrics.ts'
import { VirtualClock } from '../../runtime/virtual-clock.ts'

const table = profileTableOf({ nodes: [], startTime: 0, endTime: 0 }, 1)

/** A host of two threads, each of which answers when the test says so. */
function setting() {
  const clock = new VirtualClock()
  const metrics = new MetricRegistry()
  const answers: { resolve(profile: ThreadProfile): void; reject(error: Error): void }[] = []
  const profiler = new HostProfiler({
    host: 'a',
    threads: () => ['main', 'data-0'],
    profile: () => new Promise((resolve, reject) => answers.push({ resolve, reject })),
    clock,
    log: silentLog,
    metrics
  })
  const settled = () => new Promise(resolve => setImmediate(resolve))
  const counted = (outcome: string) => metrics.snapshot()[0]?.series.find(({ labels }) => labels['outcome'] === outcome)?.value
  return { clock, answers, profiler, settled, counted }
}

t.test('host profiler: a thread that is not there, seconds beyond the limit → said, and nothing begins', async t => {
  const { profiler, answers } = setting()
  t.match(profiler.begin('data-7', 1), { code: 'not_found', detail: /there are main, data-0/ })
  for (const seconds of [0, 61, Number.NaN]) t.match(profiler.begin('main', seconds), { code: 'bad_request' })
  t.match(profiler.state(1), { code: 'not_found' })
  t.equal(answers.length, 0)
})

t.test('host profiler: one is under way → another is refused, with what runs and for how long', async t => {
  const { clock, profiler, answers, settled, counted } = setting()
  const begun = profiler.begin('data-0', 10)
  t.match(begun, { thread: 'data-0', state: 'running', left_ms: 10_000, table: null })
  clock.advance(4_000)
  t.match(profiler.begin('main', 1), { code: 'already_running', detail: /data-0.*in 6 s/ })
  t.match(profiler.piece(isFault(begun) ? '' : begun.id, 0), { code: 'unavailable' })
  answers[0]!.resolve({ table, file: new Uint8Array(3), fileBytes: 3 })
  await settled()
  t.match(profiler.state(1), { state: 'done', file_bytes: 3, left_ms: 0 })
  t.equal(counted('done'), 1)
  t.match(profiler.begin('main', 1), { state: 'running' })
})

t.test('host profiler: a file of several pieces → put together it is the file; kept for a while, then forgotten', async t => {
  const { clock, profiler, answers, settled } = setting()
  const file = Uint8Array.from({ length: limits.profilePieceBytes * 2 + 5 }, (_, at) => at * 31)
  const begun = profiler.begin('data-0', 1)
  answers[0]!.resolve({ table, file, fileBytes: file.length })
  await settled()
  const id = isFault(begun) ? '' : begun.id
  const pieces: Uint8Array[] = []
  for (let offset = 0; offset < file.length; ) {
    const piece = profiler.piece(id, offset)
    if (isFault(piece)) throw new Error(piece.detail)
    pieces.push(piece.bytes)
    offset += piece.bytes.length
  }
  t.ok(Buffer.concat(pieces).equals(file))
  t.equal(pieces.length, 3)
  t.match(profiler.piece('another', 0), { code: 'not_found' })
  clock.advance(limits.profileKeptMs)
  t.match(profiler.state(1), { code: 'not_found' })
})

t.test('host profiler: a file that is too large → the table stays, the file is refused with its size', async t => {
  const { profiler, answers, settled } = setting()
  const begun = profiler.begin('data-0', 1)
  answers[0]!.resolve({ table, file: undefined, fileBytes: limits.profileBytesMax + 1 })
  await settled()
  t.match(profiler.state(1), { state: 'done', table: { duration_ms: 0 } })
  t.match(profiler.piece(isFault(begun) ? '' : begun.id, 0), { code: 'too_large', size: limits.profileBytesMax + 1 })
})

t.test('host profiler: the thread ends meanwhile → failed, with why; the next one may begin', async t => {
  const { profiler, answers, settled, counted } = setting()
  const begun = profiler.begin('data-0', 1)
  answers[0]!.reject(new Error('the thread data-0 has ended'))
  await settled()
  t.match(profiler.state(1), { state: 'failed', error: /has ended/, table: null })
  t.match(profiler.piece(isFault(begun) ? '' : begun.id, 0), { code: 'unavailable', detail: /has ended/ })
  t.equal(counted('failed'), 1)
  t.match(profiler.begin('data-0', 1), { state: 'running' })
  profiler.close()
  answers[1]!.resolve({ table, file: undefined, fileBytes: 0 })
  await settled()
  t.match(profiler.state(1), { code: 'not_found' }, 'a host that stops keeps nothing')
})
