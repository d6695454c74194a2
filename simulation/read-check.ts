import type { Key } from '../model/key.ts'
import { keyText, type Violation, violationsMax } from './violation.ts'
import { bitOf, indicesOf, type KeyHistory, type WriteEvent, type WriteHistory } from './write-history.ts'

/** What may be asked of a read, beyond what holds for any. */
export interface ReadDemands {
  /** A set of indices: writes that were acknowledged before the read began, and have to be known to it. Absent: none have to. */
  readonly acknowledged?: bigint
  /** Which invariant it is that demands them. */
  readonly invariant?: string
  /** Nothing is under way any more: what an acknowledged write had seen must not show. */
  readonly isFinal?: boolean
}

/** Compares what readers are shown with what writers did. */
export class ReadCheck {
  readonly violations: Violation[] = []
  readonly #history: WriteHistory
  readonly #now: () => number

  constructor(history: WriteHistory, now: () => number) {
    this.#history = history
    this.#now = now
  }

  report(invariant: string, key: Key | undefined, text: string): void {
    if (this.violations.length < violationsMax) this.violations.push({ invariant, atMs: this.#now(), key, text })
  }

  /** @param values the live values that a read of `key` showed */
  read(key: Key, values: readonly string[], demands: ReadDemands, reader: string): void {
    const history = this.#history.of(key)
    const shown = this.#shown(key, values, reader)
    let present = 0n
    let replaced = 0n
    for (const event of shown) {
      if ((present & bitOf(event)) !== 0n) this.report('I8', key, `${reader} sees ${nameOf(event)} of ${keyText(key)} twice`)
      present |= bitOf(event)
      replaced |= event.ancestors
    }
    for (const index of shown.length < 2 ? [] : indicesOf(present & replaced)) {
      const over = shown.find(event => (event.ancestors & (1n << BigInt(index))) !== 0n)
      const text = `${reader} sees ${nameOfIndex(history, index)} of ${keyText(key)} beside ${over === undefined ? '?' : nameOf(over)}, whose writer had seen it`
      this.report('I7', key, text)
    }
    const { acknowledged = 0n, invariant = 'I5' } = demands
    const unseen = acknowledged & ~(present | replaced)
    for (const index of unseen === 0n ? [] : indicesOf(unseen & ~deletedOf(history))) {
      const text = `${reader} does not see ${nameOfIndex(history, index)} of ${keyText(key)}, which was acknowledged, nor what replaced it`
      this.report(invariant, key, text)
    }
    if (demands.isFinal === true) this.#final(history, present, reader)
  }

  #shown(key: Key, values: readonly string[], reader: string): WriteEvent[] {
    return values.flatMap(value => {
      const event = this.#history.event(Number.parseInt(value, 10))
      if (event === undefined || event.key !== key) {
        this.report('I6', key, `${reader} sees ${JSON.stringify(value)} under ${keyText(key)}, where nobody wrote it`)
        return []
      }
      if (event.fate === 'refused')
        this.report('I8', key, `${reader} sees ${nameOf(event)} of ${keyText(key)}, which was refused`)
      return [event]
    })
  }

  #final(history: KeyHistory, present: bigint, reader: string): void {
    for (const index of indicesOf(present)) {
      const bit = 1n << BigInt(index)
      const over = history.events.find(event => event.fate === 'acknowledged' && (event.ancestors & bit) !== 0n)
      if (over === undefined) continue
      const invariant = over.kind === 'delete' ? 'I12' : 'I8'
      const text = `${reader} sees ${nameOfIndex(history, index)} of ${keyText(history.key)} in the end, though ${nameOf(over)}, which was acknowledged, had seen it`
      this.report(invariant, history.key, text)
    }
  }
}

/** All that deletes may have taken away: a delete leaves nothing to see. */
function deletedOf(history: KeyHistory): bigint {
  let deleted = 0n
  for (const event of history.deletes) {
    if (event.fate !== 'refused')
      deleted |= event.ancestors | bitOf(event) | (event.isBlindDelete ? mayHaveSeen(event, history) : 0n)
  }
  return deleted
}

/** While it is under way, and after nobody knew its end, there is no telling. */
function mayHaveSeen(event: WriteEvent, history: KeyHistory): bigint {
  return event.fate === 'acknowledged' ? event.mayHaveSeen : (1n << BigInt(history.events.length)) - 1n
}

function nameOf(event: WriteEvent): string {
  return `${event.kind === 'delete' ? 'delete ' : ''}${event.id}`
}

function nameOfIndex(history: KeyHistory, index: number): string {
  const event = history.events[index]
  return event === undefined ? `#${index}` : nameOf(event)
}
