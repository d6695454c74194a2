import type { ThreadAddress } from '../bus/bus.ts'

/** One end of one incarnation by an error: plain values, so that it can cross threads and be shown. */
export interface CrashReport {
  /** Wall time, ISO 8601. */
  readonly at: string
  readonly actor: string
  readonly kind: string
  readonly thread: ThreadAddress
  readonly incarnation: number
  readonly error: string
  readonly stack: string
  /** What it was handling; null in `start`, or outside a message. */
  readonly message_kind: string | null
  /** What the actor itself says about its state. */
  readonly summary: Readonly<Record<string, unknown>> | null
}

export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`thrown: ${String(thrown)}`)
}

/** `name: message`, followed by the causes. */
export function errorText(error: Error): string {
  let text = `${error.name}: ${error.message}`
  let cause = error.cause
  for (let depth = 0; cause instanceof Error && depth < 4; depth += 1) {
    text += `; because ${cause.name}: ${cause.message}`
    cause = cause.cause
  }
  return text
}
