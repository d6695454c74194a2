import t from 'tap'
import { lineOf, MalformedRecord, packagesOf } from '../../examples/packages/dumpavail.ts'
import { pairOfLine } from '../../api/cli/pair-line.ts'
import { limits } from '../../model/limits.ts'

const sample = `Package: zlib1g
Version: 1:1.2.13.dfsg-1
Architecture: amd64
Depends: libc6 (>= 2.14)
Description: compression library - runtime
 zlib is a library implementing the deflate compression method found
 in gzip and PKZIP.
 .
 This package includes the shared library: zlib1g.
Homepage: http://zlib.net/
Tag: role::shared-lib,
 works-with::file

Package: zlib1g
Version: 1:1.2.13.dfsg-1
Architecture: i386
Empty:

Package: zlib1g
Version: 1:1.2.13.dfsg-1
Architecture: amd64


Package: müsli
Description: 😀 " \\ quotes
`

async function* pieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

async function recordsOf(text: string, size = 1_000) {
  const found: { key: string; value: Record<string, string> }[] = []
  for await (const each of packagesOf(pieces(text, size)))
    found.push(JSON.parse(lineOf(each)) as { key: string; value: Record<string, string> })
  return found
}

t.test('dumpavail: four records, one of them twice → unique keys, every field, further lines kept', async t => {
  const [first, second, third, fourth, ...none] = await recordsOf(sample)
  t.strictSame(first, {
    key: 'zlib1g=1:1.2.13.dfsg-1:amd64',
    value: {
      Package: 'zlib1g',
      Version: '1:1.2.13.dfsg-1',
      Architecture: 'amd64',
      Depends: 'libc6 (>= 2.14)',
      Description:
        'compression library - runtime\nzlib is a library implementing the deflate compression method found\nin gzip and PKZIP.\n.\nThis package includes the shared library: zlib1g.',
      Homepage: 'http://zlib.net/',
      Tag: 'role::shared-lib,\nworks-with::file'
    }
  })
  t.match(second, { key: 'zlib1g=1:1.2.13.dfsg-1:i386', value: { Empty: '' } })
  t.equal(third?.key, 'zlib1g=1:1.2.13.dfsg-1:amd64#2')
  t.match(fourth, { key: 'müsli=:', value: { Description: '😀 " \\ quotes' } })
  t.strictSame(none, [])
})

t.test('dumpavail: cut anywhere, with either end of line, without a last one → the same records', async t => {
  const wanted = await recordsOf(sample)
  for (const size of [1, 2, 7, 64]) t.strictSame(await recordsOf(sample, size), wanted, `pieces of ${size}`)
  t.strictSame(await recordsOf(sample.replaceAll('\n', '\r\n'), 3), wanted)
  t.strictSame(await recordsOf(sample.trimEnd()), wanted)
  t.strictSame(await recordsOf(''), [])
})

t.test('dumpavail: what is none → the line, and why', async t => {
  for (const [text, wanted] of [
    ['<html>\n', /line 1: "<html>" is no "Field: text"/],
    [' further\n', /line 1: a further line of a field comes before any field/],
    ['Version: 1\n\n', /line 2: the record that ends here has no field "Package"/]
  ] as const) {
    await t.rejects(recordsOf(text), wanted)
    await t.rejects(recordsOf(text), MalformedRecord)
  }
})

t.test('dumpavail: each line → a pair that the import takes, a record beyond 10 KB too (the store decides)', async t => {
  const large = `Package: large\nVersion: 1\nArchitecture: all\nDescription: ${'long '.repeat(3_000)}\n`
  for await (const each of packagesOf(pieces(`${sample}\n${large}`, 50))) {
    const pair = pairOfLine(Buffer.from(lineOf(each).trimEnd()), 'packages')
    t.equal(Buffer.from(pair.key).toString('utf8'), each.key)
    t.equal(pair.value.length > limits.pairBytesDefault, each.key.startsWith('large'))
  }
})
