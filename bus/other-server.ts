import type { NatsLink } from './nats-link.ts'

/** Of several servers one is taken by chance: so often it is tried to get another than those that are about to end. */
const attemptsMax = 12
/** Until all servers know that somebody listens at another one, too. */
const knownMs = 250
/** Until a server that nothing more is given to has passed on what it had. */
const lingerMs = 500

/**
 * A connection to a server that stays, at which somebody listens.
 * @param isGoing by a server's name, which is its host's: it is about to end
 * Never rejects: who moves goes on where it is.
 * @returns undefined where nobody answers now, or chance leads to servers alone that end
 */
export async function connectElsewhere(
  open: () => Promise<NatsLink>,
  isGoing: (server: string) => boolean,
  listen: (link: NatsLink) => void
): Promise<NatsLink | undefined> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const link = await open().catch(() => undefined)
    if (link === undefined) return undefined
    if (!isGoing(link.server) && (await isKnown(link, listen).catch(() => false))) return link
    await link.close(0).catch(() => {})
  }
  return undefined
}

export function lingering(): Promise<void> {
  return after(lingerMs)
}

function after(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

async function isKnown(link: NatsLink, listen: (link: NatsLink) => void): Promise<boolean> {
  listen(link)
  await link.flush().catch(() => {})
  await after(knownMs)
  return link.connected
}
