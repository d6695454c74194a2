import { type DestinationStream, pino } from 'pino'
import type { Log } from '../runtime/log.ts'
import type { HostSettings } from './configuration-schema.ts'

/** A host's log lines: JSON for machines or text for people, on standard error. */
export function hostLog(settings: HostSettings): Log {
  const stream = settings.logFormat === 'text' ? textStream : process.stderr
  return pino({ level: settings.logLevel, base: { host: settings.name }, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}

const levels: Readonly<Record<number, string>> = Object.freeze({ 20: 'debug', 30: 'info ', 40: 'warn ', 50: 'error' })

const textStream: DestinationStream = {
  write(line) {
    const { level, time, msg, host, ...fields } = JSON.parse(line) as Record<string, unknown>
    const words = Object.entries(fields).map(
      ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
    )
    process.stderr.write(
      `${String(time).slice(11, 23)} ${levels[Number(level)] ?? level} ${host}: ${msg}${words.length === 0 ? '' : `  ${words.join(' ')}`}\n`
    )
  }
}
