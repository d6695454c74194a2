import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { runBench } from '../../api/bench/bench.ts'
import { storeFirstValues } from '../../api/bench/first-values.ts'
import { OpenedTargets, openPeers } from '../../api/bench/opening.ts'
import { measureByTurns, type Contender } from '../../api/bench/rounds.ts'
import { PeerMissing, type Target } from '../../api/bench/target.ts'

interface Seen {
  readonly order: string[]
  readonly closed: string[]
}

/** A store in memory that remembers in which order it was asked, each of a row of equal ones once. */
function memoryTarget(name: string, seen: Seen): Target {
  const pairs = new Map<string, Uint8Array>()
  const note = (what: string) => {
    if (seen.order.at(-1) !== what) seen.order.push(what)
  }
  return {
    name,
    version: '1',
    less: 'forgets',
    modes: [
      {
        name: '',
        promise: 'nothing',
        async put(key, value) {
          note(`${name} put`)
          await turn()
          pairs.set(key, value)
        },
        async get(key) {
          note(`${name} get`)
          await turn()
          return pairs.get(key)
        }
      }
    ],
    prepare: async (key, value) => void pairs.set(key, value),
    processes: async () => [],
    close: async () => void seen.closed.push(name)
  }
}

function contenders(names: readonly string[], seen: Seen): Contender[] {
  return names.flatMap(name => {
    const target = memoryTarget(name, seen)
    const mode = target.modes[0]!
    return [
      { target, mode, op: 'put' as const, work: () => mode.put!('key', new Uint8Array(1)) },
      { target, mode, op: 'get' as const, work: () => mode.get!('key') }
    ]
  })
}

const load = { inFlight: 2, rate: 0, seconds: 0.01 }
const plan = { rounds: 3, warmUpSeconds: 0, load, loadName: '2 in flight' }

t.test('rounds: each system has its turn before any has its next, warm-up included', async t => {
  const seen: Seen = { order: [], closed: [] }
  const told: string[] = []
  const all = contenders(['a', 'b', 'c'], seen)
  const measured = await measureByTurns(
    all,
    { ...plan, warmUpSeconds: 0.01 },
    line => told.push(line),
    () => false
  )
  const once = ['a', 'b', 'c'].flatMap(name => [`${name} put`, `${name} get`])
  t.same(seen.order, [...once, ...once, ...once, ...once])
  t.same(
    measured.map(rounds => rounds.length),
    all.map(() => 3)
  )
  t.ok(measured.flat().every(({ result }) => result.errors.size === 0))
  t.equal(told[0], 'a: put, 2 in flight, warming up')
  t.equal(told.at(-1), 'c: get, 2 in flight, round 3 of 3')
})

t.test('rounds: stopped in the middle, the rounds that are complete remain', async t => {
  const seen: Seen = { order: [], closed: [] }
  const all = contenders(['a', 'b'], seen)
  // It is asked for at the begin of the second round of b's puts.
  let isStopped = false
  const measured = await measureByTurns(
    all,
    plan,
    line => {
      isStopped = line === 'b: put, 2 in flight, round 2 of 3'
    },
    () => isStopped
  )
  t.same(
    measured.map(rounds => rounds.length),
    [2, 2, 1, 1]
  )
})

t.test(
  'peers: one whose program is missing is left out with what to install, one that fails with why; the others stay',
  async t => {
    const seen: Seen = { order: [], closed: [] }
    const told: string[] = []
    const opened = new OpenedTargets()
    const skipped = await openPeers(
      {
        absent: async () => {
          throw new PeerMissing('absent-server is not on the PATH: install the Debian package absent')
        },
        broken: async () => {
          throw new Error('no leader within 30 s')
        },
        memory: async () => memoryTarget('memory', seen)
      },
      { keys: 1, valueBytes: 1 },
      opened,
      line => told.push(line)
    )
    t.same(skipped, [
      { peer: 'absent', reason: 'absent-server is not on the PATH: install the Debian package absent', is_failure: false },
      { peer: 'broken', reason: 'no leader within 30 s', is_failure: true }
    ])
    t.same(
      opened.targets.map(each => each.name),
      ['memory']
    )
    t.ok(told.includes('absent is left out: absent-server is not on the PATH: install the Debian package absent'))
    await opened.close()
    t.same(seen.closed, ['memory'])
  }
)

t.test(
  'first values: refused now and then → tried again; refused for good by a peer → it is left out, by the store itself → rejects',
  async t => {
    const seen: Seen = { order: [], closed: [] }
    const first = { keys: ['a', 'b', 'c'], value: () => new Uint8Array(1), onProgress: () => {}, stopped: () => false }
    let refusals = 0
    const stored: string[] = []
    const busy: Target = {
      ...memoryTarget('busy', seen),
      async prepare(key) {
        if (refusals++ % 2 === 0) throw new Error('overloaded')
        stored.push(key)
      }
    }
    const full: Target = {
      ...memoryTarget('full', seen),
      prepare: async () => {
        throw new Error('no space')
      }
    }
    const { ready, skipped } = await storeFirstValues([busy, full, memoryTarget('memory', seen)], first)
    t.same(stored.toSorted(), first.keys)
    t.same(
      ready.map(each => each.name),
      ['busy', 'memory']
    )
    t.same(skipped, [{ peer: 'full', reason: 'it did not take the first values: no space', is_failure: true }])
    await t.rejects(storeFirstValues([full], first), { message: 'no space' })
  }
)

t.test('what was opened is closed, the last one first, also where one of them fails to close', async t => {
  const seen: Seen = { order: [], closed: [] }
  const opened = new OpenedTargets()
  for (const name of ['a', 'b', 'c']) {
    const target = memoryTarget(name, seen)
    opened.add(
      name === 'b'
        ? {
            ...target,
            close: async () => {
              throw new Error('b does not end')
            }
          }
        : target
    )
  }
  await t.rejects(opened.close(), { message: 'b does not end' })
  t.same(seen.closed, ['c', 'a'])
})

t.test('bench: the cluster fails → what was started for it is stopped', async t => {
  let stops = 0
  const startCluster = async () => ({
    servers: ['not a server'],
    stop: async () => {
      stops += 1
    }
  })
  await t.rejects(runBench({ servers: [], startCluster }), { code: 'bad_request' })
  t.equal(stops, 1)
})

t.test('bench: stopped before it began, there are no rows and nothing was started', async t => {
  const seen: Seen = { order: [], closed: [] }
  const report = await runBench({
    servers: ['nats://127.0.0.1:1'],
    signal: AbortSignal.abort(),
    peers: { memory: async () => memoryTarget('memory', seen) }
  })
  t.same(report.rows, [])
  t.same(report.ratios, [])
  t.same(report.skipped, [])
  t.ok(report.targets?.every(each => each.outcome === 'not measured'))
  t.same(seen.closed, [])
})
