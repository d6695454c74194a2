import type { FastifyInstance, HTTPMethods } from 'fastify'
import { fault } from '../../model/fault.ts'
import { sendFault } from './problem.ts'

const methods: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']

/**
 * Remember which methods each path has; call it before the routes are there.
 * @returns what answers 405, with `Allow`, for the others; call it once they all are
 */
export function methodsOf(app: FastifyInstance): () => void {
  const known = new Map<string, Set<string>>()
  app.addHook('onRoute', route => {
    let of = known.get(route.url)
    if (of === undefined) known.set(route.url, (of = new Set()))
    for (const method of [route.method].flat()) {
      of.add(method)
      // Fastify adds it itself, after this hook.
      if (method === 'GET' && route.exposeHeadRoute !== false) of.add('HEAD')
    }
  })
  return () => {
    for (const [url, of] of [...known]) {
      if (url.includes('*')) continue
      const others = methods.filter(method => !of.has(method))
      if (others.length === 0) continue
      const allow = [...of].sort().join(', ')
      app.route({
        method: [...others],
        url,
        schema: { hide: true },
        // Before a body is read.
        onRequest: (request, reply, _done) => {
          sendFault(
            reply.header('allow', allow).header('connection', 'close'),
            fault('not_allowed', `${request.method} is not possible here: use ${allow}`)
          )
        },
        handler: (_request, reply) => reply
      })
    }
  }
}
