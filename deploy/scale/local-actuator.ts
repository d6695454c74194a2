import type { ScaleOrder } from '../../actors/scale/autoscaler-protocol.ts'
import type { Actuator } from './actuator.ts'

/** From a host to the `carillon dev` that started it. */
export interface ScaleRequest {
  readonly kind: 'scale'
  readonly hosts: number
  readonly left: string
}

type Send = (request: ScaleRequest, sent: (error: Error | null) => void) => void

/** @param send to the process that started this one; undefined: nobody did who listens */
export function localActuator(send: Send | undefined): Actuator {
  return {
    scale({ hosts, left }: ScaleOrder) {
      if (send === undefined)
        return Promise.reject(new Error('nobody starts hosts here: autoscale `local` is for hosts of `carillon dev --autoscale`'))
      return new Promise((resolve, reject) =>
        send({ kind: 'scale', hosts, left }, error => (error === null ? resolve() : reject(error)))
      )
    }
  }
}

export function isScaleRequest(message: unknown): message is ScaleRequest {
  return (
    typeof message === 'object' &&
    message !== null &&
    (message as { kind?: unknown }).kind === 'scale' &&
    Number.isInteger((message as { hosts?: unknown }).hosts)
  )
}
