import t from 'tap'
import { silentLog } from '../../runtime/log.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { incarnationsFrom, ThreadGroup, type ThreadGroupOptions, type ThreadGroupSpec } from '../../runtime/thread-group.ts'
import type { ThreadEnd, ThreadSpec, WorkerHost } from '../../runtime/worker-host.ts'
import type { ThreadFixtureConfig } from './fixtures/thread.ts'
import { until } from './until.ts'

const module = new URL('./fixtures/thread.js', import.meta.url)

function thread(
  name: string,
  options: Partial<ThreadSpec> & { readonly fixture?: (life: number) => Partial<ThreadFixtureConfig> } = {}
): ThreadSpec {
  const { fixture, ...spec } = options
  const configure = (life: number) => ({ config: { failStart: false, neverDrains: false, ...fixture?.(life) } })
  return { name, module, configure, heartbeatMs: 50, ...spec }
}

function group(
  threads: readonly ThreadSpec[],
  spec: Partial<ThreadGroupSpec> = {},
  options: Partial<ThreadGroupOptions> = {}
): { readonly threads: ThreadGroup; readonly ends: ThreadEnd[]; readonly replaced: string[]; readonly gaveUp: Error[] } {
  const ends: ThreadEnd[] = []
  const replaced: string[] = []
  const gaveUp: Error[] = []
  const made = new ThreadGroup(
    { name: 'threads', strategy: 'one-for-one', intensity: 3, periodMs: 60_000, threads, ...spec },
    {
      host: 'h',
      clock: systemClock,
      log: silentLog,
      incarnationBase: incarnationsFrom(systemClock),
      beforeReplace: end => void ends.push(end),
      onReplaced: name => replaced.push(name),
      onGiveUp: error => gaveUp.push(error),
      ...options
    }
  )
  return { threads: made, ends, replaced, gaveUp }
}

/** The answer may die with the thread. */
async function kill(thread: WorkerHost, how: string): Promise<void> {
  await thread.command(how, undefined).catch(() => undefined)
}

const deaths: readonly {
  readonly how: string
  readonly command: string
  readonly error: RegExp
  readonly spec?: Partial<ThreadSpec>
}[] = [
  { how: 'throws where nobody catches', command: 'throw', error: /nobody catches this/ },
  { how: 'rejects where nobody awaits', command: 'reject', error: /nobody awaits this/ },
  { how: 'calls process.exit', command: 'exit', error: /exited with code 7/ },
  { how: 'blocks in an endless loop', command: 'spin', error: /silent for 1000 ms/, spec: { silenceMs: 1_000 } },
  {
    how: 'runs out of memory',
    command: 'hoard',
    error: /memory/i,
    spec: { resourceLimits: { maxOldGenerationSizeMb: 24 }, silenceMs: 60_000 }
  }
]

for (const { how, command, error, spec } of deaths) {
  t.test(`threads: one that ${how} is replaced; the other goes on, and both answer`, async t => {
    const { threads, ends, replaced } = group([thread('one', spec), thread('two')])
    await threads.start()
    const one = threads.thread('one')!
    const before = (await threads.describe()).children
    await kill(one, command)
    await until('the replacement', () => replaced.length === 1)
    t.same(replaced, ['one'])
    t.equal(ends.length, 1)
    t.match(ends[0]!.error?.message, error)
    t.equal(ends[0]!.life, 1)
    t.equal(await one.command('echo', 'here'), 'here')
    const [after, other] = (await threads.describe()).children
    t.equal(after!.restarts, 1)
    t.equal(after!.state, 'running')
    t.match(after!.last_crash?.error, error)
    t.equal(other!.restarts, 0)
    t.equal(
      other!.children[0]!.children[0]!.incarnation,
      before[1]!.children[0]!.children[0]!.incarnation,
      'the same incarnation'
    )
    t.ok(
      after!.children[0]!.children[0]!.incarnation > before[0]!.children[0]!.children[0]!.incarnation,
      'I22: a number never used before'
    )
    await threads.stop()
    t.equal(one.state, 'stopped')
  })
}

t.test(
  'threads: an actor that crashes restarts within its thread; the second crash within the period makes main replace the thread',
  async t => {
    const { threads, ends, replaced } = group([thread('one')])
    await threads.start()
    const one = threads.thread('one')!
    await one.command('tell', { kind: 'crash' })
    await until('the crash report', () => one.crashes().length === 1)
    t.match(one.crashes()[0], {
      actor: 'worker',
      kind: 'worker',
      message_kind: 'crash',
      error: 'Error: the actor crashes',
      summary: { pings: 0 }
    })
    const worker = (await one.describe()).children[0]!.children[0]!
    t.match(worker, { name: 'worker', state: 'running', restarts: 1, last_crash: { message_kind: 'crash' } })
    await one.command('tell', { kind: 'crash' })
    await until('the replacement', () => replaced.length === 1)
    t.match(ends[0]!.error?.message, /supervisor root gave up/)
    await threads.stop()
  }
)

