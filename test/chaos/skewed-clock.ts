// Loaded before a host's own code, in each of its threads: its wall clock is off by what stands in the file of CHAOS_CLOCK, as with
// libfaketime. The monotonic clock goes on, as it does when a real clock is set.
import { readFileSync } from 'node:fs'

const file = process.env['CHAOS_CLOCK'] ?? ''
const pollMs = 100
const trueNow = Date.now.bind(Date)
let offsetMs = 0

function look(): void {
  try {
    offsetMs = Number(readFileSync(file, 'utf8')) || 0
  } catch {
    offsetMs = 0
  }
}

look()
setInterval(look, pollMs).unref()
Date.now = () => trueNow() + offsetMs
