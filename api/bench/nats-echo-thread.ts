import { parentPort, workerData } from 'node:worker_threads'
import { connect } from 'nats'

/** What the thread is told. */
export interface NatsEcho {
  readonly servers: readonly string[]
  readonly user?: string
  readonly password?: string
  readonly subject: string
}

// Loaded by others for its types alone, it does nothing.
if (parentPort !== null) {
  const { servers, user, password, subject } = workerData as NatsEcho
  const nc = await connect({
    servers: [...servers],
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    name: 'carillon bench echo',
    noAsyncTraces: true,
    ignoreClusterUpdates: true
  })
  nc.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) message.respond(message.data)
    }
  })
  // The server knows of the subscription once it answers.
  await nc.flush()
  parentPort.postMessage('ready')
}
