/** An accepted write, as it was told. */
export interface StoreEvent {
  readonly bucket: string
  /** Text where the key's bytes are UTF-8, else the bytes. */
  readonly key: string | Uint8Array
  readonly op: 'put' | 'delete'
  /** Of a put. */
  readonly contentType: string | undefined
  /** What the writer had seen, and its own write. */
  readonly context: string
  /** All that the event says beside bucket and key, under the names that it travels with. */
  readonly fields: Readonly<Record<string, unknown>>
}

export interface WatchOptions {
  /** Events that may wait for the reader; default 10,000. */
  readonly eventsMax?: number | undefined
  /** Called once events are being received; what happens before is not among them. */
  readonly onReady?: (() => void) | undefined
}

export const watchEventsDefault = 10_000
export const watchEventsMax = 1_000_000

/**
 * An event as the hosts publish it, JSON: `{"bucket","key" or "key_base64","op","content_type","context"}`.
 * @returns undefined where it is none, or of a kind that a later version knows
 */
export function eventOf(data: Uint8Array): StoreEvent | undefined {
  let told: Readonly<Record<string, unknown>>
  try {
    told = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')) as Readonly<
      Record<string, unknown>
    >
  } catch {
    return undefined
  }
  const { bucket, key, key_base64: encoded, ...fields } = told ?? {}
  const { op, content_type: contentType, context } = fields
  if (typeof bucket !== 'string' || (op !== 'put' && op !== 'delete')) return undefined
  const shownKey =
    typeof key === 'string' ? key : typeof encoded === 'string' ? Uint8Array.from(Buffer.from(encoded, 'base64')) : undefined
  if (shownKey === undefined) return undefined
  return {
    bucket,
    key: shownKey,
    op,
    contentType: typeof contentType === 'string' ? contentType : undefined,
    context: typeof context === 'string' ? context : '',
    fields
  }
}
