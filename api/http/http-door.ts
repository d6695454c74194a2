import helmet from '@fastify/helmet'
import { fastify, type FastifyInstance } from 'fastify'
import { type Log, silentLog } from '../../runtime/log.ts'
import { type Metrics, silentMetrics } from '../../runtime/metrics.ts'
import type { Admin } from '../admin.ts'
import { EventFeed } from '../admin-events.ts'
import { readinessOf } from '../admin-readiness.ts'
import type { StoreCore } from '../client/store-core.ts'
import { methodsOf } from './allowed-methods.ts'
import { credentialsMissing, requireToken, tokenCheck } from './authentication.ts'
import { batchRoutes } from './batch-routes.ts'
import { bucketRoutes } from './bucket-routes.ts'
import { clusterRoutes } from './cluster-routes.ts'
import { describeApi, schemasUnused } from './description.ts'
import type { Door, Readiness } from './door.ts'
import { eventRoutes } from './event-routes.ts'
import { answerBrokenRequest, answerFailures, faultOf, tooManyOfOneClient } from './failures.ts'
import { measureRequests } from './http-metrics.ts'
import { sendFault } from './problem.ts'
import { planRoutes } from './plan-routes.ts'
import { profileRoutes } from './profile-routes.ts'
import { tokenStore } from './rate-store.ts'
import { rawRoutes } from './raw-routes.ts'
import {
  bodyBytesMaxOf,
  headerBytesMax,
  headersTimeoutMs,
  type HttpSettings,
  httpSettingsDefault,
  keepAliveTimeoutMs,
  wholeRequestTimeoutMs
} from './settings.ts'
import { storeRoutes } from './store-routes.ts'

export interface HttpOptions {
  /** Whose view is set by the composition, and closed by it. */
  readonly core: StoreCore
  readonly admin: Admin
  readonly settings?: Partial<HttpSettings> | undefined
  readonly log?: Log | undefined
  readonly metrics?: Metrics | undefined
  /** Told each new view of the ring by the composition, for `/api/v1/events`. */
  readonly feed?: EventFeed | undefined
  /** Default: by the core's view of the ring. */
  readiness?(): Readiness
  /** Milliseconds since 1970; default: the machine's clock. */
  wallMs?(): number
  /** Shown in the API's description. */
  readonly version?: string | undefined
  /** Further routes behind the same credentials: the console. */
  extend?(app: FastifyInstance): void
}

const unlimited = new Set(['/healthz', '/readyz', '/metrics'])

/** Node looks at its time-outs only every 30 s unless told otherwise. */
const serverOptions = { maxHeaderSize: headerBytesMax, headersTimeout: headersTimeoutMs, connectionsCheckingInterval: 1_000 }

/** The HTTP door, not yet listening. Its `close` ends connections and streams; the core stays. */
export async function buildHttp(options: HttpOptions): Promise<FastifyInstance> {
  const settings: HttpSettings = { ...httpSettingsDefault, ...options.settings }
  const { core, admin, log = silentLog } = options
  const wallMs = options.wallMs ?? Date.now
  const feed = options.feed ?? new EventFeed(wallMs)
  const door: Door = { core, admin, settings, log, feed, wallMs, readiness: options.readiness ?? (() => readinessOf(core.view)) }
  const isAuthorized = tokenCheck(settings.token)

  const app = fastify({
    logger: false,
    bodyLimit: bodyBytesMaxOf(settings),
    requestTimeout: wholeRequestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    forceCloseConnections: true,
    // A key as long as the headers may be gets a fault that says what is too long.
    routerOptions: { maxParamLength: headerBytesMax },
    http: serverOptions,
    ...(settings.tls === undefined ? {} : { https: { ...settings.tls, ...serverOptions } }),
    clientErrorHandler: answerBrokenRequest,
    schemaController: schemasUnused,
    frameworkErrors: (error, request, reply) => {
      // Fastify runs no hooks here, so the credentials are looked at once more.
      sendFault(reply, isAuthorized(request.raw) ? faultOf(error) : credentialsMissing)
    }
  }) as unknown as FastifyInstance

  takeJson(app)
  answerFailures(app, settings, log)
  measureRequests(app, options.metrics ?? silentMetrics)
  requireToken(app, isAuthorized)
  await protect(app, settings)
  const answerOtherMethods = methodsOf(app)
  describeApi(app, settings, options.version ?? '0')

  storeRoutes(app, door)
  batchRoutes(app, door)
  bucketRoutes(app, door)
  clusterRoutes(app, door)
  planRoutes(app, door)
  eventRoutes(app, door)
  profileRoutes(app, door)
  await app.register(async raw => rawRoutes(raw, door))
  options.extend?.(app)
  answerOtherMethods()
  return app
}

/** Bodies are taken as bytes: the routes read JSON in a way that keeps values as they were sent. */
function takeJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
}

async function protect(app: FastifyInstance, settings: HttpSettings): Promise<void> {
  await app.register(helmet, {
    // Without TLS in front a browser could not come back.
    strictTransportSecurity: settings.tls !== undefined,
    // For browsers of long ago; each costs every reply a header.
    dnsPrefetchControl: false,
    ieNoOpen: false,
    permittedCrossDomainPolicies: false,
    originAgentCluster: false,
    xssFilter: false,
    contentSecurityPolicy: { directives: { 'upgrade-insecure-requests': settings.tls === undefined ? null : [] } }
  })
  if (settings.corsOrigins.length > 0) {
    const { default: cors } = await import('@fastify/cors')
    await app.register(cors, {
      origin: [...settings.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      exposedHeaders: ['carillon-context', 'carillon-siblings', 'carillon-consistency', 'carillon-receipt', 'etag']
    })
  }
  if (settings.rateLimitPerSecond > 0) {
    const { default: rateLimit } = await import('@fastify/rate-limit')
    await app.register(rateLimit, {
      max: settings.rateLimitPerSecond,
      timeWindow: 1000,
      store: tokenStore(() => performance.now()),
      addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
      errorResponseBuilder: (_request, { max, ttl }) => tooManyOfOneClient(max, ttl),
      // Whoever watches over the host has to see it just then.
      allowList: request => unlimited.has(request.raw.url ?? '')
    })
  }
}
