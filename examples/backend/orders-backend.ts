import type { Bucket, Store, StoreEvent } from '../../index.ts'

export interface Order {
  readonly customer: string
  readonly amountCents: number
  readonly isCancelled: boolean
}

/** What a customer has ordered. Orders by id, so that counting one twice changes nothing. */
export interface CustomerTotal {
  readonly amountsCents: Readonly<Record<string, number>>
  readonly totalCents: number
}

const noTotal: CustomerTotal = { amountsCents: {}, totalCents: 0 }
const catchUpsMax = 5

/**
 * A small event-driven backend: orders are written to one bucket by anyone; this follows the events of that bucket and keeps each
 * customer's total in another one.
 *
 * Events come at most once, so nothing rests on them alone: `start` counts every order that is there, and does so again when it
 * was too slow for the events. Each step can be repeated, and several backends may run side by side: a total holds the amounts by
 * order, and concurrent versions of it merge by union.
 */
export class OrdersBackend {
  readonly #orders: Bucket<Order>
  readonly #totals: Bucket<CustomerTotal>
  readonly #onTotal: (customer: string, total: CustomerTotal) => void
  #events: AsyncIterator<StoreEvent> | undefined = undefined
  #isStopped = false
  #running: Promise<void> = Promise.resolve()

  private constructor(store: Store, onTotal: (customer: string, total: CustomerTotal) => void) {
    this.#orders = store.bucket<Order>('orders')
    this.#totals = store.bucket<CustomerTotal>('totals')
    this.#onTotal = onTotal
  }

  /** Resolves once it follows the events and has counted the orders that were there before. */
  static async start(store: Store, onTotal: (customer: string, total: CustomerTotal) => void = () => {}): Promise<OrdersBackend> {
    const backend = new OrdersBackend(store, onTotal)
    const events = await backend.#subscribe()
    await backend.#countAll()
    backend.#running = backend.#follow(events)
    // Whoever stops it is told; until then nobody waits for this.
    backend.#running.catch(() => {})
    return backend
  }

  /** @throws {KeyExists} an order is placed once, however often the request is sent */
  async place(id: string, customer: string, amountCents: number): Promise<void> {
    await this.#orders.create(id, { customer, amountCents, isCancelled: false })
  }

  /** @returns whether there was such an order */
  async cancel(id: string): Promise<boolean> {
    const updated = await this.#orders.update(id, order => (order === undefined ? undefined : { ...order, isCancelled: true }))
    return updated !== undefined
  }

  async totalOf(customer: string): Promise<CustomerTotal> {
    const found = await this.#totals.get(customer)
    return found === undefined ? noTotal : mergedTotals(found.siblings.map(version => version.value))
  }

  /** Follow no further. Rejects with whatever ended the following before. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#events?.return?.()
    await this.#running
  }

  async #subscribe(): Promise<AsyncIterator<StoreEvent>> {
    let ready = (): void => {}
    const received = new Promise<void>(resolve => {
      ready = resolve
    })
    const events = this.#orders.watch({ onReady: ready })[Symbol.asyncIterator]()
    this.#events = events
    await received
    return events
  }

  async #follow(first: AsyncIterator<StoreEvent>): Promise<void> {
    let events = first
    for (let catchUps = 0; !this.#isStopped; ) {
      try {
        for (let next = await events.next(); next.done !== true; next = await events.next()) await this.#count(next.value.key)
        return
      } catch (error) {
        // Too slow for the events, most likely: the orders themselves are still there.
        catchUps += 1
        if (catchUps > catchUpsMax) throw error
        events = await this.#subscribe()
        await this.#countAll()
      }
    }
  }

  async #countAll(): Promise<void> {
    for await (const key of this.#orders.keys()) await this.#count(key)
  }

  async #count(key: string | Uint8Array): Promise<void> {
    const id = typeof key === 'string' ? key : Buffer.from(key).toString('base64url')
    const found = await this.#orders.get(key)
    if (found === undefined) return
    const { customer, amountCents } = found.value
    // Concurrent versions differ in one thing: someone cancelled it.
    const amount = found.siblings.some(version => version.value.isCancelled) ? 0 : amountCents
    const updated = await this.#totals.update(
      customer,
      (total = noTotal) => (total.amountsCents[id] === amount ? undefined : totalOf({ ...total.amountsCents, [id]: amount })),
      { merge: mergedTotals }
    )
    if (updated !== undefined) this.#onTotal(customer, updated.value)
  }
}

function totalOf(amountsCents: Readonly<Record<string, number>>): CustomerTotal {
  return { amountsCents, totalCents: Object.values(amountsCents).reduce((sum, amount) => sum + amount, 0) }
}

/** The union of the orders; of one that differs the cancelled amount, which is the smaller one. */
function mergedTotals(totals: readonly CustomerTotal[]): CustomerTotal {
  const amounts = new Map<string, number>()
  for (const { amountsCents } of totals) {
    for (const [id, amount] of Object.entries(amountsCents)) amounts.set(id, Math.min(amounts.get(id) ?? amount, amount))
  }
  return totalOf(Object.fromEntries(amounts))
}
