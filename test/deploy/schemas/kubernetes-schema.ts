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
import { podSpec } from './pod-schema.ts'

/*
 * Of the Kubernetes API (1.29 and later) and of kustomize, what our files use; the rest is refused. A StatefulSet's fields are those of apps/v1, a
 * PodDisruptionBudget's those of policy/v1, and so on.
 */

const label = matching('^(?:[a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$')
const objectName = matching('^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$')
const labels: Schema = { type: 'object', propertyNames: label, additionalProperties: { type: 'string', maxLength: 63 } }
const metadata = object({ name: objectName, namespace: objectName, labels }, 'name')
const selector = object({ matchLabels: labels }, 'matchLabels')

function kind(
  apiVersion: string,
  name: string,
  fields: Readonly<Record<string, Schema>>,
  ...required: readonly string[]
): Schema {
  return object(
    { apiVersion: exactly(apiVersion), kind: exactly(name), metadata, ...fields },
    'apiVersion',
    'kind',
    'metadata',
    ...required
  )
}

const servicePort = object({ name: someText, port, targetPort: someText, protocol: oneOf('TCP') }, 'name', 'port')
const peer = object({ podSelector: selector, namespaceSelector: selector })
const policyPort = object({ protocol: oneOf('TCP'), port: anyOf(port, someText) }, 'port')

const claim = object(
  {
    metadata: object({ name: objectName }, 'name'),
    spec: object(
      {
        accessModes: listOf(oneOf('ReadWriteOnce', 'ReadWriteOncePod')),
        storageClassName: objectName,
        resources: object({ requests: object({ storage: matching('^[0-9]+(?:Mi|Gi|Ti)$') }, 'storage') }, 'requests')
      },
      'accessModes',
      'resources'
    )
  },
  'metadata',
  'spec'
)

const statefulSetSpec = object(
  {
    serviceName: objectName,
    replicas: whole,
    podManagementPolicy: oneOf('OrderedReady', 'Parallel'),
    minReadySeconds: whole,
    updateStrategy: object({ type: oneOf('RollingUpdate', 'OnDelete') }, 'type'),
    persistentVolumeClaimRetentionPolicy: object({
      whenDeleted: oneOf('Retain', 'Delete'),
      whenScaled: oneOf('Retain', 'Delete')
    }),
    selector,
    template: object({ metadata: object({ labels }, 'labels'), spec: podSpec }, 'metadata', 'spec'),
    volumeClaimTemplates: listOf(claim)
  },
  'serviceName',
  'selector',
  'template'
)

/** By `kind`. */
export const kubernetesSchemas: Readonly<Record<string, Schema>> = {
  Namespace: kind('v1', 'Namespace', {}),
  ServiceAccount: kind('v1', 'ServiceAccount', { automountServiceAccountToken: yesOrNo }),
  ConfigMap: kind('v1', 'ConfigMap', { data: mapOf(text, '^[A-Za-z0-9._-]+$') }, 'data'),
  ClusterRole: kind(
    'rbac.authorization.k8s.io/v1',
    'ClusterRole',
    {
      rules: listOf(
        object(
          { apiGroups: listOf(text), resources: listOf(someText), verbs: listOf(oneOf('get')) },
          'apiGroups',
          'resources',
          'verbs'
        )
      )
    },
    'rules'
  ),
  ClusterRoleBinding: kind(
    'rbac.authorization.k8s.io/v1',
    'ClusterRoleBinding',
    {
      roleRef: object(
        { apiGroup: exactly('rbac.authorization.k8s.io'), kind: exactly('ClusterRole'), name: objectName },
        'apiGroup',
        'kind',
        'name'
      ),
      subjects: listOf(
        object({ kind: exactly('ServiceAccount'), name: objectName, namespace: objectName }, 'kind', 'name', 'namespace')
      )
    },
    'roleRef'
  ),
  Service: kind(
    'v1',
    'Service',
    {
      spec: object(
        {
          type: oneOf('ClusterIP', 'LoadBalancer', 'NodePort'),
          clusterIP: exactly('None'),
          publishNotReadyAddresses: yesOrNo,
          selector: labels,
          ports: listOf(servicePort)
        },
        'ports'
      )
    },
    'spec'
  ),
  PodDisruptionBudget: kind(
    'policy/v1',
    'PodDisruptionBudget',
    { spec: object({ maxUnavailable: whole, minAvailable: whole, selector }, 'selector') },
    'spec'
  ),
  NetworkPolicy: kind(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    {
      spec: object(
        {
          podSelector: selector,
          policyTypes: listOf(oneOf('Ingress', 'Egress')),
          ingress: listOf(object({ from: listOf(peer), ports: listOf(policyPort) }, 'from', 'ports'))
        },
        'podSelector'
      )
    },
    'spec'
  ),
  StatefulSet: kind('apps/v1', 'StatefulSet', { spec: statefulSetSpec }, 'spec')
}

export const kustomizationSchema: Schema = object(
  {
    apiVersion: exactly('kustomize.config.k8s.io/v1beta1'),
    kind: exactly('Kustomization'),
    namespace: objectName,
    resources: listOf(someText),
    configMapGenerator: listOf(object({ name: objectName, files: listOf(someText) }, 'name', 'files')),
    patches: listOf(object({ path: someText }, 'path'))
  },
  'apiVersion',
  'kind',
  'resources'
)
