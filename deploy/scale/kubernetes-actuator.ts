import { readFileSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request as safeRequest } from 'node:https'
import { join } from 'node:path'
import type { ScaleOrder } from '../../actors/scale/autoscaler-protocol.ts'
import type { Actuator } from './actuator.ts'

export interface KubernetesOptions {
  readonly statefulSet: string
  /** `https://HOST:PORT` of the API server; `http:` of a proxy on this machine. */
  readonly server: string
  /** Folder with `token`, `ca.crt` and `namespace`, as Kubernetes puts it into each pod. */
  readonly account: string
}

interface Scale {
  readonly spec?: { readonly replicas?: number }
  readonly metadata?: { readonly resourceVersion?: string }
}

const accountDefault = '/var/run/secrets/kubernetes.io/serviceaccount'
const answerMsMax = 10_000
const answerBytesMax = 1024 * 1024

/** @throws {Error} this is no pod */
export function kubernetesOptions(
  environment: Readonly<Record<string, string | undefined>>,
  statefulSet: string
): KubernetesOptions {
  const host = environment['KUBERNETES_SERVICE_HOST']
  if (host === undefined) throw new Error('this is no pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set')
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443'
  return { statefulSet, server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`, account: accountDefault }
}

/**
 * Sets the replicas of a StatefulSet by its `scale` subresource. The token is read anew each time, since Kubernetes renews it. What another one
 * has changed meanwhile is not written over: the next look sees it. The pod's account needs `get` and `update` of `statefulsets/scale`.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/stateful-set-v1/
 */
export function kubernetesActuator(options: () => KubernetesOptions): Actuator {
  return {
    async scale({ hosts }: ScaleOrder) {
      const { statefulSet, server, account } = options()
      const file = (name: string): string => readFileSync(join(account, name), 'utf8').trim()
      const namespace = file('namespace')
      const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets/${statefulSet}/scale`
      const ask = (method: 'GET' | 'PUT', body?: object): Promise<Scale> =>
        answerOf(new URL(path, server), method, { token: file('token'), ca: file('ca.crt') }, body)
      const now = await ask('GET')
      if (now.spec?.replicas === hosts) return
      await ask('PUT', { ...now, spec: { ...now.spec, replicas: hosts } })
    }
  }
}

function answerOf(url: URL, method: string, { token, ca }: { token: string; ca: string }, body?: object): Promise<Scale> {
  const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const call = (url.protocol === 'http:' ? plainRequest : safeRequest)(
      url,
      {
        method,
        ca,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          ...(sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': sent.length })
        },
        signal: AbortSignal.timeout(answerMsMax)
      },
      response => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
          if (text.length > answerBytesMax)
            response.destroy(new Error(`Kubernetes answered with more than ${answerBytesMax} bytes`))
        })
        response.once('error', reject)
        response.once('end', () => {
          const status = response.statusCode ?? 0
          if (status < 200 || status > 299)
            return reject(new Error(`Kubernetes answered ${method} ${url.pathname} with ${status}: ${reasonOf(text)}`))
          try {
            resolve(JSON.parse(text) as Scale)
          } catch {
            reject(new Error(`Kubernetes answered ${method} ${url.pathname} with what is no JSON`))
          }
        })
      }
    )
    call.once('error', error => reject(new Error(`Kubernetes cannot be asked at ${url.origin}: ${error.message}`)))
    call.end(sent)
  })
}

function reasonOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message.slice(0, 500) : 'no reason given'
  } catch {
    return 'no reason given'
  }
}
