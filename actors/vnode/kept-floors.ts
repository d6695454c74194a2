import type { Floor } from '../../model/floor.ts'
import type { Key } from '../../model/key.ts'
import { descends, join } from '../../model/version-vector.ts'
import type { Store } from '../../storage/store.ts'
import type { KeptFloor } from '../floor/floor-codec.ts'
import { ClassLookup } from './key-classes.ts'

/** A floor that can be asked which keys it speaks of. */
export interface LookedUpFloor extends KeptFloor {
  readonly lookup: ClassLookup
}

export function withLookup(floor: KeptFloor): LookedUpFloor {
  return { ...floor, lookup: new ClassLookup(floor.classes) }
}

/** What the floors say together of a key; undefined: nothing. */
export function vectorIn(floors: readonly LookedUpFloor[], key: Key): Floor | undefined {
  let floor: Floor | undefined
  // More than one only where the key's bucket has changed its n: what either proves holds.
  for (const { lookup, n, vector } of floors) if (lookup.of(key) === n) floor = floor === undefined ? vector : join(floor, vector)
  return floor
}

/**
 * The floors of an owner from whom the partition is being taken over. They are true here for the keys that were compared with that owner's,
 * as long as the store has lost nothing since.
 */
export class FloorIntake {
  readonly floors: readonly LookedUpFloor[]
  readonly #id: string
  readonly #store: Store
  readonly #failures: number
  /** Compared up to here; undefined: to the end. */
  #upTo: Key | undefined

  /** @param after the keys that are compared begin behind it */
  constructor(id: string, floors: readonly KeptFloor[], after: Key, store: Store) {
    this.#id = id
    this.floors = floors.map(withLookup)
    this.#store = store
    this.#failures = store.failures
    this.#upTo = after
  }

  /** Whether this is the intake, all was compared up to `after`, and nothing of it was lost since. */
  isAt(id: string, after: Key): boolean {
    return this.#id === id && this.#isWhole && this.#covers(after)
  }

  /**
   * Whether the owner keeps all that it kept when its first page was read. One that does not has given the partition away, and forgets
   * records: that it lacks one says nothing any more.
   * @param floors those that it kept when a later page was read
   */
  areKept(floors: readonly KeptFloor[]): boolean {
    return this.floors.every(({ n, vector }) => floors.some(kept => kept.n === n && descends(kept.vector, vector)))
  }

  /** undefined: to the end. */
  cameTo(upTo: Key | undefined): void {
    this.#upTo = upTo
  }

  /** What the owner keeps for the key, whether or not it holds here yet. */
  theirsFor(key: Key): Floor | undefined {
    return vectorIn(this.floors, key)
  }

  /** What holds here. */
  vectorFor(key: Key): Floor | undefined {
    return this.#covers(key) && this.#isWhole ? vectorIn(this.floors, key) : undefined
  }

  get #isWhole(): boolean {
    return this.#failures === this.#store.failures
  }

  #covers(key: Key): boolean {
    return this.#upTo === undefined || key <= this.#upTo
  }
}
