/** About the bytes that a plain message takes on the wire, for budgets and figures: as msgpack would lay it, without envelope. */
export function sizeOfMessage(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) && value >= 0 && value < 128 ? 1 : value <= 0xffff_ffff ? 5 : 9
    case 'string':
      return value.length + (value.length < 32 ? 1 : 3)
    case 'object':
      return value === null ? 1 : sizeOfObject(value)
    default:
      return 1
  }
}

function sizeOfObject(value: object): number {
  if (value instanceof Uint8Array) return value.length + 3
  let size = 3
  if (Array.isArray(value)) {
    for (const item of value) size += sizeOfMessage(item)
    return size
  }
  for (const [name, item] of Object.entries(value)) if (name !== 'replyTo') size += 1 + name.length + sizeOfMessage(item)
  return size
}
