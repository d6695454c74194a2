import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Ledger } from './ledger.ts'

function ledgerOf(t: Test): Ledger {
  const directory = mkdtempSync(join(tmpdir(), 'carillon-ledger-'))
  const ledger = new Ledger(join(directory, 'ledger.ndjson'))
  t.teardown(() => {
    ledger.close()
    rmSync(directory, { recursive: true })
  })
  return ledger
}

function acknowledged(ledger: Ledger, id: string, seen: readonly string[] | 'whatever' = [], isDelete = false): void {
  ledger.begin(id, 'b/k', seen, isDelete)
  ledger.end(id, 'acknowledged')
}

const finals = (...ids: string[]): Map<string, string[]> => new Map([['b/k', ids]])

t.test(
  'chaos ledger: values that are present, or replaced by one that had seen them, by way of others too, are no violation',
  async t => {
    const ledger = ledgerOf(t)
    acknowledged(ledger, 'a')
    acknowledged(ledger, 'b', ['a'])
    ledger.begin('c', 'b/k', ['b'])
    ledger.end('c', 'indeterminate')
    acknowledged(ledger, 'd')
    t.same(ledger.check(finals('c', 'd')), [])
    t.same(ledger.check(finals('b', 'd')), [], 'what is indeterminate may be missing')
  }
)

t.test('I5: chaos ledger: an acknowledged value that is neither there nor replaced is told', async t => {
  const ledger = ledgerOf(t)
  acknowledged(ledger, 'a')
  acknowledged(ledger, 'b', ['a'])
  acknowledged(ledger, 'c')
  t.match(ledger.check(finals('b')), [/^I5: c of b\/k/])
  t.match(ledger.check(finals('c')), [/^I5: a of/, /^I5: b of/])
})

t.test('I7: chaos ledger: a value beside or instead of one that had seen it is told', async t => {
  const ledger = ledgerOf(t)
  acknowledged(ledger, 'a')
  acknowledged(ledger, 'b', ['a'])
  t.match(ledger.check(finals('a', 'b')), [/^I7: a of/])
})

t.test(
  'I12: chaos ledger: what an acknowledged delete had seen and is there again is told; what came after it may be there',
  async t => {
    const ledger = ledgerOf(t)
    acknowledged(ledger, 'a')
    acknowledged(ledger, 'gone', ['a'], true)
    t.same(ledger.check(finals()), [])
    t.match(ledger.check(finals('a')), [/^I12: a of b\/k came back after the delete gone/])
    acknowledged(ledger, 'b')
    t.same(ledger.check(finals('b')), [])
    t.match(ledger.check(finals()), [/^I5: b of/])
  }
)

t.test(
  'I12: chaos ledger: a delete of whatever was there excuses what was written before its end, and nothing that came later',
  async t => {
    const ledger = ledgerOf(t)
    acknowledged(ledger, 'a')
    acknowledged(ledger, 'gone', 'whatever', true)
    acknowledged(ledger, 'b')
    t.same(ledger.check(finals('b')), [])
    t.match(ledger.check(finals()), [/^I5: b of/])
    ledger.begin('perhaps', 'b/k', 'whatever', true)
    ledger.end('perhaps', 'indeterminate')
    t.same(ledger.check(finals()), [], 'a delete of unknown fate may have come at any time')
  }
)

t.test('I8: I6: chaos ledger: a refused write that appears, and a value under a key where nobody wrote it, are told', async t => {
  const ledger = ledgerOf(t)
  ledger.begin('a', 'b/k', [])
  ledger.end('a', 'refused')
  t.match(ledger.check(finals('a')), [/^I8: a of/])
  ledger.begin('z', 'b/other', [])
  ledger.end('z', 'acknowledged')
  t.match(ledger.check(finals('z')), [/^I6: z appears/])
})

t.test('I1: chaos ledger: a value counts on each disk that has it or a successor that had seen it', async t => {
  const ledger = ledgerOf(t)
  acknowledged(ledger, 'a')
  acknowledged(ledger, 'b', ['a'])
  t.same(ledger.underReplicated([finals('b'), finals('b'), finals()], 2), [])
  t.match(ledger.underReplicated([finals('b'), finals('a'), finals()], 2), [/^I1: b of .* is on 1 disks/])
})
