import fc from 'fast-check'
import t from 'tap'
import { httpRig, problemOf, rawAnswer } from './http-rig.ts'

const anyKey = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  fc.constantFrom(
    '../../etc/passwd',
    '%00',
    '%2e%2e',
    '*',
    '>',
    '.',
    '..',
    '\r\nX-Injected: 1',
    '__proto__',
    'constructor',
    '\0',
    '🔑',
    '?#[]@!$&()+,;=',
    '%',
    '%25',
    '//',
    ' '
  )
)

t.test('I27: any key of Unicode, by path, by body and as bytes → names one value, and only that', async t => {
  const { ask, store } = await httpRig(t)
  await fc.assert(
    fc.asyncProperty(anyKey, async key => {
      store.records.forEach(records => records.clear())
      // A client resolves these two before it sends them, encoded or not.
      const inPath =
        key === '.' || key === '..' ? `${Buffer.from(key).toString('base64url')}?encoding=base64url` : encodeURIComponent(key)
      const put = await ask('PUT', '/api/v1/store', { key, value: key })
      if (put.statusCode !== 201) return false
      const got = await ask('GET', `/api/v1/store/${inPath}`)
      const asBytes = await ask('GET', `/api/v1/store/${Buffer.from(key).toString('base64url')}?encoding=base64url`)
      return (
        store.records.get('a')!.size === 1 &&
        got.json().value === key &&
        (inPath.includes('?') || got.json().key === key) &&
        asBytes.json().value === key &&
        !('x-injected' in got.headers) &&
        (await ask('DELETE', `/api/v1/store/${inPath}`)).statusCode === 204
      )
    }),
    { numRuns: 200 }
  )
})

t.test('I28: any JSON value → survives unchanged, and prototypes stay untouched', async t => {
  const { ask, store } = await httpRig(t)
  const names = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'value', 'key'))
  const { value: anyValue } = fc.letrec<{ value: unknown }>(tie => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'binary' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(fc.tuple(names, tie('value')), { maxLength: 4 }).map(entries => Object.fromEntries(entries))
    )
  }))
  await fc.assert(
    fc.asyncProperty(anyValue, async value => {
      store.records.forEach(records => records.clear())
      const text = JSON.stringify(value)
      const put = await ask('PUT', '/api/v1/store/k', `{"value":${text}}`)
      const got = await ask('GET', '/api/v1/store/k')
      return (
        put.statusCode === 201 &&
        got.body.includes(`"value":${text},"context"`) &&
        ({} as Record<string, unknown>)['polluted'] === undefined
      )
    }),
    { numRuns: 200 }
  )
  t.same(Object.keys(Object.prototype), [])
})

t.test('I28: any bytes as a body, any query → 2xx or a problem document, and the door goes on', async t => {
  const { ask } = await httpRig(t)
  const request = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'),
    path: fc.constantFrom(
      '/api/v1/store',
      '/api/v1/store/k',
      '/api/v1/buckets/b',
      '/api/v1/buckets/b/keys',
      '/api/v1/buckets/b/keys/k',
      '/api/v1/buckets/b/batch',
      '/api/v1/explain/b/k',
      '/api/v1/actors'
    ),
    query: fc.oneof(
      fc.webQueryParameters(),
      fc.constantFrom('r=', 'r=1&r=1', '__proto__=1', 'constructor[prototype]=1', 'limit=1e9', '%', '%ff=%ff')
    ),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
      fc.json().map(text => Buffer.from(text)),
      fc.constantFrom('{"__proto__":1}', '{"operations":[null,1,"x",[],{"op":{}}]}').map(text => Buffer.from(text))
    ),
    type: fc.constantFrom('application/json', 'application/json; charset=utf-16', 'text/plain', 'x', '')
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ method, path, query, body, type }) => {
      const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS'
      const answer = await ask(method, `${path}?${query}`, hasBody ? body : undefined, hasBody ? { 'content-type': type } : {})
      if (answer.statusCode >= 500) return false
      if (answer.statusCode >= 400 && method !== 'HEAD' && !(answer.statusCode === 404 && answer.json().message === 'not found'))
        problemOf(answer)
      return true
    }),
    { numRuns: 300 }
  )
  t.equal((await ask('GET', '/healthz')).statusCode, 200)
})

t.test('I28: frames that are no HTTP, header bombs, slow and lying bodies → an answer of 4xx or a closed connection', async t => {
  const { app } = await httpRig(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const host = 'Host: x\r\n'
  const cases: [string, (send: (bytes: Uint8Array | string) => void) => void, RegExp][] = [
    [
      'garbage',
      send => send(Buffer.from([0, 1, 2, 3, 255, 13, 10, 13, 10])),
      /^HTTP\/1\.1 400 .*application\/problem\+json.*"bad_request"/s
    ],
    [
      'one header of 20 kB',
      send => send(`GET /healthz HTTP/1.1\r\n${host}X: ${'x'.repeat(20_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431 .*"limit":16384/s
    ],
    ['5,000 headers', send => send(`GET /healthz HTTP/1.1\r\n${host}${'name: value\r\n'.repeat(5_000)}\r\n`), /^HTTP\/1\.1 431 /],
    ['a path of 20 kB', send => send(`GET /api/v1/store/${'x'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 431 /],
    [
      'two lengths',
      send => send(`PUT /api/v1/store HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`),
      /^HTTP\/1\.1 400 /
    ],
    [
      'length and chunks',
      send => send(`PUT /api/v1/store HTTP/1.1\r\n${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
      /^HTTP\/1\.1 400 /
    ],
    ['a null in the path', send => send(`GET /api/\0v1 HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 400 /],
    [
      'a length of 10 GB',
      send => send(`PUT /api/v1/store HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n{`),
      /^HTTP\/1\.1 413 .*"size":10000000000/s
    ],
    [
      'chunks without an end',
      send => {
        send(`PUT /api/v1/store HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`)
        for (let index = 0; index < 20; index++) send(`2710\r\n${'x'.repeat(10_000)}\r\n`)
      },
      /^HTTP\/1\.1 413 /
    ],
    [
      'CRLF in an encoded key',
      send => send(`GET /api/v1/store/a%0d%0aSet-Cookie:%20x HTTP/1.1\r\n${host}Connection: close\r\n\r\n`),
      /^HTTP\/1\.1 404 (?!.*\r\nSet-Cookie)/s
    ]
  ]
  for (const [name, write, expected] of cases) t.match(await rawAnswer(app, write), expected, name)
  t.equal((await app.inject('/healthz')).statusCode, 200)
  t.equal(app.server.headersTimeout, 10_000)
  t.equal(app.server.requestTimeout, 30_000)
})
