import t from 'tap'
import type { Log, LogFields } from '../../runtime/log.ts'
import { httpRig, problemOf, rawAnswer } from './http-rig.ts'

const token = 'correct horse battery staple'
const paths = [
  '/',
  '/healthz/',
  '/healthz/x',
  '/HEALTHZ',
  '//healthz',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/docs/',
  '/docs/static/swagger-ui.css',
  '/docs/json',
  '/console',
  '/console/',
  '/api/v1/store',
  '/api/v1/store/k',
  '/api/v1/store/%ff',
  '/api/v1/buckets/b',
  '/api/v1/buckets/b/keys',
  '/api/v1/buckets/b/keys/k',
  '/api/v1/buckets/b/batch',
  '/api/v1/cluster',
  '/api/v1/ring',
  '/api/v1/actors',
  '/api/v1/work',
  '/api/v1/explain/b/k',
  '/api/v1/events',
  '/nothing',
  '/healthz%2f..%2freadyz',
  `/${'x'.repeat(5000)}`
]

t.test(
  'I25: with a token set, every path and method but GET /healthz → 401, whatever else is wrong with the request',
  async t => {
    const { ask, store } = await httpRig(t, { settings: { token } })
    for (const path of paths) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']) {
        const answer = await ask(
          method,
          path,
          ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method) ? '{"key":"k","value":1}' : undefined
        )
        t.equal(answer.statusCode, 401, `${method} ${path.slice(0, 40)}`)
      }
    }
    const refused = await ask('GET', '/api/v1/store/k')
    t.match(problemOf(refused), { code: 'unauthorized', detail: /Authorization: Bearer/ })
    t.match(refused.headers['www-authenticate'], /^Bearer/)
    t.equal((await ask('GET', '/healthz')).statusCode, 200)
    t.equal((await ask('POST', '/healthz', {})).statusCode, 401)
    t.equal(store.seen.length, 0)
  }
)

t.test('I25: wrong credentials → 401; the right ones → in', async t => {
  const { ask } = await httpRig(t, { settings: { token } })
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    `Basic ${token}`,
    token,
    `Bearer ${token.toUpperCase()}`
  ]) {
    t.equal((await ask('GET', '/api/v1/store/k', undefined, { authorization })).statusCode, 401, authorization)
  }
  for (const authorization of [`Bearer ${token}`, `bearer ${token}`]) {
    t.equal((await ask('GET', '/api/v1/store/k', undefined, { authorization })).statusCode, 404)
    t.equal((await ask('GET', '/docs/', undefined, { authorization })).statusCode, 200)
  }
})

t.test('I25: credentials in a request that fails → in no reply and in no log', async t => {
  const lines: string[] = []
  const note = (fields: LogFields, text: string): void => void lines.push(`${JSON.stringify(fields)} ${text}`)
  const log: Log = { debug: note, info: note, warn: note, error: note }
  const { ask, app, store } = await httpRig(t, { settings: { token }, log })
  store.admin.cluster = () => Promise.reject(new Error('a fault of ours'))
  const headers = { authorization: `Bearer ${token}` }
  const bodies = [
    await ask('GET', '/api/v1/cluster', undefined, headers),
    await ask('GET', '/nothing?x=1', undefined, headers),
    await ask('PUT', '/api/v1/store', '{', headers)
  ].map(answer => answer.body)
  t.equal(JSON.parse(bodies[0]!).code, 'internal')
  t.notMatch(bodies[0], /a fault of ours/, 'what went wrong inside is for the log')
  t.match(lines.join('\n'), /a fault of ours/)
  await app.listen({ port: 0, host: '127.0.0.1' })
  bodies.push(await rawAnswer(app, send => send(`GET /\0 HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n\r\n`)))
  for (const text of [...bodies, ...lines]) t.notOk(text.includes('horse'), 'no credentials')
})

t.test('cross-origin requests: refused a permission by default; given to the origins that are named', async t => {
  const closed = await httpRig(t)
  const origin = 'https://example.org'
  t.notOk('access-control-allow-origin' in (await closed.ask('GET', '/healthz', undefined, { origin })).headers)
  const open = await httpRig(t, { settings: { corsOrigins: [origin] } })
  t.equal((await open.ask('GET', '/healthz', undefined, { origin })).headers['access-control-allow-origin'], origin)
  const preflight = await open.ask('OPTIONS', '/api/v1/store/k', undefined, { origin, 'access-control-request-method': 'PUT' })
  t.equal(preflight.statusCode, 204)
  t.match(preflight.headers['access-control-allow-methods'], /PUT/)
  t.not(
    (await open.ask('GET', '/healthz', undefined, { origin: 'https://evil.example' })).headers['access-control-allow-origin'],
    'https://evil.example'
  )
})

t.test('rate limit: more requests in a second than allowed → 429 rate_limited', async t => {
  const { ask } = await httpRig(t, { settings: { rateLimitPerSecond: 3 } })
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('GET', '/api/v1/store/k')))
  const refused = answers.find(answer => answer.statusCode === 429)
  t.ok(refused)
  t.equal(problemOf(refused!)['code'], 'rate_limited')
})
