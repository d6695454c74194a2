import type { StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import { emptyContext } from '../../model/causal-context.ts'
import { fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import { contextAfterWrite, emptySiblings, isDeleted, write, type Siblings } from '../../model/siblings.ts'
import { digestOf, encodeSiblings } from '../../model/siblings-codec.ts'
import type { Answering } from './client-coordinators.ts'

/** A store of one replica behind the coordinators of a test: versions as the real one has them, and nothing else. */
export class OneReplica {
  readonly #records = new Map<Key, Siblings>()
  readonly #epoch: string
  #counter = 0
  /** Raised by whoever wants later writes to be newer. */
  nowMs = 1

  constructor(epoch: string) {
    this.#epoch = epoch
  }

  versionsOf(key: Key): number {
    return this.#records.get(key)?.versions.length ?? 0
  }

  readonly answer: Answering = (request: StoreRequest) => {
    const { key } = request
    const local = this.#records.get(key)
    const bytes = local === undefined ? new Uint8Array(0) : encodeSiblings(local)
    const common = { strength: 'strong' as const, answered: 1, epoch: this.#epoch }
    if (request.kind === 'get') return { kind: 'got', siblings: bytes, receipt: undefined, ...common }
    const exists = local !== undefined && !isDeleted(local)
    const isPut = request.kind === 'put'
    if (isPut && request.mode === 'create' && exists) return this.#refused('key_exists')
    if (request.ifMatch !== '' && (!exists || digestOf(bytes).toString(16) !== request.ifMatch))
      return this.#refused('precondition_failed')
    const dot = { vnode: 77, counter: ++this.#counter }
    const seen = request.context ?? (isPut && request.mode !== 'create' ? emptyContext : (local?.context ?? emptyContext))
    const after = write(local ?? emptySiblings, seen, {
      ...dot,
      value: isPut ? request.value.slice() : new Uint8Array(0),
      contentType: isPut ? request.contentType : '',
      modifiedMs: this.nowMs++,
      expiresMs: 0,
      tombstone: !isPut
    })
    this.#records.set(key, after)
    const context = contextAfterWrite(after, seen, dot)
    const receipt =
      request.options.receipt === true
        ? { consistency: 'strong' as const, needed: 1, acks: [], coordinator: 'a', epoch: this.#epoch }
        : undefined
    return { kind: 'written', context, receipt, ...common }
  }

  #refused(code: 'key_exists' | 'precondition_failed') {
    return { kind: 'refused' as const, fault: fault(code, 'no', { outcome: 'refused' }), epoch: this.#epoch }
  }
}
