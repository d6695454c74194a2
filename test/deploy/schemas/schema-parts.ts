/** Words for JSON Schemas in which what is not named is refused. */
export type Schema = Readonly<Record<string, unknown>>

export const text: Schema = { type: 'string' }
export const someText: Schema = { type: 'string', minLength: 1 }
export const yesOrNo: Schema = { type: 'boolean' }
export const whole: Schema = { type: 'integer', minimum: 0 }
export const port: Schema = { type: 'integer', minimum: 1, maximum: 65_535 }

export function exactly(value: unknown): Schema {
  return { const: value }
}

export function oneOf(...values: readonly unknown[]): Schema {
  return { enum: values }
}

export function matching(pattern: string): Schema {
  return { type: 'string', pattern }
}

export function listOf(items: Schema, minItems = 1): Schema {
  return { type: 'array', items, minItems }
}

export function mapOf(values: Schema, names = '^.+$'): Schema {
  return { type: 'object', patternProperties: { [names]: values }, additionalProperties: false }
}

export function anyOf(...schemas: readonly Schema[]): Schema {
  return { anyOf: schemas }
}

/** @param required names, of those in `properties` */
export function object(properties: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema {
  return { type: 'object', properties, required, additionalProperties: false }
}
