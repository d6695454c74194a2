import { type Context, context, ROOT_CONTEXT, type Span, type SpanContext, trace, TraceFlags } from '@opentelemetry/api'
import type { Random } from './random.ts'

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** @see https://www.w3.org/TR/trace-context/#traceparent-header @returns undefined where it is none; it is ignored then */
export function parseTraceparent(text: string): SpanContext | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, version, traceId, spanId, flags, more] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string | undefined
  ]
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
}

export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** The beginning of a trace, or a step below `parent`. */
export function newSpanContext(random: Random, parent?: SpanContext): SpanContext {
  return {
    traceId: parent?.traceId ?? hex(random, 4),
    spanId: hex(random, 2),
    traceFlags: parent?.traceFlags ?? TraceFlags.SAMPLED
  }
}

/**
 * A span below the one that `traceparent` names, by whichever SDK the process has registered; without one it costs
 * next to nothing and records nothing.
 */
export function startSpan(name: string, traceparent: string | undefined): Span {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent)
  const above: Context = parent === undefined ? context.active() : trace.setSpanContext(ROOT_CONTEXT, parent)
  return trace.getTracer('carillon').startSpan(name, {}, above)
}

function hex(random: Random, words: number): string {
  let text = ''
  for (let i = 0; i < words; i += 1) text += random.below(0x1_0000_0000).toString(16).padStart(8, '0')
  // All zeros would mean 'none'.
  return /^0+$/.test(text) ? `${text.slice(1)}1` : text
}
