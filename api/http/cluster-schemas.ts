import { bucketAndKeyInPath, jsonReply, problem } from './schema-parts.ts'

const cluster = ['cluster']
const health = ['health']
const text = { type: 'string' }
const whole = { type: 'integer' }

const host = { type: 'object', properties: { host: { type: 'string', description: 'Name of the host' } }, required: ['host'] }
const standing = { host: text, stands: text, waits_for: { type: 'array', items: text } }

function changeOf(begin: string, giveUp: string, tell: string) {
  const one = (summary: string, status: 200 | 202, name: string) => ({
    tags: cluster,
    summary,
    params: host,
    response: { [status]: jsonReply(name, standing), 400: problem, 404: problem }
  })
  return { begin: one(begin, 202, 'Begun'), giveUp: one(giveUp, 200, 'Given up'), tell: one(tell, 200, 'How it stands') }
}

/** For the OpenAPI document. */
export const describeCluster = {
  leave: changeOf(
    'Let a host leave: others take over what it has, then its process ends',
    'Let it stay; possible until it has given up its place on the ring',
    'How its leaving stands, and what it waits for'
  ),
  removal: changeOf(
    'Have a host removed that is down for good: others take its place; it must not come back',
    'Let it stay; possible until the ring has moved',
    'How its removal stands, and what it waits for'
  ),
  datacenterRemoval: {
    tags: cluster,
    summary: 'Have a datacenter removed all of whose hosts are down for good; they must not come back',
    params: {
      type: 'object',
      properties: { datacenter: { type: 'string', description: 'Name of the datacenter' } },
      required: ['datacenter']
    },
    response: {
      200: jsonReply('Removed', { datacenter: text, removed: { type: 'array', items: text } }),
      400: problem,
      404: problem
    }
  },
  healthz: {
    tags: health,
    summary: 'Alive; with the parameter ready, whether this host can reach a quorum of every partition. Needs no credentials',
    querystring: { type: 'object', properties: { ready: text } },
    response: { 200: jsonReply('Alive, or ready', { status: text }), 503: jsonReply('Not ready', { status: text }) }
  },
  readyz: {
    tags: health,
    summary: 'Whether this host can reach a quorum of every partition',
    response: {
      200: jsonReply('Ready', { status: text }),
      503: jsonReply('Not ready', { status: text, missing: { type: 'array', items: text } })
    }
  },
  metrics: {
    tags: health,
    summary: 'Prometheus metrics of this host',
    response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: text } } } }
  },
  cluster: {
    tags: cluster,
    summary: 'The hosts of the cluster',
    response: {
      200: jsonReply('Cluster', {
        cluster: text,
        epoch: text,
        datacenters: { type: 'array', items: text },
        wire: { type: ['integer', 'null'], description: 'Version of the wire that all hosts speak' },
        hosts: { type: 'array', items: { type: 'object' } },
        plan: {}
      })
    }
  },
  ring: {
    tags: cluster,
    summary: 'Which hosts hold which partition',
    response: {
      200: jsonReply('Ring', {
        epoch: text,
        partitions: whole,
        replicas: whole,
        owners: { type: 'array', items: { type: 'array', items: text } }
      })
    }
  },
  actors: {
    tags: cluster,
    summary: "A host's supervision tree",
    querystring: { type: 'object', properties: { host: { type: 'string', description: 'Default: this host' } } },
    response: { 200: jsonReply('Tree', { host: text, tree: { type: 'object' } }), 404: problem }
  },
  work: {
    tags: cluster,
    summary: 'The repair work of every host: what runs, what waits, what was done',
    response: { 200: jsonReply('Work', { hosts: { type: 'array', items: { type: 'object' } } }) }
  },
  replication: {
    tags: cluster,
    summary: 'What each datacenter still has to give to the others: keys, and the age of the oldest write that is missing',
    response: {
      200: jsonReply('Replication', {
        pairs: { type: 'array', items: { type: 'object' } },
        hosts: { type: 'array', items: { type: 'object' } }
      })
    }
  },
  replicationKeys: {
    tags: cluster,
    summary: 'Every key of which a datacenter lacks the latest write, a page at a time',
    querystring: {
      type: 'object',
      properties: { to: text, cursor: text, limit: { type: 'string', description: 'Keys of a page; default 100' } }
    },
    response: { 200: jsonReply('Page', { keys: { type: 'array', items: { type: 'object' } }, cursor: {} }), 400: problem }
  },
  repair: {
    tags: cluster,
    summary: 'Compare all replicas, mend what differs and deliver hints now; answers with how things stand at the beginning',
    response: { 202: jsonReply('Begun', { hosts: { type: 'array', items: { type: 'object' } } }) }
  },
  repairProgress: {
    tags: cluster,
    summary: 'How far that is: a piece of work is through when its runs have risen',
    response: { 200: jsonReply('Work', { hosts: { type: 'array', items: { type: 'object' } } }) }
  },
  explain: {
    tags: cluster,
    summary: 'What each replica holds of a key',
    params: bucketAndKeyInPath,
    querystring: { type: 'object', properties: { encoding: { type: 'string', enum: ['utf8', 'base64url'] } } },
    response: {
      200: jsonReply('Replicas', {
        bucket: text,
        key: text,
        partition: whole,
        preference: { type: 'array' },
        hints: { type: 'array' },
        agree: { type: 'boolean' },
        tombstone_waits: { type: ['string', 'null'] }
      }),
      400: problem
    }
  },
  events: {
    tags: cluster,
    summary: 'Changes of the cluster as server-sent events',
    response: { 200: { description: 'Events', content: { 'text/event-stream': { schema: text } } } }
  }
}
