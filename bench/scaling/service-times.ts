/** µs of CPU of one operation, of all processes of a kind together. */
export interface OperationTimes {
  readonly client: number
  /** All host processes that take part. */
  readonly hosts: number
  /** All nats-servers that it passes. */
  readonly nats: number
  /** Bus messages in one NATS message when these were measured. */
  readonly messagesPerBatch: number
  /** Of `hosts`, what the data threads take; the rest is spread over other threads of a host. */
  readonly dataThreadShare: number
}

/** What the model is told. Times are of one kind of machine under one load; put in your own. */
export interface ServiceTimes {
  /** As `carillon bench` prints it, with N=3, R=2, W=2. */
  readonly put: OperationTimes
  readonly get: OperationTimes
  /** Hosts of the cluster that it was measured on. */
  readonly measuredHosts: number
  /** µs that one more NATS message for the same bus messages costs, client, hosts and nats-servers: between two clusters of different size. */
  readonly batch: { readonly client: number; readonly hosts: number; readonly nats: number }
  /** µs of nats-server for a NATS message that goes by a route rather than by a near connection. */
  readonly route: number
  /** µs for a message that travels alone between hosts that have little to do: gossip, repair. */
  readonly lone: { readonly hosts: number; readonly nats: number }
  /** µs for a message between two threads of a host that is one of many: roots that an exchange asks for. */
  readonly within: number
  /** µs that a nats-server spends in a second on each of its routes, though nothing passes. */
  readonly routeSecond: number
  /** Bytes of memory that a route takes of a nats-server. */
  readonly routeBytes: number
  /** µs to work out a ring, for each partition and host. */
  readonly ringPair: number
  /** µs for each byte of a ring that is written as JSON for a client. */
  readonly ringJsonByte: number
}

/**
 * put, get, route: docs/decisions/0011-near-connections.md. lone: the same for nats, and a batch of its own for hosts. within:
 * docs/runtime.md, two messages by ports. All others: docs/scaling.md. ringJsonByte is a guess, and small.
 */
export const serviceTimes: ServiceTimes = Object.freeze({
  put: { client: 25, hosts: 133, nats: 30, messagesPerBatch: 7.6, dataThreadShare: 0.46 },
  get: { client: 14, hosts: 36, nats: 14, messagesPerBatch: 9.2, dataThreadShare: 0.56 },
  measuredHosts: 3,
  batch: { client: 8, hosts: 30, nats: 24 },
  route: 8,
  lone: { hosts: 60, nats: 70 },
  within: 5,
  routeSecond: 85,
  routeBytes: 370_000,
  ringPair: 0.5,
  ringJsonByte: 0.005
})
