// Room wire: a fault as an ErrorResponse.

import { encodeErrorResponse } from './backend.ts'

/** What an ErrorResponse says. Structural, because this room knows no faults. */
export interface FaultLike {
  readonly sqlstate: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly constraint?: string
}

/**
 * An ErrorResponse, in UTF-8. FATAL where the connection ends with it.
 * https://www.postgresql.org/docs/current/protocol-error-fields.html
 */
export function encodeFault(data: FaultLike, severity: 'ERROR' | 'FATAL' = 'ERROR'): Uint8Array {
  const fields: [string, string | undefined][] = [
    ['S', severity],
    ['V', severity],
    ['C', data.sqlstate],
    ['M', data.message],
    ['D', data.detail],
    ['H', data.hint],
    ['s', data.schema],
    ['t', data.table],
    ['c', data.column],
    ['n', data.constraint],
  ]
  return encodeErrorResponse(
    // platforms may put anything into a message, but a NUL would end the field
    fields.flatMap(([letter, text]) =>
      text === undefined ? [] : [[letter, text.replaceAll('\0', '\uFFFD')] as const]
    ),
  )
}
