import { RespConnection } from './resp-connection.ts'

/** Connections of their own for so many clients as are under way at a time, spread over the servers. */
export class RespClients {
  readonly #ports: readonly number[]
  readonly #idle: RespConnection[] = []
  readonly #all = new Set<RespConnection>()
  #opened = 0

  constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  /** Do `work` with a connection that nobody else uses meanwhile. */
  async use<T>(work: (connection: RespConnection) => Promise<T>): Promise<T> {
    const connection = this.#idle.pop() ?? (await this.#open())
    try {
      return await work(connection)
    } finally {
      if (connection.isOpen) this.#idle.push(connection)
      else this.#all.delete(connection)
    }
  }

  close(): void {
    for (const connection of this.#all) connection.close()
    this.#all.clear()
    this.#idle.length = 0
  }

  async #open(): Promise<RespConnection> {
    const port = this.#ports[this.#opened++ % this.#ports.length]!
    const connection = await RespConnection.connect(port)
    this.#all.add(connection)
    return connection
  }
}
