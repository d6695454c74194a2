import fc from 'fast-check'
import t from 'tap'
import { IdTable } from '../../runtime/id-table.ts'

type Step = { readonly kind: 'set' | 'delete' | 'get'; readonly id: number } | { readonly kind: 'clear' }

/** Ids that meet in one place, follow each other, and lie beyond 32 bits. */
const id = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 40 }).map(number => number * 64),
  fc.integer({ min: 0, max: 8 }).map(number => 2 ** 32 * number + 5),
  fc.integer({ min: Number.MAX_SAFE_INTEGER - 20, max: Number.MAX_SAFE_INTEGER })
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('set' as const, 'delete' as const, 'get' as const), id }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) }
)

t.test('id table: any steps → as a Map does', t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), steps => {
      const table = new IdTable<{ readonly of: number }>()
      const model = new Map<number, { readonly of: number }>()
      for (const each of steps) {
        if (each.kind === 'clear') {
          table.clear()
          model.clear()
        } else if (each.kind === 'set') {
          const value = { of: each.id }
          table.set(each.id, value)
          model.set(each.id, value)
        } else if (each.kind === 'delete') {
          if (table.delete(each.id) !== model.delete(each.id)) return false
        } else if (table.get(each.id) !== model.get(each.id) || table.has(each.id) !== model.has(each.id)) return false
        if (table.size !== model.size) return false
      }
      const values = new Set(table.values())
      if (values.size !== model.size) return false
      for (const [key, value] of model) if (table.get(key) !== value || !values.has(value)) return false
      return true
    })
  )
  t.end()
})

t.test('id table: 100,000 ids come and go, at most 500 at a time, in and out of order → each is found until it goes', t => {
  const table = new IdTable<{ readonly of: number }>()
  for (let number = 0; number < 100_000; number++) {
    table.set(number, { of: number })
    // most go in order, every seventh stays three times as long
    if ((number - 166) % 7 !== 0) table.delete(number - 166)
    if ((number - 498) % 7 === 0) table.delete(number - 498)
    if (table.size > 500) throw new Error(`${table.size} are left at ${number}`)
    if (table.get(number)?.of !== number) throw new Error(`${number} is not found`)
  }
  t.equal(table.size, table.values().length)
  t.end()
})
