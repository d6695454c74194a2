import { execFileSync } from 'node:child_process'
import { packagesOf } from '../../examples/packages/dumpavail.ts'
import { SeededRandom } from '../../runtime/random.ts'

/** Values of one kind: those that are measured, and others of the kind that a dictionary may be trained with. */
export interface ValueSet {
  readonly name: string
  readonly values: readonly Uint8Array[]
  readonly samples: readonly Uint8Array[]
}

const valuesMax = 400
const outputBytesMax = 256 * 1024 * 1024

/**
 * JSON of `records` packages as examples/packages makes it of `apt-cache dumpavail`, some cut down or put together for other sizes;
 * beside them bytes of chance, which nothing makes smaller.
 * @returns without packages where there is no apt-cache: then records that are made up
 */
export async function valueSets(records: number): Promise<readonly ValueSet[]> {
  const found = await packages(records)
  const whole = found.map(jsonOf)
  const random = new SeededRandom(1)
  const chance = (bytes: number): Uint8Array =>
    Uint8Array.from({ length: bytes }, () => Math.min(255, Math.floor(random.next() * 256)))
  return [
    setOf(
      'JSON 100 B',
      found.map(({ Package, Version, Architecture, Section }) => jsonOf({ Package, Version, Architecture, Section }))
    ),
    setOf('package 0.5-1 KB', between(whole, 512, 1024)),
    setOf('package 1-2 KB', between(whole, 1024, 2048)),
    setOf('package 2-10 KB', between(whole, 2048, 10_240)),
    setOf('8 packages, 6-10 KB', between(grouped(found, 8).map(jsonOf), 6_144, 10_240)),
    setOf(
      'chance 100 B',
      Array.from({ length: 100 }, () => chance(100))
    ),
    setOf(
      'chance 1 KB',
      Array.from({ length: 100 }, () => chance(1_024))
    ),
    setOf(
      'chance 8 KB',
      Array.from({ length: 50 }, () => chance(8_192))
    )
  ].filter(({ values }) => values.length > 0)
}

type Fields = Readonly<Record<string, string | undefined>>

async function packages(records: number): Promise<readonly Fields[]> {
  const paragraphs = dumpavail().split('\n\n')
  const step = Math.max(1, Math.floor(paragraphs.length / records))
  const chosen = paragraphs.filter((text, index) => text !== '' && index % step === 0).slice(0, records)
  const found: Fields[] = []
  for await (const { record } of packagesOf(pieces(chosen))) found.push(Object.fromEntries(record))
  return found.length > 0 ? found : Array.from({ length: records }, (_, number) => madeUp(number))
}

function dumpavail(): string {
  try {
    return execFileSync('apt-cache', ['dumpavail'], {
      encoding: 'utf8',
      maxBuffer: outputBytesMax,
      stdio: ['ignore', 'pipe', 'ignore']
    })
  } catch {
    console.error('there is no apt-cache: the records are made up, and say less')
    return ''
  }
}

async function* pieces(paragraphs: readonly string[]): AsyncGenerator<string> {
  for (const text of paragraphs) yield `${text}\n\n`
}

const words =
  'library shared data tools development files runtime for the of with support common daemon client server module'.split(' ')

function madeUp(number: number): Fields {
  const word = (step: number): string => words[(number * 7 + step * 11) % words.length]!
  const name = `${word(1)}-${word(2)}${number}`
  return {
    Package: name,
    Version: `${number % 9}.${number % 31}-${number % 5}`,
    'Installed-Size': String(number * 37),
    Maintainer: 'A Team <team@example.org>',
    Architecture: number % 3 === 0 ? 'all' : 'amd64',
    Section: word(3),
    Depends: `libc6 (>= 2.${number % 40}), lib${word(4)}${number % 7}`,
    Description: Array.from({ length: 20 + (number % 200) }, (_, step) => word(step + number)).join(' '),
    Filename: `pool/main/${name[0]}/${name}/${name}_${number}.deb`
  }
}

function jsonOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8')
}

function between(values: readonly Uint8Array[], least: number, below: number): readonly Uint8Array[] {
  return values.filter(({ length }) => length >= least && length < below)
}

function grouped<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.floor(list.length / size) }, (_, index) => list.slice(index * size, (index + 1) * size))
}

/** Every second one is a sample: what is measured was not trained with. */
function setOf(name: string, all: readonly Uint8Array[]): ValueSet {
  return {
    name,
    values: all.filter((_, index) => index % 2 === 0).slice(0, valuesMax),
    samples: all.filter((_, index) => index % 2 === 1).slice(0, valuesMax)
  }
}
