import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

const stopMsMax = 5_000
const lastLinesMax = 12
const lineLengthMax = 400

/**
 * Becomes the program, after leaving a watcher behind that waits on descriptor 3, which this process holds. A line on it: all
 * is well, go. Its end: this process is gone, however it died, so the program goes too, and the folder with it.
 */
const startScript = `folder=$1; shift
( trap '' INT HUP TERM; if read -r farewell <&3; then exit 0; fi; kill -KILL $$; rm -rf -- "$folder" || rm -rf -- "$folder" ) >/dev/null 2>&1 </dev/null &
exec "$0" "$@" 3<&-`

export interface PeerCommand {
  readonly path: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** A program of a peer as a child process that never outlives this one. */
export class PeerProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #lines: string[] = []
  #end: string | undefined

  /** @param folder its working folder, which goes where this process dies before it has stopped the program */
  constructor({ path, args, environment }: PeerCommand, folder: string) {
    // In a session of its own: Ctrl-C is for this process, which stops the program in order.
    const child = spawn('/bin/sh', ['-c', startScript, path, folder, ...args], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, LANG: 'C', ...environment }
    })
    const tether = child.stdio[3] as Writable
    tether.on('error', () => {})
    const listen = (stream: Readable | null) => {
      if (stream === null) return
      createInterface({ input: stream }).on('line', line => {
        this.#lines.push(line.slice(0, lineLengthMax))
        if (this.#lines.length > lastLinesMax) this.#lines.shift()
      })
    }
    listen(child.stdout)
    listen(child.stderr)
    this.#child = child
    this.#ended = new Promise(resolve => {
      const end = (how: string) => {
        this.#end ??= how
        tether.end('farewell\n')
        resolve()
      }
      child.once('exit', (code, signal) => end(signal ?? `exit status ${code}`))
      child.once('error', error => end(error.message))
    })
  }

  /** 0 where it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** How it ended, with its last words; undefined while it runs. */
  get end(): string | undefined {
    return this.#end === undefined ? undefined : `${this.#end}: ${this.#lines.join(' | ')}`
  }

  /** End it: cleanly, by force where that takes too long. */
  async stop(): Promise<void> {
    if (this.#end !== undefined) return
    this.#child.kill('SIGTERM')
    const force = setTimeout(() => this.#child.kill('SIGKILL'), stopMsMax)
    await this.#ended
    clearTimeout(force)
  }
}
