import type { FastifyInstance } from 'fastify'
import type { ChangeOrder } from '../../actors/gossip/gossip-protocol.ts'
import { isFault } from '../../model/fault.ts'
import { checkedLimit } from '../admin-keys.ts'
import { type KeyEncoding, keyBytesOf } from '../key-text.ts'
import { oneOf } from '../request-options.ts'
import { describeCluster } from './cluster-schemas.ts'
import type { Door } from './door.ts'
import { sendFault } from './problem.ts'

interface HostNamed {
  Params: { host: string }
}

const json = 'application/json; charset=utf-8'

/** What people and tools ask about the cluster itself. */
export function clusterRoutes(app: FastifyInstance, { admin, readiness }: Door): void {
  app.get<{ Querystring: { ready?: string } }>('/healthz', { schema: describeCluster.healthz }, (request, reply) => {
    // For probes that can show no token: yes or no, and not what is missing.
    const isWell = request.query.ready === undefined || readiness().ready
    const status = request.query.ready === undefined ? 'alive' : isWell ? 'ready' : 'not ready'
    return reply
      .code(isWell ? 200 : 503)
      .header('content-type', json)
      .send(JSON.stringify({ status }))
  })

  app.get('/readyz', { schema: describeCluster.readyz }, (_request, reply) => {
    const { ready, missing } = readiness()
    return reply
      .code(ready ? 200 : 503)
      .header('content-type', json)
      .send(JSON.stringify(ready ? { status: 'ready' } : { status: 'not ready', missing }))
  })

  app.get('/metrics', { schema: describeCluster.metrics }, async (_request, reply) =>
    reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(await admin.metrics())
  )

  app.get('/api/v1/cluster', { schema: describeCluster.cluster }, async (_request, reply) =>
    reply.header('content-type', json).send(JSON.stringify(await admin.cluster()))
  )

  app.get('/api/v1/ring', { schema: describeCluster.ring }, async (_request, reply) =>
    reply.header('content-type', json).send(JSON.stringify(await admin.ring()))
  )

  app.get<{ Querystring: { host?: string | string[] } }>(
    '/api/v1/actors',
    { schema: describeCluster.actors },
    async (request, reply) => {
      const { host } = request.query
      const shown = await admin.actors(Array.isArray(host) ? host.join() : host)
      return reply.header('content-type', json).send(JSON.stringify(shown))
    }
  )

  for (const change of ['leave', 'removal'] as const) {
    const path = `/api/v1/hosts/:host/${change}`
    const describe = describeCluster[change]
    const told = async (request: { readonly params: { readonly host: string } }, order: ChangeOrder): Promise<string> => {
      const { host } = request.params
      return JSON.stringify(await (change === 'leave' ? admin.leave(host, order) : admin.remove(host, order)))
    }
    app.get<HostNamed>(path, { schema: describe.tell }, async (request, reply) =>
      reply.header('content-type', json).send(await told(request, 'tell'))
    )
    app.post<HostNamed>(path, { schema: describe.begin }, async (request, reply) =>
      reply
        .code(202)
        .header('content-type', json)
        .send(await told(request, 'begin'))
    )
    app.delete<HostNamed>(path, { schema: describe.giveUp }, async (request, reply) =>
      reply.header('content-type', json).send(await told(request, 'give-up'))
    )
  }

  app.post<{ Params: { datacenter: string } }>(
    '/api/v1/datacenters/:datacenter/removal',
    { schema: describeCluster.datacenterRemoval },
    async (request, reply) =>
      reply.header('content-type', json).send(JSON.stringify(await admin.removeDatacenter(request.params.datacenter)))
  )

  app.get('/api/v1/work', { schema: describeCluster.work }, async (_request, reply) =>
    reply.header('content-type', json).send(JSON.stringify(await admin.work()))
  )

  app.get('/api/v1/replication', { schema: describeCluster.replication }, async (_request, reply) =>
    reply.header('content-type', json).send(JSON.stringify(await admin.replication()))
  )

  app.get<{ Querystring: { to?: string | string[]; cursor?: string | string[]; limit?: string | string[] } }>(
    '/api/v1/replication/keys',
    { schema: describeCluster.replicationKeys },
    async (request, reply) => {
      const { to = '', cursor = '', limit = '100' } = request.query
      const page = await admin.owedKeys({ to: String(to), cursor: String(cursor), limit: checkedLimit(Number(limit)) })
      return reply.header('content-type', json).send(JSON.stringify(page))
    }
  )

  app.get('/api/v1/repair', { schema: describeCluster.repairProgress }, async (_request, reply) =>
    reply.header('content-type', json).send(JSON.stringify(await admin.repairProgress()))
  )

  app.post('/api/v1/repair', { schema: describeCluster.repair }, async (_request, reply) =>
    reply
      .code(202)
      .header('content-type', json)
      .send(JSON.stringify(await admin.repair()))
  )

  app.get<{ Params: { bucket: string; key: string }; Querystring: { encoding?: string | string[] } }>(
    '/api/v1/explain/:bucket/:key',
    { schema: describeCluster.explain },
    async (request, reply) => {
      const { bucket, key } = request.params
      const encoding = oneOf<KeyEncoding>('the parameter encoding', String(request.query.encoding ?? 'utf8'), [
        'utf8',
        'base64url'
      ])
      if (isFault(encoding)) return sendFault(reply, encoding)
      const bytes = keyBytesOf(key, encoding)
      if (isFault(bytes)) return sendFault(reply, bytes)
      const explained = await admin.explain(bucket, bytes)
      return reply.header('content-type', json).send(JSON.stringify({ bucket, key, ...explained }))
    }
  )
}
