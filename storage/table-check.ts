import { spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tableDirectory } from './table.ts'

const whatToDo = 'empty the data directory and let the host take its data from the replicas, or restore a backup'
const metaBytes = 4096
const metaMagic = 0xbeefc0de
const metaVersion = 2
/** An intact file passes well within this, and at this pace. */
const walkMsMin = 60_000
const walkBytesPerMs = 10_000

interface Meta {
  readonly pageBytes: number
  readonly lastPage: number
  readonly transaction: number
}

interface TableFile {
  readonly path: string
  readonly size: number
  readonly first: Meta | undefined
  readonly second: Meta | undefined
}

/**
 * Before the table is mapped: LMDB maps its file as it is, and a truncated one kills the process (SIGBUS), a zeroed meta page too (SIGSEGV).
 *
 * A sound file may end before the last page that its meta page counts, since LMDB does not write pages that a transaction took and gave
 * back. So one that ends early is walked over, in a process of its own; where that finds all, the file is made as long as it says.
 * @throws {Error} the table is damaged: says how, and what to do
 * @see LMDB, mdb.c, mdb_page_flush: P_LOOSE
 */
export async function checkTable(directory: string): Promise<void> {
  const damage = tableDamage(directory)
  if (damage !== undefined) throw new Error(damage)
  const file = tableFile(directory)
  const newest = file === undefined ? undefined : newestOf(file)
  if (file === undefined || newest === undefined) return
  const { path, size } = file
  const needed = (newest.lastPage + 1) * newest.pageBytes
  if (size >= needed) return
  const broken = await walkTable(directory)
  if (broken !== undefined) {
    throw new Error(`${path} is cut off: it has ${size} bytes, its meta page counts ${needed}, and ${broken}; ${whatToDo}`)
  }
  // Were a page of the list of free pages gone, its reader would find an error, and not the end of the file.
  truncateSync(path, needed)
}

/** @returns what is wrong with the table's meta pages, or undefined */
export function tableDamage(directory: string): string | undefined {
  const file = tableFile(directory)
  if (file === undefined) return undefined
  const { path, first, second } = file
  if (first === undefined && second === undefined) return `${path} has no intact meta page: ${whatToDo}`
  if (first === undefined || second === undefined) return `${path} has lost one of its two meta pages: ${whatToDo}`
  return undefined
}

/** @returns undefined: there is none, or nothing was ever stored in it */
function tableFile(directory: string): TableFile | undefined {
  const path = join(tableDirectory(directory), 'data.mdb')
  if (!existsSync(path)) return undefined
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    if (size === 0) return undefined
    const first = metaAt(fd, 0)
    return { path, size, first, second: metaAt(fd, first?.pageBytes ?? metaBytes) }
  } finally {
    closeSync(fd)
  }
}

function newestOf({ first, second }: TableFile): Meta | undefined {
  return first === undefined || (second !== undefined && second.transaction > first.transaction) ? second : first
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
    const size = tableFile(directory)?.size ?? 0
    const timer = setTimeout(() => child.kill('SIGKILL'), Math.max(walkMsMin, size / walkBytesPerMs))
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
