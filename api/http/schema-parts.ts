/*
 * Pieces of the OpenAPI document. They describe; nothing is checked or written by them: a stored value is any JSON,
 * and a schema's serialiser would drop or coerce parts of it.
 */

type Schema = Readonly<Record<string, unknown>>

const text = (description: string): Schema => ({ type: 'string', description })
const replicas = (what: string): Schema => ({ type: 'integer', minimum: 0, description: `${what}; at most the bucket's n` })

export const keyInPath: Schema = {
  type: 'object',
  properties: { key: text('The key, percent-encoded; or base64url of its bytes with encoding=base64url') },
  required: ['key']
}

export const bucketInPath: Schema = {
  type: 'object',
  properties: { bucket: text('1 to 64 of A-Z a-z 0-9 _ -') },
  required: ['bucket']
}

export const bucketAndKeyInPath: Schema = {
  type: 'object',
  properties: {
    bucket: text('1 to 64 of A-Z a-z 0-9 _ -'),
    key: text('The key, percent-encoded; or base64url with encoding=base64url')
  },
  required: ['bucket', 'key']
}

const common = {
  consistency: {
    type: 'string',
    enum: ['one', 'quorum', 'all', 'local_quorum', 'each_quorum'],
    description: 'Replicas that must answer, by name'
  },
  timeout: { type: 'integer', minimum: 1, maximum: 60_000, description: 'Milliseconds' },
  sloppy: { type: 'boolean', default: true, description: 'Whether hosts beyond the preference list may stand in' },
  receipt: { type: 'boolean', default: false, description: 'Say who answered' },
  encoding: { type: 'string', enum: ['utf8', 'base64url'], default: 'utf8', description: 'How the key is written' }
}
const bucket = { bucket: { type: 'string', default: 'default', description: 'Bucket of the key' } }
const reads = { r: replicas('Replicas that must answer'), pr: replicas('Of these, primaries') }
const writes = {
  w: replicas('Replicas that must have stored it'),
  pw: replicas('Of these, primaries'),
  dw: replicas('Of these, flushed to disk'),
  durability: { type: 'string', enum: ['flushed', 'committed'], description: 'What a replica has done before it acknowledges' },
  context: text('What the last read of this key gave; the header Carillon-Context does the same')
}
const ttl = { ttl: { type: 'integer', minimum: 0, description: 'Seconds to live; 0: for ever' } }

export const readQuery: Schema = { type: 'object', properties: { ...bucket, ...reads, ...common } }
export const writeQuery: Schema = { type: 'object', properties: { ...bucket, ...writes, ...ttl, ...common } }
export const deleteQuery: Schema = { type: 'object', properties: { ...bucket, ...writes, ...common } }
export const rawReadQuery: Schema = { type: 'object', properties: { ...reads, ...common } }
export const rawWriteQuery: Schema = { type: 'object', properties: { ...writes, ...ttl, ...common } }
export const rawDeleteQuery: Schema = { type: 'object', properties: { ...writes, ...common } }

export const problem: Schema = {
  description: 'RFC 9457 problem',
  content: {
    'application/problem+json': {
      schema: {
        type: 'object',
        properties: {
          type: text('urn:carillon:error:CODE'),
          title: text('The code in words'),
          status: { type: 'integer' },
          code: text('Stable; see docs/errors.md'),
          detail: text('What happened, and what to do'),
          needed: { type: 'integer' },
          answered: { type: 'integer' },
          limit: { type: 'integer' },
          size: { type: 'integer' },
          retry_after_ms: { type: 'integer', description: 'After so long it may be tried again' },
          outcome: { type: 'string', enum: ['refused', 'indeterminate'] }
        }
      }
    }
  }
}

export function jsonReply(description: string, properties: Schema): Schema {
  return { description, content: { 'application/json': { schema: { type: 'object', properties } } } }
}

export const anyJson: Schema = { description: 'Any JSON value' }
export const contextToken: Schema = text('Opaque; send it back with the next write of this key')
