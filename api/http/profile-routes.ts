import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { limits } from '../../model/limits.ts'
import { profileDefaults } from '../admin-profile.ts'
import { badRequest } from '../client/errors.ts'
import type { Door } from './door.ts'
import { jsonReply, problem } from './schema-parts.ts'

const json = 'application/json; charset=utf-8'
const tags = ['cluster']
const host = { type: 'string', description: 'Default: this host' }
const { thread, seconds, rows } = profileDefaults

const state = jsonReply('The profile', {
  host: { type: 'string' },
  id: { type: 'string' },
  thread: { type: 'string' },
  seconds: { type: 'integer' },
  state: { type: 'string', enum: ['running', 'done', 'failed'] },
  left_ms: { type: 'integer', description: 'Until it has run for its seconds' },
  error: { type: 'string', description: 'Why it failed' },
  file_bytes: { type: 'integer' },
  table: {
    type: ['object', 'null'],
    description:
      'Once it is done. garbage_share, native_share and the self_share of all functions are of the busy time: their sum is 1',
    properties: {
      duration_ms: { type: 'number' },
      samples: { type: 'integer' },
      idle_share: { type: 'number' },
      busy_ms: { type: 'number' },
      garbage_share: { type: 'number' },
      native_share: { type: 'number' },
      functions_seen: { type: 'integer' },
      functions: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            function: { type: 'string' },
            place: { type: 'string', description: 'file:line' },
            self_ms: { type: 'number' },
            total_ms: { type: 'number' },
            self_share: { type: 'number' },
            total_share: { type: 'number' }
          }
        }
      }
    }
  }
})

const describe = {
  begin: {
    tags,
    summary: 'Begin a CPU profile of a thread of a host; one at a time on a host',
    querystring: {
      type: 'object',
      properties: {
        host,
        thread: { type: 'string', default: thread, description: 'main, system, api, data-0 …' },
        seconds: { type: 'integer', minimum: 1, maximum: limits.profileSecondsMax, default: seconds }
      }
    },
    response: { 202: state, 400: problem, 404: problem, 409: problem }
  },
  state: {
    tags,
    summary: 'The last CPU profile of a host: where the time went, by function',
    querystring: {
      type: 'object',
      properties: { host, top: { type: 'integer', minimum: 1, maximum: limits.profileRowsMax, default: rows } }
    },
    response: { 200: state, 400: problem, 404: problem }
  },
  file: {
    tags,
    summary: 'The same as a file that Chrome DevTools opens',
    params: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
    querystring: { type: 'object', properties: { host } },
    response: {
      200: { description: 'A .cpuprofile', content: { 'application/json': { schema: { type: 'object' } } } },
      404: problem,
      413: problem
    }
  }
}

type Query = Readonly<Record<string, string | string[] | undefined>>

/** `/api/v1/profile`: where a thread of a host spends its time. */
export function profileRoutes(app: FastifyInstance, { admin }: Door): void {
  app.post<{ Querystring: Query }>('/api/v1/profile', { schema: describe.begin }, async ({ query }, reply) => {
    const asked = textsOf(query, ['host', 'thread', 'seconds'])
    const begun = await admin.profiles.begin(admin.hostNamed(asked['host']), asked['thread'], asked['seconds'])
    return reply.code(202).header('content-type', json).send(JSON.stringify(begun))
  })

  app.get<{ Querystring: Query }>('/api/v1/profile', { schema: describe.state }, async ({ query }, reply) => {
    const asked = textsOf(query, ['host', 'top'])
    const shown = await admin.profiles.state(admin.hostNamed(asked['host']), asked['top'])
    return reply.header('content-type', json).send(JSON.stringify(shown))
  })

  app.get<{ Params: { id: string }; Querystring: Query }>(
    '/api/v1/profile/:id',
    { schema: describe.file, exposeHeadRoute: false },
    async ({ params, query }, reply) => {
      const asked = textsOf(query, ['host'])
      const { size, pieces } = await admin.profiles.file(admin.hostNamed(asked['host']), params.id)
      return (
        reply
          .header('content-type', json)
          .header('content-length', size)
          // The id was found, so it is one of ours: letters, digits and hyphens.
          .header('content-disposition', `attachment; filename="${params.id}.cpuprofile"`)
          .send(Readable.from(pieces))
      )
    }
  )
}

/** @throws {BadRequest} a parameter is unknown, or there twice */
function textsOf(query: Query, names: readonly string[]): Readonly<Record<string, string | undefined>> {
  for (const [name, value] of Object.entries(query)) {
    if (!names.includes(name)) {
      const shown = JSON.stringify(name.slice(0, 64))
      throw badRequest(`there is no parameter ${shown} here: there are ${names.join(', ')}`)
    }
    if (typeof value !== 'string') throw badRequest(`the parameter ${name} is there more than once`)
  }
  return query as Readonly<Record<string, string | undefined>>
}
