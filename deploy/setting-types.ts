import type {
  ArrayOptions,
  IntegerOptions,
  NumberOptions,
  ObjectOptions,
  SchemaOptions,
  StringOptions,
  TArray,
  TBoolean,
  TInteger,
  TNumber,
  TObject,
  TProperties,
  TSchema,
  TString,
  TUnsafe
} from '@sinclair/typebox'

/**
 * typebox's `Type`, as far as settings need it: the same calls, the same JSON Schema, typebox's own types. A host reads its settings at
 * each start, and to load typebox for that costs it a tenth of all the CPU that a start takes. A test keeps the two equal.
 */
export const Type = Object.freeze({
  String: (options?: StringOptions): TString => schema<TString>('string', options),
  Boolean: (options?: SchemaOptions): TBoolean => schema<TBoolean>('boolean', options),
  Integer: (options?: IntegerOptions): TInteger => schema<TInteger>('integer', options),
  Number: (options?: NumberOptions): TNumber => schema<TNumber>('number', options),
  Array: <T extends TSchema>(items: T, options?: ArrayOptions): TArray<T> => schema<TArray<T>>('array', options, { items }),
  Object: <T extends TProperties>(properties: T, options?: ObjectOptions): TObject<T> =>
    schema<TObject<T>>('object', options, { required: Object.keys(properties), properties }),
  Unsafe: <T>(options: SchemaOptions): TUnsafe<T> => ({ ...options }) as unknown as TUnsafe<T>
})

function schema<S extends TSchema>(type: string, options: object | undefined, more?: object): S {
  return { ...options, type, ...more } as unknown as S
}
