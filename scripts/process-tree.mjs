import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

const settleMs = 2_000
const pollMs = 50
const hasProc = existsSync('/proc/self/environ')

/**
 * The processes that a test file started and that are still there after a moment's grace.
 * They are known by the mark in their environment, which they inherited, or by their process group.
 * @param tree.group the process group of the file
 * @param tree.mark a word that is in CARILLON_TEST_MARK of all of them
 */
export async function strayProcesses(tree) {
  const deadline = performance.now() + settleMs
  for (;;) {
    const found = list(tree)
    if (found.length === 0 || performance.now() > deadline) return found
    await wait(pollMs)
  }
}

/** Ends the tree: SIGTERM, and SIGKILL for what is there after `graceMs`. */
export async function endTree(tree, graceMs) {
  signalTree(tree, 'SIGTERM')
  const deadline = performance.now() + graceMs
  while (performance.now() < deadline && list(tree).length > 0) await wait(pollMs)
  signalTree(tree, 'SIGKILL')
}

export function signalTree(tree, signal) {
  send(-tree.group, signal)
  for (const { pid } of list(tree)) send(pid, signal)
}

function list(tree) {
  if (!hasProc) return send(-tree.group, 0) ? [{ pid: tree.group, command: '(process group)' }] : []
  const found = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const marks = /(?:^|\0)CARILLON_TEST_MARK=([^\0]*)/.exec(read(`/proc/${pid}/environ`))?.[1]
    if (marks === undefined || !marks.split(',').includes(tree.mark)) continue
    found.push({ pid, command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() })
  }
  return found
}

function send(pid, signal) {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** '' for a process that has just gone, or that is somebody else's; a dead one that nobody has fetched reads empty. */
function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
