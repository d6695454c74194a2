import t from 'tap'
import { httpRig, problemOf } from './http-rig.ts'

t.test(
  'profile: a parameter that is wrong, unknown or there twice, a host that is not there → named, with what is allowed',
  async t => {
    const { ask } = await httpRig(t)
    for (const [method, query, status, named] of [
      ['POST', 'seconds=0', 400, /seconds.*from 1 to 60/],
      ['POST', 'seconds=61', 400, /"61"/],
      ['POST', 'seconds=1.5', 400, /whole number/],
      ['POST', 'top=3', 400, /"top".*host, thread, seconds/],
      ['POST', 'thread=main&thread=api', 400, /thread is there more than once/],
      ['POST', 'host=zz', 404, /a, b, c/],
      ['GET', 'top=0', 400, /top.*from 1 to 500/],
      ['GET', 'host=zz', 404, /a, b, c/]
    ] as const) {
      const answer = await ask(method, `/api/v1/profile?${query}`)
      t.equal(answer.statusCode, status, query)
      t.match(problemOf(answer)['detail'], named, query)
    }
    t.equal((await ask('GET', '/api/v1/profile/data-0-1?host=zz')).statusCode, 404)
  }
)

t.test('profile: a cluster with a token → nobody without it takes one', async t => {
  const { ask } = await httpRig(t, { settings: { token: 'secret' } })
  for (const [method, path] of [
    ['POST', '/api/v1/profile'],
    ['GET', '/api/v1/profile'],
    ['GET', '/api/v1/profile/data-0-1']
  ] as const)
    t.equal((await ask(method, path)).statusCode, 401, `${method} ${path}`)
})
