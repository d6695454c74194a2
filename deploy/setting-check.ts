import type { TSchema } from '@sinclair/typebox'

/** Keywords of JSON Schema that `allows` goes by. */
const checked = ['type', 'enum', 'pattern', 'minLength', 'maxLength', 'minimum', 'maximum', 'items', 'minItems', 'maxItems']
/** What only tells something about a setting. */
const told = ['default', 'description', 'title', 'key', 'allowed', 'secret', 'defaultText']
const known: ReadonlySet<string> = new Set([...checked, ...told])

/**
 * Whether a setting's schema allows the value, as any validator of JSON Schema would say; a test holds it against ajv.
 * @throws {TypeError} the schema has a keyword that is not known here: it would be passed over in silence
 */
export function allows(schema: TSchema, value: unknown): boolean {
  for (const keyword of Object.keys(schema))
    if (!known.has(keyword)) throw new TypeError(`settings are not checked for the schema keyword ${keyword}`)
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value)) return false
  switch (schema['type']) {
    case 'string':
      return typeof value === 'string' && allowsText(schema, value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'integer':
      return Number.isInteger(value) && allowsNumber(schema, value as number)
    case 'number':
      return Number.isFinite(value) && allowsNumber(schema, value as number)
    case 'array':
      return Array.isArray(value) && allowsList(schema, value)
    default:
      throw new TypeError(`settings are not checked for the schema type ${String(schema['type'])}`)
  }
}

function allowsText({ pattern, minLength = 0, maxLength }: TSchema, text: string): boolean {
  // Bounds count characters, not UTF-16 units.
  const characters = minLength > 0 || maxLength !== undefined ? Array.from(text).length : 0
  if (characters < minLength || characters > (maxLength ?? Number.POSITIVE_INFINITY)) return false
  return pattern === undefined || new RegExp(pattern, 'u').test(text)
}

function allowsNumber({ minimum, maximum }: TSchema, value: number): boolean {
  return value >= (minimum ?? Number.NEGATIVE_INFINITY) && value <= (maximum ?? Number.POSITIVE_INFINITY)
}

function allowsList({ items, minItems = 0, maxItems }: TSchema, list: readonly unknown[]): boolean {
  if (list.length < minItems || list.length > (maxItems ?? Number.POSITIVE_INFINITY)) return false
  return list.every(item => allows(items as TSchema, item))
}
