import { limits } from '../../model/limits.ts'
import { bucketInPath, jsonReply, problem, writeQuery } from './schema-parts.ts'

const tags = ['buckets']

const properties = {
  n: { type: 'integer', minimum: 1, maximum: limits.replicasMax, description: 'Replicas of a key' },
  r: { type: 'integer', minimum: 0, description: 'Replicas that answer a read; 0: a quorum' },
  w: { type: 'integer', minimum: 0, description: 'Replicas that store a write; 0: a quorum' },
  resolver: { type: 'string', enum: ['siblings', 'last-write-wins'] },
  ttl: { type: 'integer', minimum: 0, description: 'Seconds; 0: for ever' },
  durability: { type: 'string', enum: ['flushed', 'committed'] },
  rate: {
    type: 'integer',
    minimum: 0,
    maximum: limits.requestsPerSecondMax,
    description: 'Requests a second at each host; 0: no limit'
  },
  compression: { type: 'string', enum: ['none', 'deflate'], description: 'What is done to values before they are stored' }
}

/** For the OpenAPI document. */
export const describeBucket = {
  list: {
    tags,
    summary: 'Buckets that were given properties',
    response: { 200: jsonReply('Names', { buckets: { type: 'array', items: { type: 'string' } } }) }
  },
  get: {
    tags,
    summary: "A bucket's properties",
    params: bucketInPath,
    response: { 200: jsonReply('Properties', properties), 400: problem }
  },
  put: {
    tags,
    summary: 'Change some properties of a bucket',
    params: bucketInPath,
    body: {
      type: 'object',
      properties: { ...properties, preset: { type: 'string', enum: ['read-fast', 'write-fast', 'balanced'] } }
    },
    response: { 200: jsonReply('All properties, as they are now', properties), 400: problem }
  }
}

export const describeKeys = {
  tags,
  summary: 'A page of keys',
  params: bucketInPath,
  querystring: {
    type: 'object',
    properties: {
      prefix: { type: 'string' },
      cursor: { type: 'string', description: 'Of the page before' },
      limit: { type: 'integer', minimum: 1, maximum: limits.listPageMax, default: 100 },
      strict: { type: 'boolean', default: false, description: '503 rather than leave a partition out' },
      values: { type: 'boolean', default: false },
      encoding: { type: 'string', enum: ['utf8', 'base64url'], default: 'utf8' }
    }
  },
  response: {
    200: jsonReply('Keys, the next cursor, and the share of partitions that answered', {
      bucket: { type: 'string' },
      keys: { type: 'array' },
      cursor: { type: ['string', 'null'] },
      coverage: { type: 'number' }
    }),
    400: problem,
    503: problem
  }
}

export const describeBatch = {
  tags,
  summary: 'Many operations, one result each; no transaction',
  params: bucketInPath,
  querystring: writeQuery,
  body: {
    type: 'object',
    properties: {
      operations: {
        type: 'array',
        maxItems: limits.batchOperationsMax,
        items: {
          type: 'object',
          properties: {
            op: { type: 'string', enum: ['get', 'put', 'create', 'delete'] },
            key: { type: 'string' },
            value: {},
            context: { type: 'string' }
          },
          required: ['op', 'key']
        }
      }
    },
    required: ['operations']
  },
  response: {
    200: jsonReply('Results, in the order of the operations', { results: { type: 'array', items: { type: 'object' } } }),
    400: problem,
    413: problem
  }
}
