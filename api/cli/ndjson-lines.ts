/** One line of a stream; `bytes` is undefined where it was over the bound, and skipped without being kept. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly bytes: Buffer | undefined
}

const newline = 0x0a
const carriageReturn = 0x0d

/**
 * The lines of a stream of bytes, one at a time, whatever the chunks; the last one needs no newline. Empty lines are left out, but counted.
 * @param lineBytesMax a longer line is given out as over the bound, once, and never held
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, lineBytesMax: number): AsyncGenerator<Line> {
  let number = 1
  let parts: Buffer[] = []
  let held = 0
  let isSkipping = false

  const line = (last: Buffer): Line | undefined => {
    const wasSkipped = isSkipping || held + last.length > lineBytesMax
    const bytes = wasSkipped ? undefined : parts.length === 0 ? last : Buffer.concat([...parts, last], held + last.length)
    parts = []
    held = 0
    isSkipping = false
    const given = { number, bytes }
    number += 1
    return bytes !== undefined && isBlank(bytes) ? undefined : given
  }

  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      const given = line(bytes.subarray(start, end))
      start = end + 1
      if (given !== undefined) yield given
    }
    const rest = bytes.subarray(start)
    if (isSkipping || rest.length === 0) continue
    held += rest.length
    if (held > lineBytesMax) {
      parts = []
      isSkipping = true
    } else {
      parts.push(rest)
    }
  }
  if (held > 0 || isSkipping) {
    const given = line(Buffer.alloc(0))
    if (given !== undefined) yield given
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes.length === 1 && bytes[0] === carriageReturn)
}
