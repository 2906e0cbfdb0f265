// Room lib: W3C Trace Context: which trace a piece of work belongs to, as others tell it and as we tell it on. What is not
// well-formed is as if it had not been told.
// https://www.w3.org/TR/trace-context/#traceparent-header

import { randomBytes } from 'node:crypto'

/** A place in a trace. */
export interface Trace {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 hexadecimal digits, not all zero. */
  readonly spanId: string
  /** Two hexadecimal digits; the last bit says that the trace is recorded. */
  readonly flags: string
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The place that a `traceparent` names; null where it is none. A later version may have more behind it. */
export function parseTraceparent(text: string): Trace | null {
  const [, version, traceId = '', spanId = '', flags = '', more] = form.exec(text) ?? []
  if (version === undefined || version === 'ff') return null
  if (version === '00' && more !== undefined) return null
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null
  return { traceId, spanId, flags }
}

/** A `traceparent`, version 00. Of the flags, only what version 00 knows is passed on. */
export function formatTraceparent({ traceId, spanId, flags }: Trace): string {
  const recorded = (Number.parseInt(flags, 16) & 1) === 1
  return `00-${traceId}-${spanId}-${recorded ? '01' : '00'}`
}

/** A new place in the same trace, below this one. */
export function childOf(
  { traceId, flags }: Trace,
  random: (size: number) => Uint8Array = randomBytes,
): Trace {
  const span = Uint8Array.from(random(8))
  if (span.every((byte) => byte === 0)) span[7] = 1
  const spanId = [...span].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return { traceId, spanId, flags }
}

/** The fields of a log line, by OpenTelemetry's names; none without a trace. */
export function traceFields(trace: Trace | null | undefined): Record<string, string> {
  return trace ? { trace_id: trace.traceId, span_id: trace.spanId } : {}
}
