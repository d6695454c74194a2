import {
  anyOf,
  exactly,
  listOf,
  mapOf,
  matching,
  object,
  oneOf,
  port,
  type Schema,
  someText,
  text,
  whole,
  yesOrNo
} from './schema-parts.ts'

/*
 * Of the pods of Kubernetes (core/v1), what our files use; the rest is refused.
 */

const name = matching('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')
const portName = matching('^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$')
const path = matching('^/')
const selector = object({ matchLabels: mapOf(text) }, 'matchLabels')
const quantity = matching('^[0-9]+(?:\\.[0-9]+)?(?:m|Ki|Mi|Gi)?$')

const variable = anyOf(
  object({ name: matching('^[A-Z][A-Z0-9_]*$'), value: text }, 'name', 'value'),
  object(
    {
      name: matching('^[A-Z][A-Z0-9_]*$'),
      valueFrom: object(
        { fieldRef: object({ fieldPath: oneOf('metadata.name', 'metadata.namespace', 'spec.nodeName') }, 'fieldPath') },
        'fieldRef'
      )
    },
    'name',
    'valueFrom'
  )
)

const probe = object(
  {
    httpGet: object({ path, port: anyOf(portName, port), scheme: oneOf('HTTP', 'HTTPS') }, 'path', 'port'),
    initialDelaySeconds: whole,
    periodSeconds: whole,
    timeoutSeconds: whole,
    successThreshold: whole,
    failureThreshold: whole
  },
  'httpGet'
)

const containerSecurity = object(
  {
    allowPrivilegeEscalation: exactly(false),
    readOnlyRootFilesystem: exactly(true),
    capabilities: object({ drop: listOf(exactly('ALL')) }, 'drop')
  },
  'allowPrivilegeEscalation',
  'readOnlyRootFilesystem',
  'capabilities'
)

const amounts = object({ cpu: quantity, memory: quantity })

export const container: Schema = object(
  {
    name,
    image: matching('^[a-z0-9][a-z0-9./_-]*:[A-Za-z0-9._-]+$'),
    imagePullPolicy: oneOf('IfNotPresent', 'Always', 'Never'),
    command: listOf(someText),
    args: listOf(someText),
    env: listOf(variable),
    ports: listOf(object({ name: portName, containerPort: port, protocol: oneOf('TCP') }, 'containerPort')),
    startupProbe: probe,
    livenessProbe: probe,
    readinessProbe: probe,
    lifecycle: object({ preStop: object({ exec: object({ command: listOf(someText) }, 'command') }, 'exec') }),
    securityContext: containerSecurity,
    resources: object({ requests: amounts, limits: amounts }),
    volumeMounts: listOf(object({ name, mountPath: path, readOnly: yesOrNo, subPath: someText }, 'name', 'mountPath'))
  },
  'name',
  'image',
  'securityContext',
  'resources'
)

const keyToPath = object({ key: someText, path: someText }, 'key', 'path')
const projection = anyOf(
  object(
    { serviceAccountToken: object({ path: someText, expirationSeconds: { type: 'integer', minimum: 600 } }, 'path') },
    'serviceAccountToken'
  ),
  object({ configMap: object({ name: someText, items: listOf(keyToPath) }, 'name') }, 'configMap')
)

const volume = anyOf(
  object({ name, emptyDir: object({ medium: oneOf('Memory'), sizeLimit: quantity }) }, 'name', 'emptyDir'),
  object({ name, configMap: object({ name: someText }, 'name') }, 'name', 'configMap'),
  object({ name, projected: object({ sources: listOf(projection) }, 'sources') }, 'name', 'projected'),
  object(
    {
      name,
      secret: object({ secretName: someText, defaultMode: { type: 'integer', minimum: 0, maximum: 0o777 } }, 'secretName')
    },
    'name',
    'secret'
  )
)

const podSecurity = object(
  {
    runAsNonRoot: exactly(true),
    runAsUser: { type: 'integer', minimum: 1 },
    runAsGroup: { type: 'integer', minimum: 1 },
    fsGroup: { type: 'integer', minimum: 1 },
    fsGroupChangePolicy: oneOf('OnRootMismatch', 'Always'),
    seccompProfile: object({ type: oneOf('RuntimeDefault') }, 'type')
  },
  'runAsNonRoot',
  'seccompProfile'
)

export const podSpec: Schema = object(
  {
    serviceAccountName: name,
    automountServiceAccountToken: yesOrNo,
    enableServiceLinks: yesOrNo,
    terminationGracePeriodSeconds: whole,
    securityContext: podSecurity,
    affinity: object({
      podAntiAffinity: object({
        requiredDuringSchedulingIgnoredDuringExecution: listOf(
          object({ topologyKey: someText, labelSelector: selector }, 'topologyKey')
        )
      })
    }),
    topologySpreadConstraints: listOf(
      object(
        {
          maxSkew: { type: 'integer', minimum: 1 },
          topologyKey: someText,
          whenUnsatisfiable: oneOf('ScheduleAnyway', 'DoNotSchedule'),
          labelSelector: selector
        },
        'maxSkew',
        'topologyKey',
        'whenUnsatisfiable'
      )
    ),
    initContainers: listOf(container),
    containers: listOf(container),
    volumes: listOf(volume)
  },
  'containers',
  'securityContext'
)
