import type { FastifyInstance } from 'fastify'
import { fault } from '../../model/fault.ts'
import type { SeenEvent } from '../admin-events.ts'
import { describeCluster } from './cluster-schemas.ts'
import type { Door } from './door.ts'
import { sendFault } from './problem.ts'

/** A comment, so that proxies do not take a quiet stream for a dead one. */
const heartbeatMs = 15_000
/** A reader that lets more than this wait is cut off; it comes back and says which event it saw last. */
const unreadBytesMax = 256 * 1024

/**
 * `/api/v1/events`: what happens to the cluster, as server-sent events.
 * @see WHATWG HTML, section 9.2
 */
export function eventRoutes(app: FastifyInstance, { feed, settings }: Door): void {
  const streams = new Set<() => void>()

  app.get('/api/v1/events', { schema: describeCluster.events, exposeHeadRoute: false }, (request, reply) => {
    if (streams.size >= settings.eventStreamsMax) {
      const detail = `${streams.size} event streams are open, which is the limit: close one`
      return sendFault(reply, fault('overloaded', detail, { limit: settings.eventStreamsMax, size: streams.size }))
    }
    const lastSeen = Number(request.headers['last-event-id'] ?? 0)
    reply.hijack()
    const stream = reply.raw
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) stream.setHeader(name, value)
    stream.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    stream.write('retry: 1000\n\n')
    const write = (text: string): void => {
      if (stream.writableLength > unreadBytesMax) end()
      else stream.write(text)
    }
    const stopListening = feed.listen(seen => write(frameOf(seen)))
    const heartbeat = setInterval(() => write(': still here\n\n'), heartbeatMs)
    const end = (): void => {
      clearInterval(heartbeat)
      stopListening()
      streams.delete(end)
      stream.destroy()
    }
    streams.add(end)
    stream.on('close', end)
    for (const seen of feed.since(Number.isSafeInteger(lastSeen) ? lastSeen : 0)) write(frameOf(seen))
    return reply
  })

  app.addHook('preClose', done => {
    for (const end of [...streams]) end()
    done()
  })
}

function frameOf({ id, at, event }: SeenEvent): string {
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify({ at, ...event })}\n\n`
}
