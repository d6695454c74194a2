import type { FastifyInstance } from 'fastify'
import { durationBounds, type Histogram, type Metrics } from '../../runtime/metrics.ts'

/** Time of each request, by its route (as it is written, so there are few) and the class of its status. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const histograms = new Map<string, Histogram>()
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    const id = `${request.method} ${route} ${Math.floor(reply.statusCode / 100)}`
    let histogram = histograms.get(id)
    if (histogram === undefined) {
      const labels = { operation: `${request.method} ${route}`, outcome: `${Math.floor(reply.statusCode / 100)}xx` }
      histogram = metrics.histogram(
        'http_request_seconds',
        'Time of an HTTP request, by route and status',
        durationBounds,
        labels
      )
      histograms.set(id, histogram)
    }
    histogram.record(reply.elapsedTime / 1000)
    done()
  })
}
