import fc from 'fast-check'
import type { Test } from 'tap'
import { type Fault, isFault } from '../../model/fault.ts'
import { keyOf, keyOfText, type Key } from '../../model/key.ts'
import { CorruptRecord, type Store } from '../../storage/store.ts'
import { drop, Outcome, put, scanAll, type StoreHarness } from './store-harness.ts'

function bytes(text: string): Buffer {
  return Buffer.from(text)
}

function text(record: Uint8Array | undefined): string | undefined {
  return record === undefined ? undefined : Buffer.from(record).toString()
}

const a = keyOfText('b', 'a')

/** What every store promises. @param newHarness a fresh, empty disk */
export function storeContract(t: Test, newHarness: () => Promise<StoreHarness>): void {
  const withStore = (name: string, body: (t: Test, store: Store, harness: StoreHarness) => Promise<void>): void => {
    void t.test(name, async t => {
      const harness = await newHarness()
      try {
        await body(t, await harness.open(), harness)
      } finally {
        await harness.end()
      }
    })
  }

  withStore('a write is read at once, before it is settled', async (t, store) => {
    t.equal(store.read(3, a), undefined, 'nothing is there before')
    const outcome = new Outcome()
    store.write(3, a, bytes('one'), 'flushed', outcome)
    t.equal(text(store.read(3, a)), 'one')
    t.equal(outcome.calls, 0, 'the completion is not called from within the write')
    t.equal((await outcome.done).fault, undefined)
    t.equal(text(store.read(3, a)), 'one')
  })

  withStore('the same key in two partitions names two pairs', async (t, store) => {
    await put(store, 3, a, bytes('three'))
    await put(store, 65_535, a, bytes('last'))
    t.equal(text(store.read(3, a)), 'three')
    t.equal(text(store.read(65_535, a)), 'last')
    t.equal(store.read(4, a), undefined)
    t.same(scanAll(store, 65_535, 10), [[a, 'last']])
  })

  withStore('writes of one durability settle in their order, each exactly once', async (t, store) => {
    const order: number[] = []
    const writes: Promise<unknown>[] = []
    const outcomes: Outcome[] = []
    for (let number = 0; number < 500; number++) {
      const outcome = new Outcome()
      outcomes.push(outcome)
      writes.push(outcome.done.then(() => order.push(number)))
      store.write(
        number % 7,
        keyOfText('b', `k${number % 50}`),
        bytes(String(number)),
        number % 2 === 0 ? 'flushed' : 'committed',
        outcome
      )
      if (number % 90 === 0) await new Promise(setImmediate)
    }
    await Promise.all(writes)
    for (const rest of [0, 1]) {
      const ofOneKind = order.filter(number => number % 2 === rest)
      t.same(
        ofOneKind,
        [...ofOneKind].sort((x, y) => x - y)
      )
    }
    t.ok(outcomes.every(outcome => outcome.calls === 1 && outcome.fault === undefined))
  })

  withStore('a key that is written over while it is being flushed holds the newest record', async (t, store, harness) => {
    const outcomes: Promise<Outcome>[] = []
    for (let number = 0; number < 300; number++) {
      const outcome = new Outcome()
      store.write(1, a, bytes(String(number)), number % 3 === 0 ? 'committed' : 'flushed', outcome)
      outcomes.push(outcome.done)
      t.equal(text(store.read(1, a)), String(number))
      if (number % 10 === 0) await new Promise(setImmediate)
    }
    await Promise.all(outcomes)
    t.equal(text(store.read(1, a)), '299')
    await harness.settled(store)
    t.equal(text(store.read(1, a)), '299')
  })

  withStore('an erased pair is gone, from memory as from the disk, and may be written again', async (t, store, harness) => {
    await put(store, 1, a, bytes('one'))
    await harness.settled(store)
    const erased = drop(store, 1, a)
    t.equal(store.read(1, a), undefined, 'at once')
    t.same(scanAll(store, 1, 10), [])
    t.equal(await erased, undefined)
    await harness.settled(store)
    t.equal(store.read(1, a), undefined, 'for good')
    await put(store, 1, a, bytes('two'))
    t.equal(text(store.read(1, a)), 'two')
    t.equal(await drop(store, 1, keyOfText('b', 'never there')), undefined, 'erasing what is not there is no fault')
  })

  withStore('a scan sees old and new pairs, in key order, page by page, of one partition only', async (t, store, harness) => {
    const expected = new Map<Key, string>()
    for (let number = 0; number < 100; number++) {
      const key = keyOfText('b', `old-${number}`)
      await put(store, 9, key, bytes(`o${number}`))
      expected.set(key, `o${number}`)
    }
    await put(store, 8, a, bytes('before'))
    await put(store, 10, a, bytes('behind'))
    await harness.settled(store)
    const writes: Promise<unknown>[] = []
    for (let number = 0; number < 100; number += 3) {
      const key = keyOfText('b', `old-${number}`)
      if (number % 2 === 0) {
        writes.push(drop(store, 9, key))
        expected.delete(key)
      } else {
        writes.push(put(store, 9, key, bytes(`n${number}`)))
        expected.set(key, `n${number}`)
      }
      const fresh = keyOfText('b', `new-${number}`)
      writes.push(put(store, 9, fresh, bytes(`f${number}`)))
      expected.set(fresh, `f${number}`)
    }
    const inOrder = [...expected].sort(([x], [y]) => (x < y ? -1 : 1))
    for (const pairsMax of [1, 7, 1000])
      t.same(scanAll(store, 9, pairsMax), inOrder, `before they are settled, ${pairsMax} to a page`)
    await Promise.all(writes)
    await harness.settled(store)
    t.same(scanAll(store, 9, 13), inOrder, 'and when all lie on the disk')
    t.same(scanAll(store, 11, 13), [], 'an empty partition has an empty page')
  })

  withStore('keys are any bytes, up to 512 of them', async (t, store, harness) => {
    const keys = [
      [0],
      [0, 0],
      [0, 1],
      [127],
      [128],
      [255],
      [255, 0],
      [255, 255],
      new Array<number>(512).fill(255),
      new Array<number>(512).fill(0)
    ].map(key => keyOf('bucket', Uint8Array.from(key)))
    keys.push(keyOf('c'.repeat(64), new Uint8Array(512).fill(1)))
    for (const [number, key] of keys.entries()) await put(store, 2, key, bytes(String(number)))
    const inOrder = keys.map((key, number) => [key, String(number)] as [Key, string]).sort(([x], [y]) => (x < y ? -1 : 1))
    t.same(scanAll(store, 2, 3), inOrder, 'in memory')
    await harness.settled(store)
    for (const [number, key] of keys.entries()) t.equal(text(store.read(2, key)), String(number))
    t.same(scanAll(store, 2, 3), inOrder, 'on the disk')
  })

  withStore('records of 0 bytes to 512 KB come back byte for byte', async (t, store, harness) => {
    const sizes = [0, 1, 100, 1023, 1024, 4096, 10_240, 65_536, 524_288, 700_000]
    const records = sizes.map(size => Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) & 0xff)))
    await Promise.all(records.map((record, at) => put(store, 5, keyOfText('b', String(at)), record, 'flushed')))
    const differing = (): number[] =>
      sizes.filter((_, at) => !records[at]!.equals(store.read(5, keyOfText('b', String(at))) ?? Buffer.from('missing')))
    t.same(differing(), [], 'in memory')
    await harness.settled(store)
    t.same(differing(), [], 'on the disk')
    t.equal(scanAll(store, 5, 100).length, sizes.length)
  })

  withStore('what was written is there after a clean end', async (t, store, harness) => {
    for (let number = 0; number < 50; number++) store.write(number, a, bytes(String(number)), 'committed', new Outcome())
    await store.close()
    const again = await harness.open()
    for (let number = 0; number < 50; number++) t.equal(text(again.read(number, a)), String(number))
  })

  withStore('a closed store refuses writes', async (t, store) => {
    await store.close()
    t.equal((await put(store, 1, a, bytes('late')))?.code, 'unavailable')
  })

  withStore('I2: what was acknowledged is there after the death of the process', async (t, store, harness) => {
    const acknowledged = new Map<Key, string>()
    for (let number = 0; number < 400; number++) {
      const key = keyOfText('b', `k${number % 130}`)
      const write = put(store, 1, key, bytes(String(number)), number % 2 === 0 ? 'flushed' : 'committed')
      if (number % 20 === 0) t.equal(await write, undefined)
      acknowledged.set(key, String(number))
      if (number === 380) break
    }
    await put(store, 2, a, bytes('end'))
    await harness.kill()
    const again = await harness.open()
    t.same(
      scanAll(again, 1, 1000),
      [...acknowledged].sort(([x], [y]) => (x < y ? -1 : 1))
    )
  })

  withStore(
    'I3: a full disk refuses writes and leaves no trace of them, reads live, and writes resume',
    async (t, store, harness) => {
      await put(store, 1, a, bytes('old'), 'flushed')
      harness.setFull(true)
      const outcomes = ['x', 'y', 'z'].map(value => {
        const outcome = new Outcome()
        store.write(1, value === 'z' ? keyOfText('b', 'other') : a, bytes(value), 'flushed', outcome)
        return outcome
      })
      t.equal(text(store.read(1, a)), 'y', 'it is read until it is refused')
      for (const outcome of outcomes) {
        const { fault, calls } = await outcome.done
        t.ok(isFault(fault) && fault.code === 'storage_full', fault?.detail ?? 'no fault')
        t.equal(calls, 1)
      }
      t.equal(text(store.read(1, a)), 'old', 'the refused writes are not read')
      t.same(scanAll(store, 1, 10), [[a, 'old']])
      t.equal((await put(store, 1, a, bytes('again')))?.code, 'storage_full', 'the disk is still full')
      harness.setFull(false)
      t.ok(store.failures > 0, 'who mints is told')
      let why: Fault | undefined
      const end = performance.now() + 5_000
      // While a disk refuses, writes are let through to it from time to time.
      do {
        await new Promise(setImmediate)
        why = await put(store, 1, a, bytes('new'), 'flushed')
      } while (why !== undefined && performance.now() < end)
      t.equal(why, undefined, 'writes resume')
      t.equal(text(store.read(1, a)), 'new')
      await harness.kill()
      const again = await harness.open()
      t.same(scanAll(again, 1, 10), [[a, 'new']], 'nor after a crash')
    }
  )

  withStore('I4: a corrupt record is an error of its key alone, and a scan names it', async (t, store, harness) => {
    const keys = ['a', 'b', 'c'].map(key => keyOfText('b', key))
    for (const key of keys) await put(store, 1, key, bytes(`value of ${key}`))
    await harness.settled(store)
    await harness.corrupt(1, keys[1]!)
    t.throws(() => store.read(1, keys[1]!), { name: 'CorruptRecord' })
    try {
      store.read(1, keys[1]!)
    } catch (error) {
      t.ok(error instanceof CorruptRecord && error.key === keys[1])
    }
    t.equal(text(store.read(1, keys[0]!)), `value of ${keys[0]}`)
    const page = store.scan(1, undefined, 10)
    t.same(page.corrupt, [keys[1]])
    t.same(
      page.pairs.map(pair => pair.key),
      [keys[0], keys[2]]
    )
    t.ok(store.figures().corruptRecords >= 2)
    await put(store, 1, keys[1]!, bytes('repaired'))
    t.equal(text(store.read(1, keys[1]!)), 'repaired')
    await harness.settled(store)
    t.equal(text(store.read(1, keys[1]!)), 'repaired')
  })

  withStore('the figures count what was done', async (t, store) => {
    await put(store, 1, a, bytes('one'), 'flushed')
    store.read(1, a)
    const figures = store.figures()
    t.equal(figures.writes, 1)
    t.equal(figures.reads, 1)
    t.ok(figures.flushes >= 1)
    t.equal(figures.corruptRecords, 0)
  })

  void t.test('any history of writes, erasures, ends and deaths reads as a map does', async t => {
    const key = fc.integer({ min: 0, max: 12 })
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          key,
          partition: fc.integer({ min: 0, max: 2 }),
          size: fc.integer({ min: 0, max: 900 })
        })
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('erase' as const), key, partition: fc.integer({ min: 0, max: 2 }) })
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const) }) }
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
        const harness = await newHarness()
        try {
          await follow(harness, steps)
        } finally {
          await harness.end()
        }
      }),
      { numRuns: 25 }
    )
    t.pass()
  })
}

