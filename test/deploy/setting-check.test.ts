import { Type as typebox } from '@sinclair/typebox'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import t from 'tap'
import { hostSettingsSchema, type SettingName } from '../../deploy/configuration-schema.ts'
import { allows } from '../../deploy/setting-check.ts'
import { Type } from '../../deploy/setting-types.ts'

const ajv = new Ajv({ allErrors: true, strict: false })
const oracle = new Map(Object.entries(hostSettingsSchema.properties).map(([name, schema]) => [name, ajv.compile(schema)]))

t.test('any value for any setting → allowed where ajv allows it, and only there', async () => {
  const word = fc.oneof(
    fc.string(),
    fc.string({ unit: 'grapheme', maxLength: 70 }),
    fc.stringMatching(/^[a-z0-9._:-]{0,70}$/),
    fc.constantFrom(
      '',
      'flushed',
      'siblings',
      'text',
      'nats://a:1',
      'a:1',
      '[::1]:7620',
      'client',
      'all',
      '127.0.0.1',
      'x'.repeat(600)
    )
  )
  const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, 1, 3, 64, 65_535, 65_536, 0.01, 1e3, Number.NaN, 2 ** 40))
  const value = fc.oneof(word, number, fc.array(word, { maxLength: 70 }), fc.anything(), fc.constant(undefined))
  const name = fc.constantFrom(...(Object.keys(hostSettingsSchema.properties) as SettingName[]))
  fc.assert(
    fc.property(name, value, (name, value) => allows(hostSettingsSchema.properties[name], value) === oracle.get(name)!(value)),
    { numRuns: 3_000 }
  )
})

t.test('a schema with a keyword or type that is not checked → an error, not silence', async t => {
  t.throws(() => allows(typebox.String({ format: 'uri' }), 'x'), /not checked for the schema keyword format/)
  t.throws(() => allows(typebox.Null(), null), /not checked for the schema type null/)
})

t.test('schemas made here → the ones that typebox makes', async t => {
  const made = ({ String, Boolean, Integer, Number, Array, Object, Unsafe }: typeof Type) =>
    Object(
      {
        a: String({ default: 'x', pattern: '^x$' }),
        b: Boolean({ default: true }),
        c: Integer({ minimum: 1 }),
        d: Number({ maximum: 2 }),
        e: Array(String({ maxLength: 3 }), { maxItems: 2 }),
        f: Unsafe<'x' | 'y'>({ type: 'string', enum: ['x', 'y'] })
      },
      { additionalProperties: false }
    )
  t.strictSame(JSON.parse(JSON.stringify(made(Type))), JSON.parse(JSON.stringify(made(typebox as unknown as typeof Type))))
})
