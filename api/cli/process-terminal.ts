import { once } from 'node:events'
import type { WriteStream } from 'node:tty'
import { systemClock } from '../../runtime/system-clock.ts'
import type { ClientEnvironment, Terminal, TextSink } from './terminal.ts'

/** The terminal of this process. @param environment the process's: read by whoever composes the program */
export function processTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  // Whoever reads us may have enough before the end, as `head` does: then there is nobody to write to.
  process.stdout.on('error', endOfReader)
  const isPlain = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb'
  return {
    input: process.stdin,
    output: sinkOf(process.stdout, isPlain),
    errors: sinkOf(process.stderr, isPlain),
    clock: systemClock,
    environment: clientEnvironment(environment),
    async connect(options) {
      const { connectCluster } = await import('./nats-cluster.ts')
      return connectCluster(options)
    },
    onInterrupt(stop) {
      const signals = ['SIGINT', 'SIGTERM'] as const
      for (const signal of signals) process.once(signal, stop)
      return () => {
        for (const signal of signals) process.off(signal, stop)
      }
    }
  }
}

function endOfReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
}

function clientEnvironment(environment: Readonly<Record<string, string | undefined>>): ClientEnvironment {
  return {
    servers: environment['CARILLON_SERVERS'] ?? '',
    token: environment['CARILLON_TOKEN'] ?? '',
    cluster: environment['CARILLON_CLUSTER'] ?? '',
    tokenFile: environment['CARILLON_TOKEN_FILE'] ?? '',
    tlsCa: environment['CARILLON_TLS_CA'] ?? '',
    tlsCert: environment['CARILLON_TLS_CERT'] ?? '',
    tlsKey: environment['CARILLON_TLS_KEY'] ?? ''
  }
}

function sinkOf(stream: WriteStream, isPlain: boolean): TextSink {
  return {
    columns: stream.isTTY ? stream.columns || 80 : 0,
    isColoured: stream.isTTY && !isPlain,
    async write(chunk) {
      if (!stream.write(chunk)) await once(stream, 'drain')
    }
  }
}
