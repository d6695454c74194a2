import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  utimes,
  writeSync
} from 'node:fs'
import { join } from 'node:path'

interface Holder {
  readonly pid: number
  /** When the process began, in the kernel's ticks since boot; numbers of processes are used again. */
  readonly started: string
  readonly boot: string
  /** The namespace that `pid` is a number of. */
  readonly namespace: string
}

const beatMs = 5_000
/** A holder that cannot be looked up (another container's or machine's, or from before a reboot) is dead after this much silence. */
const silentMs = 20_000

/** Keeps two hosts from opening one data directory. */
export class DirectoryLock {
  readonly #path: string
  readonly #beat: NodeJS.Timeout

  private constructor(path: string) {
    this.#path = path
    this.#beat = setInterval(() => {
      const now = new Date()
      utimes(this.#path, now, now, () => {})
    }, beatMs)
    this.#beat.unref()
  }

  /** @throws {Error} a process that lives holds the directory: says which */
  static take(directory: string): DirectoryLock {
    mkdirSync(directory, { recursive: true })
    const path = join(directory, 'lock')
    const self = thisProcess()
    const mine = `${path}.${self.pid}-${self.started}`
    writeWhole(mine, JSON.stringify(self))
    try {
      for (let attempt = 0; attempt < 10; attempt++) {
        if (linked(mine, path)) return new DirectoryLock(path)
        const held = read(path)
        if (held === undefined) continue
        const holder = holderOf(held.text)
        if (holder !== undefined && isAlive(holder, self, held.ageMs)) {
          const who = holder.pid === self.pid && holder.started === self.started ? 'this very process' : `process ${holder.pid}`
          throw new Error(`${directory} is in use by ${who}: stop that host first, or give this one a directory of its own`)
        }
        putAside(path, held.text)
      }
      throw new Error(`${path} could not be taken: other processes are trying too`)
    } finally {
      unlinkSync(mine)
    }
  }

  release(): void {
    clearInterval(this.#beat)
    if (read(this.#path)?.text === JSON.stringify(thisProcess())) unlinkSync(this.#path)
  }
}

function writeWhole(path: string, content: string): void {
  const fd = openSync(path, 'w')
  writeSync(fd, content)
  fsyncSync(fd)
  closeSync(fd)
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function read(path: string): { readonly text: string; readonly ageMs: number } | undefined {
  try {
    return { text: readFileSync(path, 'utf8'), ageMs: Date.now() - statSync(path).mtimeMs }
  } catch {
    return undefined
  }
}

/** Take a dead holder's lock away; where another was quicker and it is a live one's by now, put it back. */
function putAside(path: string, dead: string): void {
  const aside = `${path}.dead-${process.pid}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (read(aside)?.text !== dead) linked(aside, path)
  unlinkSync(aside)
}

function holderOf(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null
    return typeof holder?.pid === 'number' ? (holder as Holder) : undefined
  } catch {
    return undefined
  }
}

function isAlive(holder: Holder, self: Holder, ageMs: number): boolean {
  if (holder.boot !== self.boot || holder.namespace !== self.namespace) return ageMs < silentMs
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return startOf(holder.pid) === holder.started && !hasEnded(holder.pid)
}

/** Killed, but nobody has asked yet how it ended: a zombie holds nothing. */
function hasEnded(pid: number): boolean {
  const stat = line(`/proc/${pid}/stat`)
  return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
}

function thisProcess(): Holder {
  return {
    pid: process.pid,
    started: startOf(process.pid),
    boot: line('/proc/sys/kernel/random/boot_id'),
    namespace: namespaceOfThis()
  }
}

/** Field 22 of /proc/PID/stat; empty where there is no /proc. */
function startOf(pid: number): string {
  const stat = line(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function line(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function namespaceOfThis(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
