import { InvalidArgumentError, Option } from 'commander'

const scales: Readonly<Record<string, number>> = Object.freeze({
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40
})

export type QuantityUnit = 'count' | 'bytes' | 'network' | 'share'

const examples: Readonly<Record<QuantityUnit, string>> = Object.freeze({
  count: '250000, 250k or 10M',
  bytes: '16GB or 512MiB',
  network: '1Gbit (a second) or 125MB',
  share: '0.3 or 30%'
})

/**
 * A number with its scale, as people write it: `10M`, `16GB`, `512MiB`, `1Gbit`, `30%`.
 * @returns a count, bytes, bytes a second, or a share
 * @throws {InvalidArgumentError} says how to write it
 */
export function quantityOf(text: string, unit: QuantityUnit): number {
  const [, digits, rest] = /^([0-9]{1,18}(?:\.[0-9]{1,9})?)([A-Za-z%]{0,5})$/.exec(text.trim()) ?? []
  const value = digits === undefined || rest === undefined ? undefined : scaled(Number(digits), rest, unit)
  if (value === undefined) throw new InvalidArgumentError(`Write it as ${examples[unit]}.`)
  return value
}

function scaled(value: number, rest: string, unit: QuantityUnit): number | undefined {
  if (unit === 'share') return rest === '' ? value : rest === '%' ? value / 100 : undefined
  const suffix = unit === 'count' ? '' : unit === 'network' && rest.endsWith('bit') ? 'bit' : rest.endsWith('B') ? 'B' : ''
  const scale = scales[rest.slice(0, rest.length - suffix.length)]
  if (scale === undefined) return undefined
  return (value * scale) / (suffix === 'bit' ? 8 : 1)
}

/** An option that takes a quantity within bounds. */
export function quantityOption(flags: string, description: string, unit: QuantityUnit, least: number, most: number): Option {
  return new Option(flags, description).argParser(text => {
    const value = quantityOf(text, unit)
    if (!(value >= least && value <= most)) throw new InvalidArgumentError(`Allowed is ${least} to ${most}.`)
    return value
  })
}
