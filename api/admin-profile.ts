import type { HostMessage, HostReply, ProfilePiece, ProfileState } from '../actors/host-protocol.ts'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import { fault, isFault } from '../model/fault.ts'
import { limits } from '../model/limits.ts'
import { errorOf } from './client/errors.ts'
import type { StoreCore, WithoutReplyTo } from './client/store-core.ts'
import { wholeNumber } from './request-options.ts'

/** The last CPU profile of a host, as `/api/v1/profile` shows it. */
export type ProfileShown = ProfileState & { readonly host: string }

export const profileDefaults = Object.freeze({ thread: 'data-0', seconds: 10, rows: 30 })

type Question = WithoutReplyTo<Extract<HostMessage, { kind: 'begin-profile' | 'describe-profile' | 'read-profile' }>>

/** CPU profiles of the threads of hosts. All of it may reject with a `StoreError`. */
export class ProfileAdmin {
  readonly #core: StoreCore
  readonly #timeoutMs: number

  constructor(core: StoreCore, timeoutMs: number) {
    this.#core = core
    this.#timeoutMs = timeoutMs
  }

  /** @param seconds and thread: as a user wrote them; undefined: the default */
  async begin(host: string, thread: string | undefined, seconds: string | undefined): Promise<ProfileShown> {
    return this.#state(host, {
      kind: 'begin-profile',
      thread: thread ?? profileDefaults.thread,
      seconds: number('seconds', seconds, profileDefaults.seconds, 1, limits.profileSecondsMax)
    })
  }

  /** @param rows functions of the table, as a user wrote it */
  async state(host: string, rows: string | undefined): Promise<ProfileShown> {
    const rowsMax = number('top', rows, profileDefaults.rows, 1, limits.profileRowsMax)
    return this.#state(host, { kind: 'describe-profile', rowsMax })
  }

  /** @param offset as a user wrote it */
  async piece(host: string, id: string, offset: string | undefined): Promise<ProfilePiece> {
    const from = number('offset', offset, 0, 0, limits.profileBytesMax)
    const reply = await this.#ask(host, { kind: 'read-profile', id, offset: from })
    if (reply.kind !== 'profile-piece') throw unexpected(reply)
    return reply
  }

  /** The whole file, piece by piece. The first is fetched before this resolves, so that what is wrong is known at once. */
  async file(host: string, id: string): Promise<{ readonly size: number; readonly pieces: AsyncIterable<Uint8Array> }> {
    const first = await this.piece(host, id, undefined)
    return { size: first.size, pieces: this.#pieces(host, first) }
  }

  async *#pieces(host: string, first: ProfilePiece): AsyncGenerator<Uint8Array> {
    yield first.bytes
    for (let at = first.bytes.length; at < first.size; ) {
      const { bytes } = await this.piece(host, first.id, String(at))
      if (bytes.length === 0) throw errorOf(fault('internal', `the profile ${first.id} ends at ${at} of ${first.size} bytes`))
      yield bytes
      at += bytes.length
    }
  }

  async #state(host: string, question: Question): Promise<ProfileShown> {
    const reply = await this.#ask(host, question)
    if (reply.kind !== 'profile-state') throw unexpected(reply)
    const { kind: _, ...shown } = reply
    return shown
  }

  #ask(host: string, question: Question): Promise<HostReply> {
    const to = { address: addressOf(threadAddressOf(host, 'main'), 'host'), correlation: 0, incarnation: 0 }
    return this.#core.ask<HostReply>(to, question, this.#timeoutMs)
  }
}

function number(name: string, text: string | undefined, otherwise: number, min: number, max: number): number {
  if (text === undefined) return otherwise
  const value = wholeNumber(name, text, min, max)
  if (isFault(value)) throw errorOf(value)
  return value
}

function unexpected({ kind }: HostReply): Error {
  return errorOf(fault('internal', `a host answered with ${JSON.stringify(kind)}, which was not asked`))
}
