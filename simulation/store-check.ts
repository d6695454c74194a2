import { hash53 } from '../model/hash.ts'
import { type Key, systemKeysEnd } from '../model/key.ts'
import { relation, type Sibling, type Siblings } from '../model/siblings.ts'
import { decodeSiblings } from '../model/siblings-codec.ts'
import { epochOf, uidOf } from '../model/version-vector.ts'
import type { ReadCheck } from './read-check.ts'
import type { StoreWrite } from './simulated-cluster.ts'
import { keyText } from './violation.ts'

/** Records that were looked at of late, by their bytes' identity: replicas share them. */
const seenMax = 4096

/**
 * Watches every record that any replica stores: a dot names one value for ever, on whatever host, and a value has one dot; a replica's
 * record is replaced only by one that has seen all that it had.
 */
export class StoreCheck {
  readonly #check: ReadCheck
  /** Dot → hash of its value. */
  readonly #values = new Map<string, number>()
  /** Value → its dot. Values of clients are unique. */
  readonly #dots = new Map<string, string>()
  /** Dots that some replica has replaced by a record that had seen them. */
  readonly #superseded = new Set<string>()
  /** Keys of which some replica has purged all. */
  readonly #purged = new Set<Key>()
  #seen = new WeakSet<Uint8Array>()
  #seenCount = 0
  /** Records of users that were written so far; erasures, which is what a purged tombstone comes to, do not count. */
  writes = 0

  constructor(check: ReadCheck) {
    this.#check = check
  }

  wrote({ machine, key, before, record }: StoreWrite): void {
    if (key <= systemKeysEnd) return
    if (record === undefined) {
      this.#purged.add(key)
      return
    }
    this.writes++
    const isKnown = this.#seen.has(record)
    if (isKnown && before === undefined) return
    if (before === record) return
    const after = decodeSiblings(record)
    if (!isKnown) this.#remember(key, record, after)
    if (before !== undefined) this.#replaced(machine.name, key, decodeSiblings(before), after)
  }

  #remember(key: Key, record: Uint8Array, siblings: Siblings): void {
    if (++this.#seenCount > seenMax) {
      this.#seen = new WeakSet()
      this.#seenCount = 0
    }
    this.#seen.add(record)
    for (const version of siblings.versions) this.#version(key, version)
  }

  #version(key: Key, version: Sibling): void {
    const dot = dotOf(key, version)
    const value = version.tombstone ? -1 : hash53(version.value)
    const known = this.#values.get(dot)
    if (known === undefined) {
      this.#values.set(dot, value)
      if (version.tombstone) return
      const text = Buffer.from(version.value).latin1Slice()
      const other = this.#dots.get(text)
      if (other === undefined) this.#dots.set(text, dot)
      else if (other !== dot) {
        const told = `the value ${text.split('|', 1)[0]} of ${keyText(key)} has two dots: ${dotText(other)} and ${dotText(dot)}`
        this.#check.report('I8', key, told)
      }
    } else if (known !== value) {
      this.#check.report('I6', key, `the dot ${dotText(dot)} of ${keyText(key)} names two values`)
    }
  }

  #replaced(host: string, key: Key, before: Siblings, after: Siblings): void {
    const how = relation(before, after)
    if (how === 'equal') return
    if (how === 'before') return this.#supersede(key, before, after)
    if (isStripped(before, after) || this.#isPurged(key, before, after)) return
    const text = `${host} replaced ${siblingsText(before)} of ${keyText(key)} by ${siblingsText(after)}, which had not seen it all`
    this.#check.report('I5', key, text)
  }

  #supersede(key: Key, before: Siblings, after: Siblings): void {
    for (const version of before.versions) if (!holds(after, version)) this.#superseded.add(dotOf(key, version))
  }

  /**
   * An old disk takes a partition over again: what the source's floor covers, and the source does not hold, is dropped, and what the source
   * holds is put in its place, in one write.
   */
  #isPurged(key: Key, before: Siblings, after: Siblings): boolean {
    if (!this.#purged.has(key)) return false
    return before.versions.every(
      version => version.tombstone || holds(after, version) || this.#superseded.has(dotOf(key, version))
    )
  }
}

/** Counters are a vnode's own, so a dot is one of a key's. */
function dotOf(key: Key, { vnode, counter }: Sibling): string {
  return `${vnode}:${counter}:${key}`
}

function holds({ versions }: Siblings, { vnode, counter }: Sibling): boolean {
  return versions.some(version => version.vnode === vnode && version.counter === counter)
}

function dotText(dot: string): string {
  const [vnode, counter] = dot.split(':')
  return vnodeText(Number(vnode), Number(counter))
}

function vnodeText(vnode: number, counter: number): string {
  return `${uidOf(vnode)}.${epochOf(vnode)}:${counter}`
}

/** Dots and values in a line: `{1001.3:17=42, 1002.1:5=deleted | seen 1001.3:17 1002.1:5}`. */
export function siblingsText({ versions, context }: Siblings): string {
  const values = versions.map(version => {
    const value = version.tombstone ? 'deleted' : Buffer.from(version.value).latin1Slice().split('|', 1)[0]
    return `${vnodeText(version.vnode, version.counter)}=${value}`
  })
  return `{${values.join(', ')} | seen ${contextText(context)}}`
}

export function contextText({ vector, cloud }: Siblings['context']): string {
  const entries: string[] = []
  for (let at = 0; at < vector.length; at += 2) entries.push(vnodeText(vector[at]!, vector[at + 1]!))
  for (let at = 0; at < cloud.length; at += 2) entries.push(`(${vnodeText(cloud[at]!, cloud[at + 1]!)})`)
  return entries.join(' ')
}

/** What a floor has purged is dropped from a record; what is left claims nothing but itself: see `stripped` in model/floor. */
function isStripped(before: Siblings, after: Siblings): boolean {
  const { context, versions } = after
  if (context.vector.length > 0 || context.cloud.length !== versions.length * 2 || versions.length >= before.versions.length)
    return false
  return versions.every(({ vnode, counter }) => before.versions.some(known => known.vnode === vnode && known.counter === counter))
}
