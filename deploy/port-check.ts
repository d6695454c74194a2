import { createServer } from 'node:net'

export interface WantedPort {
  readonly port: number
  /** For people: `HTTP of host-1`. */
  readonly use: string
}

const whyByCode: Readonly<Record<string, string>> = Object.freeze({
  EADDRINUSE: 'is taken by another program',
  EACCES: 'is closed to this user',
  EADDRNOTAVAIL: 'cannot be had: its address is not one of this machine'
})

/**
 * Look before the start, since what fails later fails less clearly, and is tried again and again.
 * @param wanted 0 is any free one and is passed over
 * @returns one sentence on the first port that cannot be had; undefined: all were free just now
 */
export async function portProblem(wanted: readonly WantedPort[], bind = '127.0.0.1'): Promise<string | undefined> {
  for (const { port, use } of wanted) {
    const code = port === 0 ? undefined : await listenError(port, bind)
    if (code !== undefined) return `port ${port} (${use}) ${whyByCode[code] ?? `cannot be listened on (${code})`}`
  }
  return undefined
}

function listenError(port: number, host: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', error => resolve((error as NodeJS.ErrnoException).code ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}
