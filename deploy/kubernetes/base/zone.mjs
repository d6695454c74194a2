// In a pod: writes the zone of its node into a configuration file. NODE_NAME is the node; /run/account is the pod's own account.
import { readFileSync, writeFileSync } from 'node:fs'

const { NODE_NAME: node = '', KUBERNETES_API: api = 'https://kubernetes.default.svc' } = process.env
const account = process.env.ACCOUNT_TOKEN ?? '/run/account/token'
const file = process.argv[2]
const zoneLabel = 'topology.kubernetes.io/zone'
const answerMsMax = 10_000

if (node === '' || file === undefined) throw new Error('usage: NODE_NAME=NODE node zone.mjs FILE')
const token = readFileSync(account, 'utf8').trim()
const answer = await fetch(`${api}/api/v1/nodes/${encodeURIComponent(node)}`, {
  headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
  signal: AbortSignal.timeout(answerMsMax)
})
if (!answer.ok) throw new Error(`node ${node}: the API answers ${answer.status}; access.yaml grants what is needed`)
const { metadata } = await answer.json()
const zone = metadata?.labels?.[zoneLabel]
// A cluster without zones has one: the default.
if (zone === undefined) writeFileSync(file, '{}\n')
else if (/^[A-Za-z0-9_.-]{1,64}$/.test(zone)) writeFileSync(file, `zone: ${JSON.stringify(zone)}\n`)
else throw new Error(`node ${node}: ${zoneLabel} is ${JSON.stringify(zone)}, which is no name of a zone`)
console.log(zone === undefined ? `node ${node} has no ${zoneLabel}` : `node ${node} is in ${zone}`)
