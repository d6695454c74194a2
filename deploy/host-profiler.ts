import type { ProfilePiece, ProfileState } from '../actors/host-protocol.ts'
import { fault, type Fault } from '../model/fault.ts'
import { limits } from '../model/limits.ts'
import type { Cancellable, Clock } from '../runtime/clock.ts'
import { errorOf, errorText } from '../runtime/crash.ts'
import type { Log } from '../runtime/log.ts'
import type { Counter, Metrics } from '../runtime/metrics.ts'
import type { ProfileTable } from '../runtime/cpu-profile.ts'
import type { ProfileOrder, ThreadProfile } from './thread-profile.ts'

export interface HostProfilerOptions {
  readonly host: string
  /** In the order in which they are told to whoever names another one. */
  threads(): readonly string[]
  /** Rejects where the thread does not run, ends, or does not answer in time. */
  profile(thread: string, order: ProfileOrder): Promise<ThreadProfile>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
}

interface Profile {
  readonly id: string
  readonly thread: string
  readonly seconds: number
  readonly endMs: number
  state: ProfileState['state']
  error: string
  table: ProfileTable | null
  file: Uint8Array | undefined
  fileBytes: number
}

/** Takes CPU profiles of a host's threads, one at a time, and keeps the last one for a while. */
export class HostProfiler {
  readonly #options: HostProfilerOptions
  readonly #done: Counter
  readonly #failed: Counter
  #last: Profile | undefined = undefined
  #forgetting: Cancellable | undefined = undefined
  #isClosed = false

  constructor(options: HostProfilerOptions) {
    this.#options = options
    const counter = (outcome: string) =>
      options.metrics.counter('profiles_total', 'CPU profiles of threads by what became of them', { outcome })
    this.#done = counter('done')
    this.#failed = counter('failed')
  }

  /** @param seconds 1 to `limits.profileSecondsMax` */
  begin(thread: string, seconds: number): ProfileState | Fault {
    const { host, clock, log } = this.#options
    const threads = this.#options.threads()
    if (!threads.includes(thread)) {
      const named = JSON.stringify(thread.slice(0, 64))
      return fault('not_found', `the host ${host} has no thread ${named}: there are ${threads.join(', ')}`)
    }
    if (!(seconds >= 1 && seconds <= limits.profileSecondsMax))
      return fault('bad_request', `seconds is ${seconds}: allowed is 1 to ${limits.profileSecondsMax}`)
    const last = this.#last
    if (last?.state === 'running') {
      const leftS = Math.max(1, Math.ceil((last.endMs - clock.now()) / 1_000))
      const detail = `a profile of ${last.thread} is being taken on ${host} and ends in ${leftS} s: one at a time`
      return fault('already_running', detail, { limit: 1, size: 1 })
    }
    this.#forget()
    const id = `${thread}-${Math.floor(clock.wallMs())}`
    const endMs = clock.now() + seconds * 1_000
    const profile: Profile = {
      id,
      thread,
      seconds,
      endMs,
      state: 'running',
      error: '',
      table: null,
      file: undefined,
      fileBytes: 0
    }
    this.#last = profile
    log.info({ id, thread, seconds }, 'a CPU profile is taken')
    this.#options.profile(thread, { seconds }).then(
      taken => this.#taken(profile, taken),
      (error: unknown) => this.#broken(profile, error)
    )
    return this.#shown(profile, 0)
  }

  /** The last one. @param rowsMax functions of its table */
  state(rowsMax: number): ProfileState | Fault {
    if (this.#last === undefined) return this.#none()
    return this.#shown(this.#last, rowsMax)
  }

  /** @returns at most `limits.profilePieceBytes` of the file, none at its end */
  piece(id: string, offset: number): ProfilePiece | Fault {
    const last = this.#last
    if (last === undefined || last.id !== id) return this.#none()
    if (last.state === 'failed') return fault('unavailable', `the profile ${id} failed: ${last.error}`)
    if (last.state === 'running') return fault('unavailable', `the profile ${id} is still being taken: ask again when it is done`)
    if (last.file === undefined) {
      const detail = `the profile's file has ${last.fileBytes} bytes, ${limits.profileBytesMax} are kept: take a shorter one`
      return fault('too_large', detail, { limit: limits.profileBytesMax, size: last.fileBytes })
    }
    return { id, offset, size: last.fileBytes, bytes: last.file.subarray(offset, offset + limits.profilePieceBytes) }
  }

  /** Forget what is kept, and what is under way. */
  close(): void {
    this.#isClosed = true
    this.#forget()
  }

  #taken(profile: Profile, { table, file, fileBytes }: ThreadProfile): void {
    if (this.#isClosed) return
    Object.assign(profile, { table, file, fileBytes, state: 'done' })
    this.#done.add()
    this.#keepForAWhile()
  }

  #broken(profile: Profile, error: unknown): void {
    if (this.#isClosed) return
    profile.state = 'failed'
    profile.error = errorText(errorOf(error))
    this.#failed.add()
    this.#options.log.warn({ id: profile.id, thread: profile.thread, error: profile.error }, 'a CPU profile failed')
    this.#keepForAWhile()
  }

  #keepForAWhile(): void {
    this.#forgetting = this.#options.clock.after(limits.profileKeptMs, () => this.#forget())
  }

  #forget(): void {
    this.#forgetting?.cancel()
    this.#forgetting = undefined
    this.#last = undefined
  }

  #none(): Fault {
    const { host } = this.#options
    return fault(
      'not_found',
      `the host ${host} keeps no such profile: the last one is kept for ${limits.profileKeptMs / 60_000} minutes`
    )
  }

  #shown({ id, thread, seconds, endMs, state, error, table, fileBytes }: Profile, rowsMax: number): ProfileState {
    const leftMs = state === 'running' ? Math.max(0, Math.ceil(endMs - this.#options.clock.now())) : 0
    const shown = table === null ? null : { ...table, functions: table.functions.slice(0, rowsMax) }
    return { id, thread, seconds, state, left_ms: leftMs, error, file_bytes: fileBytes, table: shown }
  }
}
