import t from 'tap'
import { httpRig, problemOf } from './http-rig.ts'

const path = '/api/v1/buckets/files/keys/photo'

t.test('raw door: bytes and type → come back as they were; HEAD tells the same without them', async t => {
  const { ask } = await httpRig(t)
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const put = await ask('PUT', path, bytes, { 'content-type': 'image/png; note="x"' })
  t.equal(put.statusCode, 201)
  t.equal(put.body, '')
  t.match(put.headers['carillon-context'], /^[A-Za-z0-9_-]+$/)
  const got = await ask('GET', path)
  t.equal(got.statusCode, 200)
  t.same(got.rawPayload, bytes)
  t.equal(got.headers['content-type'], 'image/png; note="x"')
  t.equal(got.headers['carillon-siblings'], '1')
  t.match(got.headers['content-security-policy'], /sandbox/, 'what users stored does not run as a page of ours')
  t.equal(got.headers['x-content-type-options'], 'nosniff')
  const head = await ask('HEAD', path)
  t.equal(head.statusCode, 200)
  t.equal(head.body, '')
  t.equal(head.headers['content-length'], '256')
  t.equal(head.headers['etag'], got.headers['etag'])
  t.equal(head.headers['carillon-context'], got.headers['carillon-context'])
})

t.test('raw door: no type, an empty body → stored as they are', async t => {
  const { ask, app } = await httpRig(t)
  t.equal((await app.inject({ method: 'PUT', url: path, payload: Buffer.from('x') })).statusCode, 201)
  t.equal((await ask('GET', path)).headers['content-type'], 'application/octet-stream')
  const { 'carillon-context': context } = (await ask('GET', path)).headers
  t.equal(
    (
      await app.inject({
        method: 'PUT',
        url: path,
        headers: { 'carillon-context': String(context), 'content-type': 'text/x-empty' },
        payload: ''
      })
    ).statusCode,
    201
  )
  const empty = await ask('GET', path)
  t.equal(empty.statusCode, 200)
  t.equal(empty.body, '')
})

t.test('raw door: nothing there → 404, DELETE → 204', async t => {
  const { ask } = await httpRig(t)
  t.equal(problemOf(await ask('GET', path))['code'], 'not_found')
  t.equal((await ask('HEAD', path)).statusCode, 404)
  t.equal((await ask('DELETE', path)).statusCode, 204)
  await ask('PUT', path, 'x', { 'content-type': 'text/plain' })
  t.equal((await ask('DELETE', path)).statusCode, 204)
  const gone = await ask('GET', path)
  t.equal(gone.statusCode, 404)
  t.match(gone.headers['carillon-context'], /./, 'a write with it follows the delete')
})

t.test('raw door: siblings → 300 as multipart/mixed, or as JSON where asked', async t => {
  const { ask } = await httpRig(t)
  await ask('PUT', path, 'one\r\n--carillon-', { 'content-type': 'text/plain' })
  await ask('PUT', path, '{"two":2}', { 'content-type': 'application/json' })
  const mixed = await ask('GET', path)
  t.equal(mixed.statusCode, 300)
  const boundary = /^multipart\/mixed; boundary=(\S+)$/.exec(String(mixed.headers['content-type']))?.[1]
  t.equal(
    mixed.body,
    `--${boundary}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"two":2}\r\n` +
      `--${boundary}\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\none\r\n--carillon-\r\n--${boundary}--\r\n`
  )
  t.equal(mixed.headers['carillon-siblings'], '2')
  const json = await ask('GET', path, undefined, { accept: 'application/json' })
  t.equal(json.statusCode, 300)
  t.same(json.json().siblings, [{ value: { two: 2 } }, { value: 'one\r\n--carillon-', content_type: 'text/plain' }])
  t.equal(json.json().context, mixed.headers['carillon-context'])
  await ask('PUT', path, 'merged', {
    'content-type': 'text/plain',
    'carillon-context': String(mixed.headers['carillon-context'])
  })
  t.equal((await ask('GET', path)).body, 'merged')
})

t.test('raw door: keys of any bytes by base64url, of any text percent-encoded', async t => {
  const { ask } = await httpRig(t)
  const keys = [Buffer.from([0xff, 0, 0x2f]), Buffer.from('..'), Buffer.from('a/b?c#d%25 é🔑')]
  for (const [index, key] of keys.entries()) {
    const url = `/api/v1/buckets/files/keys/${key.toString('base64url')}?encoding=base64url`
    t.equal((await ask('PUT', url, String(index), { 'content-type': 'text/plain' })).statusCode, 201)
    t.equal((await ask('GET', url)).body, String(index))
  }
  t.equal((await ask('GET', `/api/v1/buckets/files/keys/${encodeURIComponent('a/b?c#d%25 é🔑')}`)).body, '2')
  t.equal((await ask('GET', '/api/v1/buckets/files/keys/a+b?encoding=base64url')).statusCode, 400)
})

t.test('raw door: too large, wrong type, wrong context, wrong condition → 413, 413, 400, 412', async t => {
  const { ask } = await httpRig(t)
  const large = await ask('PUT', path, Buffer.alloc(10_241), { 'content-type': 'image/png' })
  t.equal(large.statusCode, 413)
  t.match(problemOf(large), { limit: 10_240, size: 10_241 })
  const withKey = await ask('PUT', path, Buffer.alloc(10_240), { 'content-type': 'image/png' })
  t.match(problemOf(withKey), { limit: 10_240, size: 10_245 })
  t.equal((await ask('PUT', path, 'x', { 'content-type': `text/${'x'.repeat(200)}` })).statusCode, 413)
  t.equal((await ask('PUT', path, 'x', { 'content-type': 'text/plain', 'carillon-context': 'AAAA' })).statusCode, 400)
  t.equal((await ask('PUT', path, 'x', { 'content-type': 'text/plain', 'if-match': '"1"' })).statusCode, 412)
  t.equal((await ask('POST', path, 'x', { 'content-type': 'text/plain' })).statusCode, 405)
})
