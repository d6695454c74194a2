import type { Log } from '../../runtime/log.ts'
import { doorConnection } from '../door-connection.ts'
import type { CommonSettings } from '../thread-settings.ts'
import type { Actuator } from './actuator.ts'
import { eventActuator } from './event-actuator.ts'
import { kubernetesActuator, kubernetesOptions } from './kubernetes-actuator.ts'
import { localActuator } from './local-actuator.ts'

/** Who starts hosts for this cluster, as its settings say. */
export function actuatorOf(settings: CommonSettings, log: Log): Actuator {
  const { autoscale, autoscaleStatefulSet, name } = settings.host
  const actuator = chosen()
  return {
    async scale(order) {
      await actuator.scale(order)
      log.info(
        { by: autoscale, hosts: order.hosts, present: order.present, left: order.left },
        `hosts were asked for: ${order.why}`
      )
    }
  }

  function chosen(): Actuator {
    switch (autoscale) {
      case 'local':
        return localActuator(
          process.send === undefined ? undefined : (request, sent) => void process.send!(request, undefined, undefined, sent)
        )
      case 'event':
        return eventActuator(() => doorConnection(settings, `${name} autoscaler`))
      case 'kubernetes':
        return kubernetesActuator(() => kubernetesOptions(process.env, autoscaleStatefulSet))
      default:
        return { scale: () => Promise.reject(new Error('autoscale is off here: set it alike on every host')) }
    }
  }
}
