import { bucketAndKeyInPath, problem, rawDeleteQuery, rawReadQuery, rawWriteQuery } from './schema-parts.ts'

const tags = ['raw']
const bytes = { schema: { type: 'string', format: 'binary' } }
const failures = { 400: problem, 412: problem, 413: problem, 503: problem, 504: problem }

/** For the OpenAPI document. */
export const describeRaw = {
  get: {
    tags,
    summary: 'Read the bytes of a value; the context is in Carillon-Context',
    params: bucketAndKeyInPath,
    querystring: rawReadQuery,
    response: {
      200: { description: 'The value, with its Content-Type', content: { '*/*': bytes } },
      300: {
        description: 'Several concurrent values, newest first',
        content: { 'multipart/mixed': bytes, 'application/json': { schema: { type: 'object' } } }
      },
      404: problem,
      ...failures
    }
  },
  put: {
    tags,
    summary: 'Store bytes with their Content-Type',
    params: bucketAndKeyInPath,
    querystring: rawWriteQuery,
    response: { 201: { description: 'Stored; the new context is in Carillon-Context' }, ...failures }
  },
  delete: {
    tags,
    summary: 'Delete a key, if it is there',
    params: bucketAndKeyInPath,
    querystring: rawDeleteQuery,
    response: { 204: { description: 'Deleted, or there was nothing' }, ...failures }
  }
}
