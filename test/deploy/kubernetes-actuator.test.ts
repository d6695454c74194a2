import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createSafeServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ScaleOrder } from '../../actors/scale/autoscaler-protocol.ts'
import { scaled } from '../../deploy/scale/actuator.ts'
import { kubernetesActuator, kubernetesOptions } from '../../deploy/scale/kubernetes-actuator.ts'
import { temporaryDirectory } from '../cluster/cluster-rig.ts'

const token = 'eyJhbGciOiJSUzI1NiJ9.pod'
const path = '/apis/apps/v1/namespaces/shop/statefulsets/carillon/scale'
const order = (hosts: number): ScaleOrder => ({ cluster: 'carillon', hosts, present: 3, why: 'CPU at 130 %', left: '' })

/** What an API server of Kubernetes 1.29 answered to `GET …/scale`, names and times changed. */
const scaleObject = {
  kind: 'Scale',
  apiVersion: 'autoscaling/v1',
  metadata: {
    name: 'carillon',
    namespace: 'shop',
    uid: 'c0ffee00-0000-4000-8000-000000000001',
    resourceVersion: '4711',
    creationTimestamp: '2024-05-01T08:00:00Z'
  },
  spec: { replicas: 3 },
  status: { replicas: 3, selector: 'app.kubernetes.io/name=carillon' }
}

interface Call {
  readonly method: string
  readonly url: string
  readonly authorization: string
  readonly body: unknown
}

/** Refuses as an API server does: a wrong token, a wrong path, a version that is no longer the present one. */
class ApiServer {
  readonly calls: Call[] = []
  scale = structuredClone(scaleObject)
  /** Someone else changes it between the two calls. */
  isRaced = false

  readonly handle: RequestListener = (request, response) => {
    void bodyOf(request).then(body => {
      const { method = '', url = '', headers } = request
      this.calls.push({ method, url, authorization: headers.authorization ?? '', body })
      const answer = (status: number, value: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
      }
      const refuse = (code: number, reason: string, message: string): void =>
        answer(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code })
      if (headers.authorization !== `Bearer ${token}`) return refuse(401, 'Unauthorized', 'Unauthorized')
      if (url !== path) return refuse(404, 'NotFound', `statefulsets.apps "${url.split('/').at(-2)}" not found`)
      if (method === 'GET') {
        answer(200, this.scale)
        if (this.isRaced) this.scale.metadata.resourceVersion = '4712'
        return
      }
      const sent = body as typeof scaleObject
      if (method !== 'PUT' || headers['content-type'] !== 'application/json') return refuse(415, 'UnsupportedMediaType', 'no')
      if (sent.metadata.resourceVersion !== this.scale.metadata.resourceVersion)
        return refuse(
          409,
          'Conflict',
          'the object has been modified; please apply your changes to the latest version and try again'
        )
      this.scale = { ...sent, metadata: { ...sent.metadata, resourceVersion: '4713' } }
      answer(200, this.scale)
    })
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part
  return text === '' ? undefined : JSON.parse(text)
}

function accountIn(folder: string, ca = 'none needed'): string {
  const account = join(folder, 'serviceaccount')
  mkdirSync(account, { recursive: true })
  writeFileSync(join(account, 'token'), `${token}\n`)
  writeFileSync(join(account, 'namespace'), 'shop')
  writeFileSync(join(account, 'ca.crt'), ca)
  return account
}

async function rig(t: Test, statefulSet = 'carillon') {
  const api = new ApiServer()
  const server = createServer(api.handle)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const account = accountIn(temporaryDirectory(t))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { api, account, actuator: kubernetesActuator(() => ({ statefulSet, server: url, account })) }
}

t.test(
  'kubernetes: one more is wanted → the scale is read and written back with its version; the same again writes nothing',
  async t => {
    const { api, actuator } = await rig(t)
    t.equal(await scaled(actuator, order(4)), undefined)
    t.same(
      api.calls.map(({ method, url, authorization }) => [method, url, authorization]),
      [
        ['GET', path, `Bearer ${token}`],
        ['PUT', path, `Bearer ${token}`]
      ]
    )
    t.same(api.calls[1]!.body, { ...scaleObject, spec: { replicas: 4 } })
    t.equal(await scaled(actuator, order(4)), undefined)
    t.equal(api.calls.length, 3, 'only a look')
  }
)

t.test(
  'kubernetes: another one changes the scale meanwhile, the token is wrong, there is no such set, nobody answers → a sentence',
  async t => {
    const raced = await rig(t)
    raced.api.isRaced = true
    t.match(await scaled(raced.actuator, order(4)), /PUT .*scale with 409: the object has been modified/)
    t.equal(raced.api.scale.spec.replicas, 3)
    const strange = await rig(t)
    writeFileSync(join(strange.account, 'token'), 'another')
    t.match(await scaled(strange.actuator, order(4)), /with 401: Unauthorized/)
    writeFileSync(join(strange.account, 'token'), token)
    t.equal(await scaled(strange.actuator, order(4)), undefined, 'the token is read anew')
    const other = await rig(t, 'wrong')
    t.match(await scaled(other.actuator, order(4)), /with 404: statefulsets\.apps "wrong" not found/)
    const account = accountIn(temporaryDirectory(t))
    const nobody = kubernetesActuator(() => ({ statefulSet: 'carillon', server: 'http://127.0.0.1:9', account }))
    t.match(await scaled(nobody, order(4)), /Kubernetes cannot be asked at http:\/\/127\.0\.0\.1:9/)
  }
)

t.test('kubernetes: the address is what a pod is told; outside of one a sentence says so', async t => {
  t.match(
    kubernetesOptions({ KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' }, 'c').server,
    'https://10.0.0.1:6443'
  )
  t.equal(kubernetesOptions({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, 'c').server, 'https://[fd00::1]:443')
  const nowhere = kubernetesActuator(() => kubernetesOptions({}, 'carillon'))
  t.match(await scaled(nowhere, order(4)), /this is no pod of Kubernetes/)
})

t.test(
  'kubernetes: over TLS the server is believed by the account’s authority alone',
  { skip: hasOpenssl() ? false : 'NOT TESTED: there is no openssl to make a certificate with' },
  async t => {
    const folder = temporaryDirectory(t)
    const file = (name: string): string => join(folder, name)
    const words = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=kubernetes'
    ]
    execFileSync('openssl', [...words, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', file('key'), '-out', file('crt')], {
      stdio: 'ignore'
    })
    const api = new ApiServer()
    const server = createSafeServer({ key: readFileSync(file('key')), cert: readFileSync(file('crt')) }, api.handle)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const of = (account: string) => kubernetesActuator(() => ({ statefulSet: 'carillon', server: url, account }))
    t.equal(await scaled(of(accountIn(folder, readFileSync(file('crt'), 'utf8'))), order(5)), undefined)
    t.equal(api.scale.spec.replicas, 5)
    t.match(await scaled(of(accountIn(temporaryDirectory(t))), order(6)), /cannot be asked/)
    t.equal(api.scale.spec.replicas, 5)
  }
)

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
