/** What one endpoint of a service has done since it started. */
export class EndpointFigures {
  readonly name: string
  readonly subject: string
  readonly queue: string
  requests = 0
  errors = 0
  lastError = ''
  #processingMs = 0

  constructor(name: string, subject: string, queue: string) {
    this.name = name
    this.subject = subject
    this.queue = queue
  }

  /** @param error '' where it succeeded */
  count(processingMs: number, error: string): void {
    this.requests++
    this.#processingMs += processingMs
    if (error === '') return
    this.errors++
    this.lastError = error
  }

  /** Nanoseconds, as the convention has it. */
  get processingTime(): number {
    return Math.round(this.#processingMs * 1e6)
  }
}

export interface ServiceIdentity {
  readonly name: string
  /** Of this instance. */
  readonly id: string
  readonly version: string
  readonly description: string
  readonly metadata: Readonly<Record<string, string>>
  /** ISO 8601. */
  readonly started: string
}

export type ServiceVerb = 'PING' | 'INFO' | 'STATS'

export const serviceVerbs: readonly ServiceVerb[] = Object.freeze(['PING', 'INFO', 'STATS'] as const)

/**
 * The answer to `$SRV.<verb>`, as JSON.
 * @see NATS ADR-32, service API
 */
export function serviceReply(verb: ServiceVerb, identity: ServiceIdentity, endpoints: readonly EndpointFigures[]): string {
  const { name, id, version, description, metadata, started } = identity
  const common = { name, id, version, metadata }
  if (verb === 'PING') return JSON.stringify({ ...common, type: 'io.nats.micro.v1.ping_response' })
  if (verb === 'INFO') {
    return JSON.stringify({ ...common, description, endpoints: endpoints.map(describe), type: 'io.nats.micro.v1.info_response' })
  }
  return JSON.stringify({ ...common, started, endpoints: endpoints.map(statistics), type: 'io.nats.micro.v1.stats_response' })
}

function describe({ name, subject, queue }: EndpointFigures): Readonly<Record<string, unknown>> {
  return { name, subject, queue_group: queue, metadata: {} }
}

function statistics(endpoint: EndpointFigures): Readonly<Record<string, unknown>> {
  const { name, subject, queue, requests, errors, lastError, processingTime } = endpoint
  return {
    name,
    subject,
    queue_group: queue,
    num_requests: requests,
    num_errors: errors,
    last_error: lastError,
    processing_time: processingTime,
    average_processing_time: requests === 0 ? 0 : Math.round(processingTime / requests)
  }
}
