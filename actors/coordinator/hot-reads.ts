import { HotKeys } from '../../model/hot-keys.ts'
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { GetRequest, QuorumOptions } from './coordinator-protocol.ts'

/** A key is hot from where so many reads of it would be under way at once, each by itself. */
const overlapMin = 4
/** And until it is read so many times less. Reads that wait take up to twice as long, so who asks again and again asks half as often. */
const coolingFactor = 4
/** Keys that a summary names. */
const shownMax = 8
const shownCharactersMax = 80

/** A get, and who waits for it. */
export interface Reader {
  readonly request: GetRequest
  readonly startedMs: number
  readonly deadlineMs: number
  /** Whether it is counted as unanswered by itself: all but those for whom an operation counts. */
  isCounted: boolean
}

/** What is known of a read under way. */
export interface ReadUnderWay {
  readonly needed: number
  readonly answers: number
}

/** One read for all that waited when it began. Nobody is added to it later. */
export class Round {
  readonly lane: Lane
  readonly startedMs: number
  readers: readonly Reader[]
  operation: ReadUnderWay | undefined

  constructor(lane: Lane, readers: readonly Reader[], startedMs: number) {
    this.lane = lane
    this.readers = readers
    this.startedMs = startedMs
  }
}

/** Reads of one hot key that want the same of its replicas. */
export class Lane {
  readonly options: QuorumOptions
  /** The newest one under way. While there is none, nobody waits. */
  round: Round | undefined
  waiting: Reader[] = []

  constructor(options: QuorumOptions) {
    this.options = options
  }
}

interface HotKey {
  readonly key: Key
  readonly position: number
  lanes: Lane[]
  /** Since the sketch was aged. */
  reads: number
  perSecond: number
}

/** A reader whose time is up, and how far its read was. */
export interface LateReader {
  readonly reader: Reader
  readonly needed: number
  readonly answers: number
}

/**
 * Which keys are hot at a coordinator, and which reads of them are under way or wait.
 * A read that comes while one of its lane is under way waits until that one has ended, and then shares the next one with all that wait:
 * so what replicas are asked for it is asked after it came.
 * @see docs/decisions/0015-hot-keys.md
 */
export class HotReads {
  readonly #sketch = new HotKeys()
  readonly #keys = new Map<Key, HotKey>()
  readonly #rounds = new Set<Round>()
  /** Reads of a second from which a key is hot. */
  #hotFrom: number
  /** No reader is late before. */
  #lateFromMs = Number.POSITIVE_INFINITY
  #waiting = 0

  /** @param usualMs how long reads take */
  constructor(usualMs: number) {
    this.#hotFrom = hotFrom(usualMs)
  }

  get waiting(): number {
    return this.#waiting
  }

  get keys(): number {
    return this.#keys.size
  }

