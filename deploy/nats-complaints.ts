import type { Log } from '../runtime/log.ts'
import type { Metrics } from '../runtime/metrics.ts'

/** A route that is refused is tried again every second: the same complaint is logged so often at most. */
const repeatMsMin = 60_000
/** Kinds of complaints that are remembered; beyond it all are forgotten. */
const kindsMax = 64
const characterMax = 400
/** A host that is not there: who tells of that is gossip, and when all start together it is so for each of them. */
const away = /^Error (?:trying to connect|connecting) to .*connection refused$/

/**
 * What becomes of the lines that a nats-server logs: errors (a certificate or a secret that is refused, above all) go to the host's log, each kind once a minute,
 * and all are counted; the rest is dropped.
 */
export function natsComplaints(log: Log, metrics: Metrics, now: () => number): (line: string) => void {
  const count = metrics.counter('nats_errors_total', 'Errors that the host’s own nats-server logged')
  const told = new Map<string, number>()
  return line => {
    const text = /\[(?:ERR|FTL)\] (.*)$/.exec(line)?.[1]
    if (text === undefined) return
    count.add()
    // Ports and ids of connections differ each time.
    const kind = text.replaceAll(/[0-9]+/g, '0')
    const last = told.get(kind)
    if (last !== undefined && now() - last < repeatMsMin) return
    if (told.size >= kindsMax) told.clear()
    told.set(kind, now())
    log[away.test(text) ? 'debug' : 'warn']({ said: withoutCredentials(text).slice(0, characterMax) }, 'nats-server complains')
  }
}

/** An address may carry what servers show each other. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]*@/g, '//…@')
}
