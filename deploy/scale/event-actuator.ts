import type { ScaleOrder } from '../../actors/scale/autoscaler-protocol.ts'
import type { Actuator } from './actuator.ts'

/** What this has to be able to do of a NATS connection. */
export interface EventConnection {
  publish(subject: string, payload: string): void
  flush(): Promise<void>
  close(): Promise<void>
}

/** `<cluster>.event.autoscaler`: the payload is JSON, `{"hosts","present","left","why"}`. */
export function scaleSubject(cluster: string): string {
  return `${cluster}.event.autoscaler`
}

/** Publishes what is wanted, and leaves it to whoever listens. Orders are rare: each takes a connection of its own. */
export function eventActuator(connect: () => Promise<EventConnection>): Actuator {
  return {
    async scale({ cluster, hosts, present, left, why }: ScaleOrder) {
      const connection = await connect()
      try {
        connection.publish(scaleSubject(cluster), JSON.stringify({ hosts, present, left, why }))
        await connection.flush()
      } finally {
        await connection.close()
      }
    }
  }
}
