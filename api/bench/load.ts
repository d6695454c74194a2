import { build, type Histogram } from 'hdr-histogram-js'

/** One operation of the workload. */
export type Work = () => Promise<unknown>

export interface Load {
  /** Closed: so many operations under way at any time. */
  readonly inFlight: number
  /** Open: so many started per second, however long they take; then `inFlight` is a bound. 0: closed. */
  readonly rate: number
  readonly seconds: number
}

export interface LoadResult {
  readonly operations: number
  readonly seconds: number
  /** Microseconds; of operations that succeeded. */
  readonly latencies: Histogram
  readonly errors: ReadonlyMap<string, number>
}

/** Where the driver reads the time and gives way to input. */
export interface LoadClock {
  /** Milliseconds, with fractions. */
  now(): number
  /** Resolves after the input that waits was handled. */
  turn(): Promise<void>
}

export const loadClock: LoadClock = {
  now: () => performance.now(),
  turn: () => new Promise(resolve => setImmediate(resolve))
}

const latencyMicrosecondsMax = 120_000_000
/** Beyond it an open loop waits; what it starts late counts from when it should have started. */
const openInFlightMax = 65_536

class Recorder {
  readonly latencies = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: latencyMicrosecondsMax,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32
  })
  readonly errors = new Map<string, number>()
  operations = 0

  succeeded(tookMs: number): void {
    this.operations += 1
    this.latencies.recordValue(Math.min(Math.max(1, Math.round(tookMs * 1000)), latencyMicrosecondsMax))
  }

  failed(error: unknown): void {
    const code = (error as { code?: unknown } | null)?.code
    const name =
      typeof code === 'string' || typeof code === 'number' ? String(code) : error instanceof Error ? error.name : 'unknown'
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1)
  }

  result(seconds: number): LoadResult {
    return { operations: this.operations, seconds, latencies: this.latencies, errors: this.errors }
  }
}

/** Operations that succeed are those that end within the time; the others are waited for, and not counted. */
export function drive(
  work: Work,
  load: Load,
  clock: LoadClock = loadClock,
  stopped: () => boolean = () => false
): Promise<LoadResult> {
  return load.rate > 0 ? openLoop(work, load, clock, stopped) : closedLoop(work, load, clock, stopped)
}

async function closedLoop(
  work: Work,
  { inFlight, seconds }: Load,
  clock: LoadClock,
  stopped: () => boolean
): Promise<LoadResult> {
  const recorder = new Recorder()
  const startMs = clock.now()
  const endMs = startMs + seconds * 1000
  const worker = async () => {
    for (let beganMs = startMs; beganMs < endMs && !stopped(); ) {
      try {
        await work()
        const nowMs = clock.now()
        if (nowMs <= endMs) recorder.succeeded(nowMs - beganMs)
        beganMs = nowMs
      } catch (error) {
        recorder.failed(error)
        // An error may come without any input: let the rest of the program live.
        await clock.turn()
        beganMs = clock.now()
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return recorder.result(Math.min(clock.now() - startMs, seconds * 1000) / 1000)
}

/**
 * Latencies count from when an operation should have started, so that a stall is felt by all that it delayed.
 * @see Tene: How NOT to Measure Latency (coordinated omission)
 */
async function openLoop(work: Work, { rate, seconds }: Load, clock: LoadClock, stopped: () => boolean): Promise<LoadResult> {
  const recorder = new Recorder()
  const startMs = clock.now()
  const endMs = startMs + seconds * 1000
  const gapMs = 1000 / rate
  const total = Math.floor(rate * seconds)
  let started = 0
  const flight = { count: 0 }
  const ended = (intendedMs: number) => {
    flight.count -= 1
    const nowMs = clock.now()
    if (nowMs <= endMs) recorder.succeeded(nowMs - intendedMs)
  }
  while (clock.now() < endMs && !stopped()) {
    const nowMs = clock.now()
    while (started < total && flight.count < openInFlightMax && startMs + started * gapMs <= nowMs) {
      const intendedMs = startMs + started * gapMs
      started += 1
      flight.count += 1
      work().then(
        () => ended(intendedMs),
        error => {
          flight.count -= 1
          recorder.failed(error)
        }
      )
    }
    await clock.turn()
  }
  const tookMs = Math.min(clock.now() - startMs, seconds * 1000)
  while (flight.count > 0) await clock.turn()
  return recorder.result(tookMs / 1000)
}
