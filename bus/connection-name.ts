import { randomBytes } from 'node:crypto'
import { hostOf, sharedAddressOf, type ThreadAddress } from './bus.ts'
import { clientHost, clientThread } from './subject.ts'

/** Of a client's token, for the connection. */
const connectionCharacters = 4

/** A client's name for one connection: as long as its own, so that it takes its place in a frame. */
export function aliasOf(thread: ThreadAddress): ThreadAddress {
  if (sharedAddressOf(thread) !== thread)
    return `${thread.slice(0, -connectionCharacters)}${randomBytes(connectionCharacters / 2).toString('hex')}` as ThreadAddress
  const characters = thread.length - clientHost.length - 1
  return clientThread(
    randomBytes(Math.ceil(characters / 2))
      .toString('hex')
      .slice(0, characters)
  )
}

/** For people who look at a server. */
export function connectionName(thread: ThreadAddress): string {
  return hostOf(thread) === clientHost ? 'carillon client' : `carillon ${thread}`
}