type Step =
  | { readonly kind: 'write'; readonly key: number; readonly partition: number; readonly size: number }
  | { readonly kind: 'erase'; readonly key: number; readonly partition: number }
  | { readonly kind: 'wait' | 'settle' | 'reopen' | 'kill' }

async function follow(harness: StoreHarness, steps: readonly Step[]): Promise<void> {
  let store = await harness.open()
  const model = [new Map<Key, string>(), new Map<Key, string>(), new Map<Key, string>()]
  let underWay: Promise<Outcome>[] = []
  const allDone = async (): Promise<void> => {
    for (const outcome of await Promise.all(underWay)) if (outcome.fault !== undefined) throw new Error(outcome.fault.detail)
    underWay = []
  }
  const compare = (): void => {
    for (const [partition, pairs] of model.entries()) {
      const expected = [...pairs].sort(([x], [y]) => (x < y ? -1 : 1))
      const scanned = scanAll(store, partition, 4)
      if (JSON.stringify(scanned) !== JSON.stringify(expected)) {
        throw new Error(`partition ${partition} holds ${JSON.stringify(scanned)}, expected ${JSON.stringify(expected)}`)
      }
      for (const [key, value] of pairs)
        if (Buffer.from(store.read(partition, key) ?? []).toString('latin1') !== value) throw new Error(`${key} differs`)
    }
  }
  for (const [number, step] of steps.entries()) {
    const outcome = new Outcome()
    if (step.kind === 'write') {
      const key = keyOfText('b', String(step.key))
      const value = `${number}:`.padEnd(step.size, 'x')
      store.write(step.partition, key, Buffer.from(value), number % 2 === 0 ? 'committed' : 'flushed', outcome)
      underWay.push(outcome.done)
      model[step.partition]!.set(key, value)
    } else if (step.kind === 'erase') {
      const key = keyOfText('b', String(step.key))
      store.erase(step.partition, key, outcome)
      underWay.push(outcome.done)
      model[step.partition]!.delete(key)
    } else if (step.kind === 'wait') {
      await allDone()
    } else if (step.kind === 'settle') {
      await allDone()
      await harness.settled(store)
    } else {
      if (step.kind === 'reopen') await store.close()
      await allDone()
      if (step.kind === 'kill') await harness.kill()
      store = await harness.open()
    }
    compare()
  }
  await allDone()
}
