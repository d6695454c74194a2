import t from 'tap'
import { isSucceeded, replaceRequest } from '../../bench/replication/etcd-replace.ts'
import { concurrentWrites } from '../../bench/replication/concurrent.ts'
import { type Adder, bytesOf, linesOf } from '../../bench/replication/system.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** One register in memory, with a turn between reading and writing. */
function registerOf(
  write: (before: readonly string[], after: readonly string[], now: readonly string[]) => string[] | undefined
) {
  let lines: string[] = []
  return {
    name: 'register',
    async add(_: string, element: string) {
      for (let retries = 0; ; retries++) {
        const before = lines
        await turn()
        const after = write(before, [...before, element], lines)
        if (after === undefined) continue
        lines = after
        return { retries, versions: 1 }
      }
    },
    read: async () => lines
  } satisfies Adder
}

t.test('clients overwrite each other → what was acknowledged and is not there is counted as lost', async t => {
  const { acknowledged, lost, refused, retries } = await concurrentWrites(
    registerOf((_, after) => [...after]),
    'key'
  )
  t.equal(acknowledged, 400)
  t.ok(lost >= 300, `${lost} lost`)
  t.equal(refused + retries, 0)
})

t.test('clients replace what is still the same, else begin anew → nothing is lost, and the tries are counted', async t => {
  const swap = registerOf((before, after, now) => (before === now ? [...after] : undefined))
  const { acknowledged, lost, retries } = await concurrentWrites(swap, 'key')
  t.same({ acknowledged, lost }, { acknowledged: 400, lost: 0 })
  t.ok(retries > 0)
})

t.test('a system refuses → what was refused is not counted as lost', async t => {
  const refusing: Adder = { name: 'refusing', add: () => Promise.reject(new Error('no')), read: async () => [] }
  t.match(await concurrentWrites(refusing, 'key'), { acknowledged: 0, refused: 400, lost: 0 })
})

t.test('a set as lines → reads back; an empty one is no line', async t => {
  t.same(linesOf(bytesOf(['a', 'b'])), ['a', 'b'])
  t.same(linesOf(undefined), [])
  t.same(linesOf(bytesOf([])), [])
})

t.test('a transaction of etcd → compares the value, or that there is none, and puts; its answer is read', async t => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(5)).toString('hex')
  // TxnRequest { compare { target: VALUE key: "k" value: "a" } success { request_put { key: "k" value: "b" } } }
  t.equal(hex(replaceRequest('k', Buffer.from('a'), Buffer.from('b'))), '0a0810031a016b3a0161120812060a016b120162')
  // TxnRequest { compare { target: VERSION key: "k" version: 0 } … }
  t.equal(hex(replaceRequest('k', undefined, Buffer.from('b'))), '0a0710001a016b2000120812060a016b120162')
  t.equal(isSucceeded(Buffer.from([0x10, 1])), true)
  t.equal(isSucceeded(Buffer.from([0x0a, 0])), false)
})