t.test('threads: the first start fails → start() rejects with the cause, and the thread before it is stopped', async t => {
  const { threads } = group([thread('one'), thread('two', { fixture: () => ({ failStart: true }) })])
  await t.rejects(threads.start(), { message: /thread two did not start/, cause: { message: /this life does not start/ } })
  t.equal(threads.thread('one')!.state, 'stopped')
})

t.test('threads: replacements that fail to start count as restarts, until the group gives up and stops all', async t => {
  const { threads, gaveUp } = group([thread('one', { fixture: life => ({ failStart: life > 1 }) }), thread('two')], {
    intensity: 2,
    backoff: { baseMs: 1, maxMs: 5 }
  })
  await threads.start()
  await kill(threads.thread('one')!, 'exit')
  await until('giving up', () => gaveUp.length === 1)
  t.match(gaveUp[0]!.message, /threads gave up: more than 2 restarts/)
  t.equal(threads.thread('two')!.state, 'stopped')
})

t.test('threads: one-for-all → the death of one replaces both', async t => {
  const { threads, replaced } = group([thread('one'), thread('two')], { strategy: 'one-for-all' })
  await threads.start()
  await kill(threads.thread('two')!, 'exit')
  await until('both are replaced', () => replaced.length === 2)
  t.same(replaced, ['one', 'two'])
  await threads.stop()
})

t.test('threads: beforeReplace is awaited before the replacement starts', async t => {
  const order: string[] = []
  let open: () => void = () => undefined
  const gate = new Promise<void>(resolve => (open = resolve))
  const { threads } = group(
    [
      thread('one', {
        fixture: life => {
          order.push(`life ${life}`)
          return {}
        }
      })
    ],
    {},
    {
      beforeReplace: async () => {
        order.push('repair')
        await gate
        order.push('repaired')
      },
      onReplaced: () => order.push('replaced')
    }
  )
  await threads.start()
  await kill(threads.thread('one')!, 'exit')
  await until('the repair', () => order.includes('repair'))
  open()
  await until('the replacement', () => order.includes('replaced'))
  t.same(order, ['life 1', 'repair', 'repaired', 'life 2', 'replaced'])
  await threads.stop()
})

t.test('threads: one that never drains is stopped all the same, within its bounds', async t => {
  const { threads } = group([thread('one', { drainMs: 50, fixture: () => ({ neverDrains: true }) })])
  await threads.start()
  await threads.stop()
  t.match((await threads.describe()).children[0], {
    state: 'stopped',
    last_crash: { error: /did not answer 'drain' within 50 ms/ }
  })
})

t.test('threads: a command that the thread does not know is refused with a sentence; one to a dead thread too', async t => {
  const { threads } = group([thread('one')])
  await threads.start()
  const one = threads.thread('one')!
  t.equal(threads.thread('three'), undefined)
  await t.rejects(one.command('dance', undefined), { message: /no command dance/ })
  const metrics = await one.metrics()
  t.ok(metrics.some(family => family.name === 'actors'))
  await threads.stop()
  await t.rejects(one.command('echo', 1), { message: /does not run/ })
})

t.test('threads: one that stands in native code cannot be terminated → main is told, so that it can end the process', async t => {
  const stuck: Error[] = []
  const one = thread('one', { silenceMs: 200, exitMs: 200 })
  const { threads, replaced } = group([one], {}, { onStuck: error => stuck.push(error) })
  await threads.start()
  await kill(threads.thread('one')!, 'block')
  await until('it is told', () => stuck.length === 1)
  t.match(stuck[0], { message: /could not be terminated within 200 ms/, cause: { message: /silent for 200 ms/ } })
  await until('it ends in the end', () => replaced.length === 1)
  await threads.stop()
})

t.test(
  'threads: prepared, then started → their first lives, in order; prepared and never started → the stop ends them',
  async t => {
    const begun: string[] = []
    const named = (name: string): ThreadSpec => {
      const spec = thread(name)
      return {
        ...spec,
        configure: life => {
          begun.push(`${name} ${life}`)
          return spec.configure(life)
        }
      }
    }
    const { threads, ends } = group([named('one'), named('two')])
    threads.prepare()
    await threads.stop()
    t.same(begun, [])
    t.same(
      threads.threads().map(({ state }) => state),
      ['stopped', 'stopped']
    )
    threads.prepare()
    await threads.start()
    t.throws(() => threads.prepare(), /run already/)
    t.same(begun, ['one 2', 'two 2'])
    t.equal(await threads.thread('two')!.command('echo', 'here'), 'here')
    await threads.stop()
    t.same(ends, [], 'whoever is stopped is not replaced')
  }
)

t.test('threads: a module that does not load → said by the start, though the thread was prepared', async t => {
  const { threads } = group([thread('one', { module: new URL('./fixtures/no-such-thread.js', import.meta.url) })])
  threads.prepare()
  await t.rejects(threads.start(), { message: 'the thread one did not start', cause: { message: /no-such-thread/ } })
  await threads.stop()
})
