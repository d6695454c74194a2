import { connect, type NatsConnection } from 'nats'
import { natsTls } from '../bus/nats-tls.ts'
import type { CommonSettings } from './thread-settings.ts'

const reconnectMs = 100

/** A connection in the application account with the rights of a door. Comes back by itself when the server does. */
export function doorConnection(settings: CommonSettings, name: string): Promise<NatsConnection> {
  const { door, natsServers, tls } = settings
  return connect({
    servers: [...natsServers],
    ...(door === undefined ? {} : { user: door.user, pass: door.password }),
    ...(tls === undefined ? {} : natsTls(tls, natsServers)),
    name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: reconnectMs,
    noAsyncTraces: true,
    ignoreClusterUpdates: true
  })
}
