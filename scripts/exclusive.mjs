import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { SetUpError } from './set-up-error.mjs'

const heartbeatMs = 2_000
/** A lock that nobody has touched for this long was left by a process that is gone, even if its number lives on. */
const staleMs = 60_000
const waitMsMax = 20 * 60_000
const pollMs = 100

/**
 * Runs `work` while no other process holds the lock file `path`.
 * The lock of a process that died is taken over.
 * @throws {SetUpError} where another process holds it for more than 20 minutes
 */
export async function exclusively(path, work) {
  mkdirSync(dirname(path), { recursive: true })
  const me = `${process.pid} ${randomUUID()}\n`
  const deadline = Date.now() + waitMsMax
  for (let told = false; !take(path, me); ) {
    const holder = holderOf(path)
    if (holder === undefined) continue
    if (!holder.alive) {
      evict(path, holder.text)
      continue
    }
    if (!told) console.log(`Another set-up (process ${holder.pid}) is under way in this folder: waiting for it.`)
    told = true
    if (Date.now() > deadline) {
      throw new SetUpError(
        `Process ${holder.pid} has held ${path} for 20 minutes: end it, or remove that file if it is no set-up, and try again.`
      )
    }
    await wait(pollMs)
  }
  const heartbeat = setInterval(() => touch(path, me), heartbeatMs)
  const release = () => {
    if (readText(path) === me) rmSync(path, { force: true })
  }
  const onSignal = signal => {
    release()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    release()
  }
}

/** The lock appears with its content in one step: a file that is written first and then linked. */
function take(path, me) {
  const draft = `${path}.${me.trim().replace(' ', '.')}`
  writeFileSync(draft, me)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  } finally {
    unlinkSync(draft)
  }
}

function holderOf(path) {
  const text = readText(path)
  if (text === undefined) return undefined
  const pid = Number.parseInt(text, 10)
  let ageMs
  try {
    ageMs = Date.now() - statSync(path).mtimeMs
  } catch {
    return undefined
  }
  return { text, pid, alive: ageMs < staleMs && isAlive(pid) }
}

/** Moves a dead process's lock away; puts it back where a living one came in between. */
function evict(path, text) {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
    if (readText(aside) !== text) linkSync(aside, path)
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  }
  rmSync(aside, { force: true })
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function touch(path, me) {
  if (readText(path) !== me) return
  const now = new Date()
  utimesSync(path, now, now)
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
