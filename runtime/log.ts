/** Where log lines go; the composition root decides what becomes of them. */
export interface Log {
  debug(fields: LogFields, text: string): void
  info(fields: LogFields, text: string): void
  warn(fields: LogFields, text: string): void
  error(fields: LogFields, text: string): void
}

/** Plain values only: ids, names, figures. Never secrets, never values of pairs. */
export type LogFields = Readonly<Record<string, unknown>>

export const silentLog: Log = Object.freeze({ debug() {}, info() {}, warn() {}, error() {} })
