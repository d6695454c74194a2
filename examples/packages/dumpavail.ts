/** A package as `apt-cache dumpavail` tells it: each field's text, further lines of it behind a newline, without their leading space. */
export type PackageRecord = ReadonlyMap<string, string>

/** A record with a key that no other record of the stream has. */
export interface KeyedPackage {
  readonly key: string
  readonly record: PackageRecord
}

/** The stream is no dumpavail output. */
export class MalformedRecord extends Error {
  readonly line: number
  constructor(line: number, why: string) {
    super(`line ${line}: ${why}`)
    this.name = 'MalformedRecord'
    this.line = line
  }
}

/** More than any package has; a stream without empty lines would otherwise be held whole. */
const recordCharactersMax = 16 * 1024 * 1024

/**
 * Records as they come, one at a time.
 * @param texts pieces of text, cut anywhere
 * @throws {MalformedRecord}
 */
export async function* packagesOf(texts: AsyncIterable<string>): AsyncGenerator<KeyedPackage> {
  const seen = new Map<string, number>()
  let fields = new Map<string, string>()
  let last: string | undefined
  let size = 0
  let number = 0

  const keyed = (): KeyedPackage => {
    const record = fields
    fields = new Map()
    last = undefined
    size = 0
    return { key: uniqueKey(record, number, seen), record }
  }

  for await (const line of linesOf(texts)) {
    number += 1
    if (line === '') {
      if (fields.size > 0) yield keyed()
      continue
    }
    size += line.length
    if (size > recordCharactersMax) throw new MalformedRecord(number, `a record has more than ${recordCharactersMax} characters`)
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (last === undefined) throw new MalformedRecord(number, 'a further line of a field comes before any field')
      fields.set(last, `${fields.get(last)}\n${line.slice(1)}`)
      continue
    }
    const colon = line.indexOf(':')
    if (colon <= 0) throw new MalformedRecord(number, `${JSON.stringify(line.slice(0, 60))} is no "Field: text"`)
    last = line.slice(0, colon)
    fields.set(last, line.slice(colon + 1).trimStart())
  }
  if (fields.size > 0) yield keyed()
}

/** One pair as a line that `carillon import` takes. */
export function lineOf({ key, record }: KeyedPackage): string {
  return `${JSON.stringify({ key, value: Object.fromEntries(record) })}\n`
}

/** `name=version:architecture`; a package that is offered twice in one version gets `#2` and so on. */
function uniqueKey(record: PackageRecord, line: number, seen: Map<string, number>): string {
  const name = record.get('Package')
  if (name === undefined) throw new MalformedRecord(line, 'the record that ends here has no field "Package"')
  const key = `${name}=${record.get('Version') ?? ''}:${record.get('Architecture') ?? ''}`
  const times = (seen.get(key) ?? 0) + 1
  seen.set(key, times)
  return times === 1 ? key : `${key}#${times}`
}

async function* linesOf(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const text of texts) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > recordCharactersMax) throw new MalformedRecord(0, `a line has more than ${recordCharactersMax} characters`)
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  if (rest !== '') yield rest
}
