import { limits } from '../model/limits.ts'
import { profileTableOf, type ProfileTable } from '../runtime/cpu-profile.ts'

/** What main asks of the thread that is to be looked at. */
export interface ProfileOrder {
  readonly seconds: number
}

export interface ThreadProfile {
  /** With as many functions as a table may list. */
  readonly table: ProfileTable
  /** What Chrome DevTools opens as `.cpuprofile`; undefined where it is larger than is kept. */
  readonly file: Uint8Array | undefined
  readonly fileBytes: number
}

/** V8's own default. A thread that is busy all the time gives 1,000 samples a second. */
const sampleMicros = 1_000
/** The compiled files' folder: places are told from here on. */
const home = new URL('..', import.meta.url).href

/**
 * A CPU profile of the thread that calls this, from now on for so long. The thread goes on with its work, a little slower; at the
 * beginning and the end it does nothing else for some tens of milliseconds.
 * @throws {Error} another profiler is at work in this thread
 */
export async function profileThread({ seconds }: ProfileOrder): Promise<ThreadProfile> {
  // Loaded when it is needed: most hosts are never looked at.
  const { Session } = await import('node:inspector/promises')
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: sampleMicros })
    await session.post('Profiler.start')
    // Neither a thread nor a host waits with its end for a profile.
    await new Promise<void>(resolve => void setTimeout(resolve, seconds * 1_000).unref())
    const { profile } = await session.post('Profiler.stop')
    const table = profileTableOf(profile, limits.profileRowsMax, home)
    const file = new TextEncoder().encode(JSON.stringify(profile))
    return { table, file: file.length > limits.profileBytesMax ? undefined : file, fileBytes: file.length }
  } finally {
    session.disconnect()
  }
}
