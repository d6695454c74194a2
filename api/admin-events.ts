import type { HostView, RingView } from '../actors/ring/ring-view.ts'

/** Something that happened to the cluster, as this host came to see it. */
export type ClusterEvent =
  | { readonly type: 'ring'; readonly epoch: string; readonly hosts: number }
  | {
      readonly type: 'host'
      readonly host: string
      readonly uid: number
      readonly incarnation: number
      readonly state: string
      readonly before: string | null
    }

/** An event with its number, which rises by one, and when it was seen here. */
export interface SeenEvent {
  readonly id: number
  readonly at: string
  readonly event: ClusterEvent
}

/** Events that are kept for whoever comes back and says which one it saw last. */
export const eventsKeptMax = 256

/**
 * Membership as a sequence of events: told each new view of the ring, it tells what differs from the one before.
 * Numbers begin at 1 with each start of the host.
 */
export class EventFeed {
  readonly #wallMs: () => number
  readonly #kept: SeenEvent[] = []
  readonly #listeners = new Set<(seen: SeenEvent) => void>()
  #view: RingView | undefined = undefined
  #last = 0

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs
  }

  viewChanged(view: RingView): void {
    const before = this.#view
    this.#view = view
    const known = new Map(before?.hosts.map(host => [host.name, host]))
    for (const host of view.hosts) {
      const old = known.get(host.name)
      known.delete(host.name)
      if (old === undefined || isChanged(old, host)) this.#add(hostEvent(host, host.state, old?.state ?? null))
    }
    for (const gone of known.values()) this.#add(hostEvent(gone, 'removed', gone.state))
    if (before?.epoch !== view.epoch) this.#add({ type: 'ring', epoch: view.epoch, hosts: view.hosts.length })
  }

  /** Events behind number `id`, as far as they are kept. */
  since(id: number): readonly SeenEvent[] {
    return this.#kept.filter(seen => seen.id > id)
  }

  /** @returns how to stop listening */
  listen(listener: (seen: SeenEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #add(event: ClusterEvent): void {
    const seen = { id: ++this.#last, at: new Date(this.#wallMs()).toISOString(), event }
    this.#kept.push(seen)
    if (this.#kept.length > eventsKeptMax) this.#kept.shift()
    for (const listener of this.#listeners) listener(seen)
  }
}

function isChanged(old: HostView, host: HostView): boolean {
  return old.state !== host.state || old.incarnation !== host.incarnation || old.uid !== host.uid
}

function hostEvent({ name, uid, incarnation }: HostView, state: string, before: string | null): ClusterEvent {
  return { type: 'host', host: name, uid, incarnation, state, before }
}
