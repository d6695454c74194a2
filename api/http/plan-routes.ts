import type { FastifyInstance } from 'fastify'
import { throttleOf, wantedChangeOf } from '../admin-plan.ts'
import { isFault } from '../../model/fault.ts'
import { badRequest, errorOf } from '../client/errors.ts'
import { jsonTextOf } from '../json-text.ts'
import type { Door } from './door.ts'
import { jsonReply, problem } from './schema-parts.ts'

const json = 'application/json; charset=utf-8'
const cluster = ['cluster']

function described(summary: string, status: 200 | 202 = 200) {
  return {
    tags: cluster,
    summary,
    response: { [status]: jsonReply('Plan, or null', { plan: {} }), 400: problem, 404: problem }
  }
}

const words = Object.freeze({
  commit: 'Carry out what is staged, one change after the other',
  pause: 'Let nothing further begin or be fetched, until it is resumed',
  resume: 'Go on with a plan that was paused',
  abort: 'Drop what is staged; of a plan under way: take back what the ring does not show yet'
})

/** Staged changes of the ring. Every answer is `{"plan":null|{…}}`. */
export function planRoutes(app: FastifyInstance, { admin }: Door): void {
  const { plans } = admin
  const shown = (plan: unknown): string => JSON.stringify({ plan })

  app.get('/api/v1/plan', { schema: described('What is staged or under way, and what it comes to') }, async (_request, reply) =>
    reply.header('content-type', json).send(shown(await plans.shown()))
  )

  app.post(
    '/api/v1/plan',
    { schema: described('Stage a change: {"change","host","replaces"?,"weight"?}', 202) },
    async (request, reply) => {
      const plan = await plans.stage(wantedChangeOf(jsonOf(request.body)))
      return reply.code(202).header('content-type', json).send(shown(plan))
    }
  )

  app.delete('/api/v1/plan', { schema: described('The same as abort') }, async (_request, reply) =>
    reply.header('content-type', json).send(shown(await plans.order({ what: 'abort' })))
  )

  for (const what of ['commit', 'pause', 'resume', 'abort'] as const) {
    app.post(`/api/v1/plan/${what}`, { schema: described(words[what]) }, async (_request, reply) =>
      reply.header('content-type', json).send(shown(await plans.order({ what })))
    )
  }

  app.post(
    '/api/v1/plan/throttle',
    { schema: described('Bound what each host fetches: {"bytes_per_second"}; 0: no bound') },
    async (request, reply) => {
      const bytesPerSecond = throttleOf(jsonOf(request.body)['bytes_per_second'])
      return reply.header('content-type', json).send(shown(await plans.order({ what: 'throttle', bytesPerSecond })))
    }
  )
}

/** @throws {StoreError} it is no JSON object */
function jsonOf(body: unknown): Readonly<Record<string, unknown>> {
  if (!Buffer.isBuffer(body) || body.length === 0) throw badRequest('the body is missing: send a JSON object')
  const text = jsonTextOf(body)
  if (isFault(text)) throw errorOf(text)
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest('the body is no JSON object')
  return value as Readonly<Record<string, unknown>>
}
