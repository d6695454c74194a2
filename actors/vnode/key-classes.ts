import { hash32 } from '../../model/hash.ts'
import { bucketOf, type Key } from '../../model/key.ts'

/**
 * The class of a key is the number of replicas, n, that its bucket asks for: keys of one partition with another n have other owners,
 * so each class has a tree of its own. A plain value, for it travels to the vnodes.
 */
export interface KeyClasses {
  /** Where the bucket says nothing. */
  readonly replicas: number
  /** [bucket, n] where n is another; by bucket. */
  readonly others: readonly (readonly [string, number])[]
}

/** @param table the buckets' properties; those alone that say how many replicas count */
export function keyClassesOf(
  table: Readonly<Record<string, { readonly properties: { readonly n?: number } }>>,
  replicas: number
): KeyClasses {
  const others: [string, number][] = []
  for (const bucket of Object.keys(table).sort()) {
    const n = table[bucket]?.properties.n
    if (n !== undefined && n !== replicas) others.push([bucket, n])
  }
  return { replicas, others }
}

/** Every n there is, ascending. */
export function classesIn(classes: KeyClasses): readonly number[] {
  return [...new Set([classes.replicas, ...classes.others.map(([, n]) => n)])].sort((a, b) => a - b)
}

/** Unsigned 32 bits that tell tables apart. */
export function classesHash(classes: KeyClasses): number {
  return hash32(Buffer.from(JSON.stringify(classes)), 0)
}

export class ClassLookup {
  readonly #replicas: number
  readonly #others: ReadonlyMap<string, number>

  constructor(classes: KeyClasses) {
    this.#replicas = classes.replicas
    this.#others = new Map(classes.others)
  }

  of(key: Key): number {
    return this.#others.size === 0 ? this.#replicas : (this.#others.get(bucketOf(key)) ?? this.#replicas)
  }
}
