import { spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tableDirectory } from './table.ts'

const whatToDo = 'empty the data directory and let the host take its data from the replicas, or restore a backup'
const metaBytes = 4096
const metaMagic = 0xbeefc0de
const metaVersion = 2
/** An intact file of any size passes well within this. */
const walkTimeoutMs = 60_000

interface Meta {
  readonly pageBytes: number
  readonly lastPage: number
  readonly transaction: number
}

/**
 * Look at the table's file without mapping it: LMDB maps it as it is, and a truncated file kills the process (SIGBUS),
 * a zeroed meta page too (SIGSEGV).
 * @returns what is wrong, or undefined
 * @see LMDB, mdb.c, MDB_meta
 */
export function tableDamage(directory: string): string | undefined {
  const path = join(tableDirectory(directory), 'data.mdb')
  if (!existsSync(path)) return undefined
  const fd = openSync(path, 'r')
  try {
    const size = fstatSync(fd).size
    if (size === 0) return undefined
    const first = metaAt(fd, 0)
    const second = metaAt(fd, first?.pageBytes ?? metaBytes)
    const newest = first === undefined || (second !== undefined && second.transaction > first.transaction) ? second : first
    if (newest === undefined) return `${path} has no intact meta page: ${whatToDo}`
    if (first === undefined || second === undefined) return `${path} has lost one of its two meta pages: ${whatToDo}`
    const needed = (newest.lastPage + 1) * newest.pageBytes
    return size < needed ? `${path} is cut off: it has ${size} bytes, its meta page needs ${needed}; ${whatToDo}` : undefined
  } finally {
    closeSync(fd)
  }
}

function metaAt(fd: number, position: number): Meta | undefined {
  const page = Buffer.alloc(metaBytes)
  if (readSync(fd, page, 0, metaBytes, position) < 160) return undefined
  if (page.readUInt32LE(24) !== metaMagic || (page.readUInt32LE(28) & 0xffff) !== metaVersion) return undefined
  return {
    pageBytes: page.readUInt32LE(48),
    lastPage: Number(page.readBigUInt64LE(144)),
    transaction: Number(page.readBigUInt64LE(152))
  }
}

/**
 * Walk over all keys of the table in a child process, which may die of what it finds where the host must not.
 * @returns what is wrong, or undefined
 */
export function walkTable(directory: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const program = fileURLToPath(
      new URL(import.meta.url.endsWith('.ts') ? './table-walk.ts' : './table-walk.js', import.meta.url)
    )
    const child = spawn(process.execPath, [program, directory], { stdio: ['ignore', 'ignore', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), walkTimeoutMs)
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      if (said.length < 2000) said += chunk.toString()
    })
    child.on('error', error => resolve(`the check of the table could not be started: ${error.message}`))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const why = signal === null ? `status ${code}` : `signal ${signal}`
      resolve(code === 0 ? undefined : `the check of the table in ${directory} ended with ${why}: ${said.trim().slice(0, 500)}`)
    })
  })
}
