import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions, RouteOptions } from 'fastify'
import type { HttpSettings } from './settings.ts'

const uiPrefix = '/docs'
/** Of the page's answers: what our own replies have from helmet or from Fastify stays. */
const headersPassedOn = ['content-type', 'content-security-policy', 'location', 'cache-control', 'etag', 'last-modified']

/** Describes the routes that are added from now on: `/openapi.json`, and pages for people below `/docs`. Call it before they are. */
export function describeApi(app: FastifyInstance, settings: HttpSettings, version: string): void {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', route => {
    if (route.schema?.hide !== true && route.method !== 'HEAD') routes.push(route)
  })
  // Most hosts are never asked: what it takes is loaded with the first question.
  let described: Promise<FastifyInstance> | undefined
  const description = (): Promise<FastifyInstance> =>
    (described ??= descriptionOf(routes, settings, version).catch(error => {
      described = undefined
      throw error
    }))
  app.addHook('onClose', async () => {
    await (await described?.catch(() => undefined))?.close()
  })
  const hidden = { schema: { hide: true } }
  app.get('/openapi.json', hidden, async () => (await description()).swagger())
  const page = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const answer = await (await description()).inject({ method: 'GET', url: request.raw.url ?? uiPrefix })
    if (answer.statusCode === 404) {
      reply.callNotFound()
      return reply
    }
    for (const name of headersPassedOn) {
      const value = answer.headers[name]
      if (value !== undefined) reply.header(name, value)
    }
    return reply.code(answer.statusCode).send(answer.rawPayload)
  }
  app.get(uiPrefix, hidden, page)
  app.get(`${uiPrefix}/*`, hidden, page)
}

/** An app that never listens: it has the same routes for the swagger plugins to read, and answers for their pages. */
async function descriptionOf(routes: readonly RouteOptions[], settings: HttpSettings, version: string): Promise<FastifyInstance> {
  const [{ fastify }, { default: swagger }, { default: swaggerUi }] = await Promise.all([
    import('fastify'),
    import('@fastify/swagger'),
    import('@fastify/swagger-ui')
  ])
  const app = fastify({ logger: false, schemaController: schemasUnused }) as unknown as FastifyInstance
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Carillon',
        description: 'A leaderless key-value store. Errors are RFC 9457 problems with a stable `code`.',
        version
      },
      ...(settings.token === ''
        ? {}
        : { components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }, security: [{ token: [] }] })
    }
  })
  await app.register(swaggerUi, { routePrefix: uiPrefix, staticCSP: true })
  for (const { method, url, schema } of routes)
    app.route({ method, url, ...(schema === undefined ? {} : { schema }), handler: (_request, reply) => reply.code(404).send() })
  await app.ready()
  return app
}

/** Schemas are for the description only (see schema-parts), so the compilers that Fastify would load for them are left out. */
export const schemasUnused = {
  compilersFactory: {
    buildValidator: () => () => () => true,
    buildSerializer: () => () => (data: unknown) => JSON.stringify(data)
  }
} as unknown as NonNullable<FastifyServerOptions['schemaController']>
