// comlink 4.4 names type files that it does not ship for Node's resolution; this is what we use of it.
declare module 'comlink' {
  export interface Endpoint {
    readonly __comlinkEndpoint: true
  }
  export const releaseProxy: unique symbol
  export type Remote<T> = {
    readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never
  } & { [releaseProxy](): void }
  /** Marks what goes with `value` when it is sent. */
  export function transfer<T extends object>(value: T, transfers: unknown[]): T
  export function wrap<T>(endpoint: Endpoint): Remote<T>
  export function expose(value: object, endpoint: Endpoint): void
}

declare module 'comlink/dist/umd/node-adapter.js' {
  import type { Endpoint } from 'comlink'
  import type { MessagePort } from 'node:worker_threads'
  export default function nodeEndpoint(port: MessagePort): Endpoint
}
