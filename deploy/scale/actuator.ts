import type { ScaleOrder } from '../../actors/scale/autoscaler-protocol.ts'

/** Starts hosts and takes them away, or has it done. */
export interface Actuator {
  /** Resolves once it was asked for; hosts come later. @throws {Error} with a sentence: it cannot be */
  scale(order: ScaleOrder): Promise<void>
}

/** @returns why it was not done; undefined where it was */
export async function scaled(actuator: Actuator, order: ScaleOrder): Promise<string | undefined> {
  try {
    await actuator.scale(order)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
