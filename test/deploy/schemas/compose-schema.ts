import {
  anyOf,
  exactly,
  listOf,
  mapOf,
  matching,
  object,
  oneOf,
  type Schema,
  someText,
  text,
  whole,
  yesOrNo
} from './schema-parts.ts'

/*
 * Of the Compose specification (compose-spec.io), what our files use; the rest is refused.
 */

const duration = matching('^(?:[0-9]+(?:us|ms|s|m|h))+$')
const name = '^[a-zA-Z0-9][a-zA-Z0-9._-]*$'

const healthcheck = object(
  {
    test: { type: 'array', items: text, minItems: 2, contains: exactly('CMD'), maxContains: 1 },
    interval: duration,
    timeout: duration,
    retries: whole,
    start_period: duration
  },
  'test'
)

const grantedSecret = anyOf(matching(name), object({ source: matching(name), target: someText }, 'source'))

const service: Schema = object({
  image: matching('^[a-z0-9][a-z0-9./_-]*:[A-Za-z0-9._-]+$'),
  build: object({ context: someText, dockerfile: someText }, 'context'),
  restart: oneOf('no', 'always', 'on-failure', 'unless-stopped'),
  stop_grace_period: duration,
  read_only: yesOrNo,
  cap_drop: listOf(exactly('ALL')),
  security_opt: listOf(exactly('no-new-privileges:true')),
  tmpfs: listOf(matching('^/')),
  ulimits: object({ nofile: whole }),
  networks: listOf(matching(name)),
  healthcheck,
  hostname: matching('^[a-z0-9-]{1,63}$'),
  environment: mapOf(anyOf(text, whole), '^[A-Z][A-Z0-9_]*$'),
  ports: listOf(matching('^(?:[0-9.]+:)?[0-9]{1,5}:[0-9]{1,5}$')),
  volumes: listOf(matching('^[a-zA-Z0-9._-]+:/[^:]+(?::ro)?$')),
  secrets: listOf(grantedSecret)
})

export const composeSchema: Schema = {
  type: 'object',
  properties: {
    name: matching('^[a-z0-9][a-z0-9_-]*$'),
    services: mapOf(service, name),
    networks: mapOf(object({ driver: oneOf('bridge') }), name),
    volumes: mapOf(object({}), name),
    secrets: mapOf(object({ file: matching('^\\./') }, 'file'), name)
  },
  patternProperties: { '^x-': {} },
  required: ['services'],
  additionalProperties: false
}
