import { anyJson, contextToken, deleteQuery, jsonReply, keyInPath, problem, readQuery, writeQuery } from './schema-parts.ts'

const tags = ['store']
const key = { type: 'string', description: '1 to 512 bytes of UTF-8' }
const encoding = { type: 'string', enum: ['base64'], description: 'The value is a string of base64: bytes' }
const contentType = { type: 'string', description: 'Of a value that is no JSON' }
const pair = { key, value: anyJson, context: contextToken, encoding, content_type: contentType }

const found = jsonReply('Found', {
  message: { const: 'found' },
  key,
  value: anyJson,
  siblings: {
    type: 'array',
    items: { type: 'object', properties: { value: anyJson } },
    description: 'All concurrent versions, newest first; absent where there is one'
  },
  context: contextToken
})
const stored = jsonReply('Stored', { message: { const: 'key stored' }, key, value: anyJson, context: contextToken })
const notFound = jsonReply('Not found', { message: { const: 'not found' }, key, value: { type: 'null' } })
const failures = { 400: problem, 412: problem, 413: problem, 415: problem, 429: problem, 503: problem, 504: problem }

/** For the OpenAPI document. */
export const describeStore = {
  get: {
    tags,
    summary: 'Read a key',
    params: keyInPath,
    querystring: readQuery,
    response: { 200: found, 404: notFound, 400: problem, 429: problem, 503: problem, 504: problem }
  },
  post: {
    tags,
    summary: 'Store a new key; 409 where it exists',
    querystring: writeQuery,
    body: { type: 'object', properties: pair, required: ['key', 'value'] },
    response: { 201: stored, 409: problem, ...failures }
  },
  put: {
    tags,
    summary: 'Store a key',
    querystring: writeQuery,
    body: { type: 'object', properties: pair, required: ['key', 'value'] },
    response: { 201: stored, ...failures }
  },
  putKey: {
    tags,
    summary: 'Store a key',
    params: keyInPath,
    querystring: writeQuery,
    body: { type: 'object', properties: pair, required: ['value'] },
    response: { 201: stored, ...failures }
  },
  delete: {
    tags,
    summary: 'Delete a key, if it is there',
    querystring: deleteQuery,
    body: { type: 'object', properties: { key, context: contextToken }, required: ['key'] },
    response: { 204: { description: 'Deleted, or there was nothing' }, ...failures }
  },
  deleteKey: {
    tags,
    summary: 'Delete a key, if it is there',
    params: keyInPath,
    querystring: deleteQuery,
    response: { 204: { description: 'Deleted, or there was nothing' }, ...failures }
  }
}
