/** Three replicas that are written to, of which one is killed. */
export interface ReplicatedSystem {
  readonly name: string
  /** What its writes promise. */
  readonly promise: string
  /** By way of whichever replica answers, as its clients do. Rejects after some time: then nobody knows whether it was done. */
  put(key: string, value: Uint8Array): Promise<unknown>
  /** SIGKILL of a replica: of the one that leads, where one does. @returns which, for the reader */
  kill(): Promise<string>
  /** The ways in which clients add to a set under one key at the same time. */
  readonly adders: readonly Adder[]
  close(): Promise<void>
}

export interface Adder {
  /** As the report names it. */
  readonly name: string
  /** Read, add, write. @returns how often it had to begin anew, and the most versions that it met */
  add(key: string, element: string): Promise<{ readonly retries: number; readonly versions: number }>
  /** All elements that are there in the end. */
  read(key: string): Promise<readonly string[]>
}

export type StartSystem = () => Promise<ReplicatedSystem>

export const attemptMs = 1_000

/** A set is its elements, a line each. */
export function linesOf(value: Uint8Array | undefined): string[] {
  const text = value === undefined ? '' : Buffer.from(value).toString('utf8')
  return text === '' ? [] : text.split('\n')
}

export function bytesOf(lines: readonly string[]): Uint8Array {
  return Buffer.from(lines.join('\n'))
}

/** @throws {Error} `timeout` */
export function inTime<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('timeout')), attemptMs)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