  /**
   * One more get of a client.
   * @param position of the key on the ring: its hash
   * @returns where it may wait; undefined: it goes alone, since the key is not hot, or there are too many that are
   */
  laneOf(key: Key, position: number, options: QuorumOptions): Lane | undefined {
    const reads = this.#sketch.note(position)
    if (reads * coolingFactor < this.#hotFrom) return undefined
    let hot = this.#keys.get(key)
    if (hot === undefined) {
      if (reads < this.#hotFrom || this.#keys.size >= limits.hotKeysMax) return undefined
      this.#keys.set(key, (hot = { key, position, lanes: [], reads: 0, perSecond: 0 }))
    }
    hot.reads++
    for (const lane of hot.lanes) if (wantSame(lane.options, options)) return lane
    if (hot.lanes.length >= limits.hotLanesMax) return undefined
    const lane = new Lane(options)
    hot.lanes.push(lane)
    return lane
  }

  /** @returns false where there is no room: it goes alone */
  wait(lane: Lane, reader: Reader): boolean {
    if (lane.waiting.length >= limits.hotReadersMax) return false
    lane.waiting.push(reader)
    this.#waiting++
    this.#note(reader)
    return true
  }

  /** All that wait, who wait no more: they are answered, or get a round. */
  take(lane: Lane): readonly Reader[] {
    const readers = lane.waiting
    lane.waiting = []
    this.#waiting -= readers.length
    return readers
  }

  begin(lane: Lane, readers: readonly Reader[], nowMs: number): Round {
    const round = new Round(lane, readers, nowMs)
    lane.round = round
    this.#rounds.add(round)
    for (const reader of readers) this.#note(reader)
    return round
  }

  /** @returns whether those that wait have their turn: not where they have been given another round already */
  end(round: Round): boolean {
    this.#rounds.delete(round)
    if (round.lane.round !== round) return false
    round.lane.round = undefined
    return round.lane.waiting.length > 0
  }

  /** Readers whose time is up: they are forgotten here. Their rounds go on for the others. */
  late(nowMs: number): readonly LateReader[] {
    if (nowMs < this.#lateFromMs) return nobody
    this.#lateFromMs = Number.POSITIVE_INFINITY
    const late: LateReader[] = []
    for (const round of this.#rounds) {
      round.readers = this.#inTime(round.readers, nowMs, round.operation?.answers ?? 0, round.operation?.needed ?? 0, late)
    }
    for (const lane of this.#lanes()) {
      const before = lane.waiting.length
      lane.waiting = this.#inTime(lane.waiting, nowMs, 0, lane.round?.operation?.needed ?? 0, late)
      this.#waiting -= before - lane.waiting.length
    }
    return late
  }

  /** Lanes in which some wait for a round that takes longer than `patienceMs`: it may be stuck, and theirs need not be. */
  stuck(nowMs: number, patienceMs: number): readonly Lane[] {
    if (this.#waiting === 0) return noLanes
    return [...this.#lanes()].filter(({ round, waiting }) => waiting.length > 0 && nowMs - round!.startedMs >= patienceMs)
  }

  /** Forget what is hot no more. @param usualMs how long reads take now */
  age(nowMs: number, usualMs: number): void {
    const ms = this.#sketch.age(nowMs)
    if (ms === 0) return
    this.#hotFrom = hotFrom(usualMs)
    for (const hot of this.#keys.values()) {
      hot.perSecond = Math.round((hot.reads * 1_000) / ms)
      hot.reads = 0
      hot.lanes = hot.lanes.filter(({ round, waiting }) => round !== undefined || waiting.length > 0)
      const isHot = this.#sketch.readsOf(hot.position) * coolingFactor >= this.#hotFrom
      if (!isHot && hot.lanes.length === 0) this.#keys.delete(hot.key)
    }
  }

  /** The hottest keys, as `bucket/key`, with their reads a second. */
  summary(): Readonly<Record<string, number>> {
    const hottest = [...this.#keys.values()].sort((one, other) => other.perSecond - one.perSecond).slice(0, shownMax)
    return Object.fromEntries(hottest.map(({ key, perSecond }) => [shown(key), perSecond]))
  }

  *#lanes(): Iterable<Lane> {
    for (const { lanes } of this.#keys.values()) yield* lanes
  }

  #note({ deadlineMs }: Reader): void {
    if (deadlineMs < this.#lateFromMs) this.#lateFromMs = deadlineMs
  }

  #inTime(readers: readonly Reader[], nowMs: number, answers: number, needed: number, late: LateReader[]): Reader[] {
    const inTime: Reader[] = []
    for (const reader of readers) {
      if (reader.deadlineMs <= nowMs) late.push({ reader, needed, answers })
      else {
        inTime.push(reader)
        this.#note(reader)
      }
    }
    return inTime
  }
}

const nobody: readonly LateReader[] = Object.freeze([])
const noLanes: readonly Lane[] = Object.freeze([])

/** Little's law: reads a second times the time of one are the reads under way. */
function hotFrom(usualMs: number): number {
  return Math.max(limits.hotReadsPerSecondMin, (overlapMin * 1_000) / usualMs)
}

/** Durability says nothing of a read, and a receipt is each reader's own. */
function wantSame(one: QuorumOptions, other: QuorumOptions): boolean {
  return (
    one === other ||
    (one.level === other.level &&
      (one.replicas ?? 0) === (other.replicas ?? 0) &&
      (one.primaries ?? 0) === (other.primaries ?? 0) &&
      (one.durable ?? 0) === (other.durable ?? 0) &&
      (one.sloppy !== false) === (other.sloppy !== false))
  )
}

function shown(key: Key): string {
  const text = Buffer.from(key, 'latin1').toString('utf8').replace('\0', '/')
  return text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text
}
