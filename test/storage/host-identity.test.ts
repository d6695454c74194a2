import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { epochOf, standInEpochs, uidOf } from '../../model/version-vector.ts'
import { DirectoryLock } from '../../storage/directory-lock.ts'
import { CountingDotClock } from '../../storage/dot-clock.ts'
import { closeIdentity, openIdentity, type IdentityOptions } from '../../storage/host-identity.ts'

function newDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'carillon-identity-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

let uids = 100
function optionsIn(directory: string, more: Partial<IdentityOptions> = {}): IdentityOptions {
  return { directory, cluster: 'c', name: 'h', randomUint32: () => uids++, ...more }
}

void t.test('after a clean stop a thread takes up its epoch and counter again; after any other, a new epoch', async t => {
  const directory = newDirectory(t)
  const one = openIdentity(optionsIn(directory))
  t.ok(one.isNew && one.wasClean)
  t.equal(one.generation, 1)
  const clock = new CountingDotClock(one.takeEpoch(0))
  t.equal(uidOf(clock.vnode), one.uid)
  t.equal(clock.next(), 1)
  t.equal(clock.next(), 2)
  const other = one.takeEpoch(1)
  t.not(other.vnode, clock.vnode, 'each thread has its own')
  closeIdentity(one, new Map([[0, clock.counter]]))

  const two = openIdentity(optionsIn(directory))
  t.equal(two.uid, one.uid)
  t.equal(two.generation, 2)
  t.ok(two.wasClean && !two.isNew)
  t.same(two.takeEpoch(0), { vnode: clock.vnode, counter: 2 })
  t.equal(epochOf(two.takeEpoch(1).vnode), 2, 'a thread that did not end in order begins a new one')
  t.equal(epochOf(two.takeEpoch(0).vnode), 3, 'and so does one that replaces a thread that died')

  const three = openIdentity(optionsIn(directory))
  t.notOk(three.wasClean)
  t.equal(epochOf(three.takeEpoch(0).vnode), 4)
})

void t.test('a host whose store is found empty, or whose directory was restored, becomes another', async t => {
  const directory = newDirectory(t)
  const one = openIdentity(optionsIn(directory))
  const epoch = one.takeEpoch(0)
  closeIdentity(one, new Map([[0, 7]]))
  const backup = readFileSync(join(directory, 'identity.json'), 'utf8')
  const empty = openIdentity(optionsIn(directory, { storeIsEmpty: true }))
  t.not(empty.uid, one.uid)
  t.not(empty.takeEpoch(0).vnode, epoch.vnode)
  writeFileSync(join(directory, 'identity.json'), backup)
  const restored = openIdentity(optionsIn(directory, { restored: true }))
  t.not(restored.uid, one.uid)
})

void t.test('I6: whatever way runs end, with whatever threads, no dot is minted twice', async t => {
  const run = fc.record({
    threads: fc.array(fc.record({ thread: fc.nat(3), mints: fc.nat(3) }), { maxLength: 6 }),
    clean: fc.boolean(),
    storeIsEmpty: fc.boolean(),
    restored: fc.boolean()
  })
  fc.assert(
    fc.property(fc.array(run, { maxLength: 6 }), runs => {
      const directory = mkdtempSync(join(tmpdir(), 'carillon-identity-'))
      try {
        const minted = new Set<string>()
        for (const { threads, clean, storeIsEmpty, restored } of runs) {
          const identity = openIdentity(optionsIn(directory, { storeIsEmpty, restored }))
          const clocks = new Map<number, CountingDotClock>()
          for (const { thread, mints } of threads) {
            const clock = new CountingDotClock(identity.takeEpoch(thread))
            clocks.set(thread, clock)
            for (let mint = 0; mint < mints; mint++) {
              const dot = `${clock.vnode}.${clock.next()}`
              if (minted.has(dot)) return false
              minted.add(dot)
            }
          }
          if (clean) closeIdentity(identity, new Map([...clocks].map(([thread, clock]) => [thread, clock.counter])))
        }
        return true
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    }),
    { numRuns: 40 }
  )
  t.pass()
})

void t.test('a directory of another host, another cluster, or with an unreadable identity is refused', async t => {
  const directory = newDirectory(t)
  openIdentity(optionsIn(directory))
  t.throws(() => openIdentity(optionsIn(directory, { cluster: 'other' })), /holds the data of host h of cluster c/)
  t.throws(() => openIdentity(optionsIn(directory, { name: 'other' })), /give each host a directory/)
  for (const content of [
    '',
    '{',
    'null',
    '{"version":2}',
    '{"version":1,"uid":1,"cluster":"c","name":"h","generation":1,"clean":true,"nextEpoch":1,"epochs":{"0":{}}}'
  ]) {
    writeFileSync(join(directory, 'identity.json'), content)
    t.throws(() => openIdentity(optionsIn(directory)), /identity.json (cannot be read|is no identity)/, content)
  }
})

void t.test('I6: the epochs end where those of stand-ins begin: no id is both', async t => {
  const directory = newDirectory(t)
  openIdentity(optionsIn(directory)).takeEpoch(0)
  const file = join(directory, 'identity.json')
  const written = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...written, nextEpoch: standInEpochs - 1 }))
  const host = openIdentity(optionsIn(directory))
  t.equal(epochOf(host.takeEpoch(0).vnode), standInEpochs - 1)
  t.throws(() => host.takeEpoch(0), { name: 'RangeError', message: /used up/ })
})

void t.test('a data directory is held by one live process', async t => {
  const directory = newDirectory(t)
  const lock = DirectoryLock.take(directory)
  t.throws(() => DirectoryLock.take(directory), /is in use by this very process/)
  const path = join(directory, 'lock')
  const own = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; started: string }
  lock.release()
  const parent = {
    ...own,
    pid: process.ppid,
    started: readFileSync(`/proc/${process.ppid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]!
  }
  writeFileSync(path, JSON.stringify(parent))
  t.throws(() => DirectoryLock.take(directory), new RegExp(`in use by process ${process.ppid}`))
  for (const dead of [
    JSON.stringify({ ...own, pid: 4_000_000 }),
    JSON.stringify({ ...own, started: '1' }),
    JSON.stringify({ ...parent, started: '1' }),
    'nonsense',
    ''
  ]) {
    writeFileSync(path, dead)
    DirectoryLock.take(directory).release()
  }
  t.pass('a dead holder is passed over')
})
