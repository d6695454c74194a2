/**
 * What V8's sampling profiler gives: a tree of calls, and which node each sample fell on.
 * @see the Chrome DevTools protocol, `Profiler.Profile`
 */
export interface CpuProfile {
  readonly nodes: readonly CpuProfileNode[]
  /** Microseconds of a clock of V8's own. */
  readonly startTime: number
  readonly endTime: number
  /** Ids of nodes, in order of time. */
  readonly samples?: readonly number[] | undefined
  /** Microseconds from the sample before; of the first from `startTime`. */
  readonly timeDeltas?: readonly number[] | undefined
}

export interface CpuProfileNode {
  readonly id: number
  readonly callFrame: CallFrame
  readonly children?: readonly number[] | undefined
}

export interface CallFrame {
  readonly functionName: string
  readonly url: string
  /** From 0. */
  readonly lineNumber: number
  readonly columnNumber: number
}

/** One function, wherever it was called from. */
export interface ProfileRow {
  readonly function: string
  /** `file:line` of the file that runs; '' of what is V8's own. */
  readonly place: string
  /** In the function itself. */
  readonly self_ms: number
  /** In it and all that it called; recursion counts once. */
  readonly total_ms: number
  /** Of the time that the thread was busy. */
  readonly self_share: number
  readonly total_share: number
}

/**
 * Where a thread's time went. `garbage_share`, `native_share` and the `self_share` of all functions add up to 1,
 * unless the thread was never busy.
 */
export interface ProfileTable {
  readonly duration_ms: number
  readonly samples: number
  /** Of the whole time: the thread waited for something to happen. */
  readonly idle_share: number
  readonly busy_ms: number
  /** Of the busy time. */
  readonly garbage_share: number
  /** Of the busy time: code that is not JavaScript, such as system calls and the event loop itself. */
  readonly native_share: number
  /** How many functions were seen; `functions` may hold fewer. */
  readonly functions_seen: number
  /** By their own time, most first. */
  readonly functions: readonly ProfileRow[]
}

const idle = '(idle)'
const garbage = '(garbage collector)'
const native = '(program)'
const root = '(root)'
const textCharactersMax = 200

interface Sums {
  readonly frame: CallFrame
  self: number
  total: number
}

/**
 * Sums a profile up by function. A sample's time reaches to the next one, as DevTools has it.
 * @param rowsMax functions that are listed
 * @param home what urls are shortened by, with its slash at the end; '' for none
 */
export function profileTableOf(profile: CpuProfile, rowsMax: number, home = ''): ProfileTable {
  const selfById = selfTimes(profile)
  const sums = new Map<string, Sums>()
  const sumsById = new Map<number, Sums>()
  for (const { id, callFrame: frame } of profile.nodes) {
    const key = `${frame.functionName}\n${frame.url}\n${frame.lineNumber}\n${frame.columnNumber}`
    let sum = sums.get(key)
    if (sum === undefined) sums.set(key, (sum = { frame, self: 0, total: 0 }))
    sum.self += selfById.get(id) ?? 0
    sumsById.set(id, sum)
  }
  addTotals(profile, selfById, sumsById)

  let [idleUs, garbageUs, nativeUs, allUs] = [0, 0, 0, 0]
  const functions: Sums[] = []
  for (const sum of sums.values()) {
    allUs += sum.self
    if (sum.frame.functionName === idle) idleUs += sum.self
    else if (sum.frame.functionName === garbage) garbageUs += sum.self
    else if (sum.frame.functionName === native || (sum.frame.functionName === root && sum.frame.url === '')) nativeUs += sum.self
    else if (sum.total > 0) functions.push(sum)
  }
  const busyUs = allUs - idleUs
  functions.sort((one, other) => other.self - one.self || other.total - one.total)
  return {
    duration_ms: allUs / 1_000,
    samples: profile.samples?.length ?? 0,
    idle_share: share(idleUs, allUs),
    busy_ms: busyUs / 1_000,
    garbage_share: share(garbageUs, busyUs),
    native_share: share(nativeUs, busyUs),
    functions_seen: functions.length,
    functions: functions.slice(0, rowsMax).map(({ frame, self, total }) => ({
      function: shortened(frame.functionName === '' ? '(anonymous)' : frame.functionName),
      place: placeOf(frame, home),
      self_ms: self / 1_000,
      total_ms: total / 1_000,
      self_share: share(self, busyUs),
      total_share: share(total, busyUs)
    }))
  }
}

/** Microseconds by node. */
function selfTimes({ samples = [], timeDeltas = [], startTime, endTime }: CpuProfile): Map<number, number> {
  const times = new Map<number, number>()
  let atUs = startTime
  for (const [index, node] of samples.entries()) {
    atUs += timeDeltas[index] ?? 0
    const reachedUs = index + 1 < samples.length ? (timeDeltas[index + 1] ?? 0) : endTime - atUs
    // V8 takes samples on more than one thread: they may come out of order.
    times.set(node, (times.get(node) ?? 0) + Math.max(0, reachedUs))
  }
  return times
}

/** Down the tree with a stack of our own; a function that is on the way already has counted what lies below. */
function addTotals({ nodes }: CpuProfile, selfById: ReadonlyMap<number, number>, sumsById: ReadonlyMap<number, Sums>): void {
  const children = new Map<number, readonly number[]>()
  const below = new Set<number>()
  for (const { id, children: ids = [] } of nodes) {
    children.set(id, ids)
    for (const child of ids) below.add(child)
  }
  const onTheWay = new Set<Sums>()
  const path: { readonly sum: Sums; readonly outermost: boolean; readonly ids: readonly number[]; next: number; time: number }[] =
    []
  const enter = (id: number): void => {
    const sum = sumsById.get(id)
    if (sum === undefined) return
    const outermost = !onTheWay.has(sum)
    onTheWay.add(sum)
    path.push({ sum, outermost, ids: children.get(id) ?? [], next: 0, time: selfById.get(id) ?? 0 })
  }
  for (const { id } of nodes) {
    if (below.has(id)) continue
    enter(id)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const child = top.ids[top.next++]
      if (child !== undefined) {
        enter(child)
        continue
      }
      path.pop()
      const above = path.at(-1)
      if (above !== undefined) above.time += top.time
      if (!top.outermost) continue
      top.sum.total += top.time
      onTheWay.delete(top.sum)
    }
  }
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}

function placeOf({ url, lineNumber }: CallFrame, home: string): string {
  if (url === '') return ''
  const modules = url.lastIndexOf('/node_modules/')
  const path =
    home !== '' && url.startsWith(home)
      ? url.slice(home.length)
      : modules < 0
        ? url
        : url.slice(modules + '/node_modules/'.length)
  return `${shortened(path)}:${lineNumber + 1}`
}

/** The end of a path says most, the beginning of a name does; what is longer than this is neither. */
function shortened(text: string): string {
  return text.length <= textCharactersMax ? text : `…${text.slice(1 - textCharactersMax)}`
}
