// Room mutation: faults, of the catalogue. Nothing else reaches a client: what is not a Fault becomes `internal_error` and an
// id in the log.

import { cut } from '../lib/cut.ts'
import { catalogue, type FaultCode } from './catalogue.ts'
import type { Platform } from './table.ts'

export {
  type Blame,
  catalogue,
  type CatalogueEntry,
  type FaultCode,
  type Retry,
} from './catalogue.ts'

/** What a fault says, beyond its place in the catalogue. The names are those of the ErrorResponse fields. */
export interface FaultFields {
  readonly platform?: Platform
  readonly message?: string
  readonly detail?: string
  readonly hint?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  /** The platform's own code. */
  readonly constraint?: string
  /** Position of the row in the statement, from 1. */
  readonly row?: number
}

/** A fault as it travels: JSON between service and listener and in the journal. */
export interface FaultData extends FaultFields {
  readonly code: FaultCode
  readonly sqlstate: string
  readonly message: string
}

/** An error with a place in the catalogue; the only kind whose words a client may read. */
export class Fault extends Error {
  override name = 'Fault'
  readonly data: FaultData

  constructor(data: FaultData, options?: { cause?: unknown }) {
    super(data.message, options)
    this.data = data
  }

  get code(): FaultCode {
    return this.data.code
  }
}

/** The longest code of a platform that is passed on, in characters. */
export const constraintMax = 200
/** The longest message, DETAIL and HINT, in characters. */
export const textMax = 4000

/**
 * The data of a fault: the catalogue's message (or the one given), its SQLSTATE and these fields. What can hold a
 * platform's words is cut: `constraint` at 200 characters; message, DETAIL and HINT at 4,000.
 */
export function faultData(code: FaultCode, fields: FaultFields = {}): FaultData {
  const place = catalogue[code]
  const message = fields.message ??
    place.message.replace('{platform}', fields.platform ?? 'the platform')
  return {
    ...bounded(fields),
    code,
    sqlstate: place.sqlstate,
    message: cut(message, textMax),
  }
}

function bounded(fields: FaultFields): FaultFields {
  const { constraint, detail, hint } = fields
  return {
    ...fields,
    ...(constraint === undefined ? {} : { constraint: cut(constraint, constraintMax) }),
    ...(detail === undefined ? {} : { detail: cut(detail, textMax) }),
    ...(hint === undefined ? {} : { hint: cut(hint, textMax) }),
  }
}

/** An error to throw. */
export function fault(
  code: FaultCode,
  fields: FaultFields = {},
  options?: { cause?: unknown },
): Fault {
  return new Fault(faultData(code, fields), options)
}

/** Is this JSON value the data of a fault that we know? For what comes over HTTP or out of the journal. */
export function isFaultData(value: unknown): value is FaultData {
  if (typeof value !== 'object' || value === null) return false
  const { code, sqlstate, message } = value as Record<string, unknown>
  return typeof code === 'string' && Object.hasOwn(catalogue, code) &&
    typeof sqlstate === 'string' && typeof message === 'string'
}
