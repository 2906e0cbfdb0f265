// Room session: a mutation as the client sent it, and how it is put to Postgres again: in plan, in apply, on the
// client's own connection or on a side connection.

import { Buffer } from 'node:buffer'
import type { Phase } from '../engine/conduit.ts'
import { headerSize } from '../wire/frames.ts'
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeParse,
} from '../wire/frontend.ts'

/** What the client wants run. SQL and names are bytes in the client's encoding. */
export type ClientStatement = Sent & {
  /** COPY FROM STDIN: the client's data as a CopyData, and what ends it. */
  readonly copy?: Uint8Array
  /** EXPLAIN: the statement that it explains, which is run in its place in `plan`. */
  readonly explained?: Uint8Array
}

type Sent =
  /** The text of a Query; its rows are described to the client, in text format. */
  | { readonly via: 'query'; readonly sql: Uint8Array }
  /** A Bind of a prepared statement; `bind` is the client's own frame, whole. */
  | {
    readonly via: 'portal'
    readonly prepared: PreparedStatement
    readonly bind: Uint8Array
    /** The name of `prepared` stands for it now; else it has been given away, and the text is parsed anew. */
    readonly current: boolean
  }

/** A Parse of a mutation. */
export interface PreparedStatement {
  /** Empty: the unnamed statement. */
  readonly name: Uint8Array
  readonly sql: Uint8Array
  readonly parameterTypes: readonly number[]
}

/** Name of our statement and portal on the client's connection while a mutation runs; closed afterwards. */
export const runName = 'sluice_run'

export interface EncodeOptions {
  /** The connection is the client's own, where its prepared statements are. */
  readonly own: boolean
  readonly phase: Phase
}

/** The messages that run the statement once. */
export function encodeStatement(statement: ClientStatement, options: EncodeOptions): Uint8Array[] {
  const describe = statement.via === 'query' && options.phase !== 'plan'
  return [
    // with a Query, Postgres forgets the unnamed statement
    ...(statement.via === 'query' && options.own ? [encodeClose('statement', '')] : []),
    ...encodePortal(statement, options),
    ...(describe ? [encodeDescribe('portal', runName)] : []),
    // a mutation runs to its end all the same; the rows of a plan are for nobody
    encodeExecute({ portal: runName, rowsMax: options.phase === 'plan' ? 1 : 0 }),
    ...(statement.copy === undefined ? [] : [statement.copy]),
    encodeClose('portal', runName),
    ...(ownParse(statement, options) ? [encodeClose('statement', runName)] : []),
  ]
}

/** Is the statement parsed anew under our name? */
function ownParse(statement: ClientStatement, { own, phase }: EncodeOptions): boolean {
  if (statement.via === 'query' || !own || !statement.current) return true
  return phase === 'plan' && statement.explained !== undefined
}

function encodePortal(statement: ClientStatement, options: EncodeOptions): Uint8Array[] {
  const explained = options.phase === 'plan' ? statement.explained : undefined
  if (statement.via === 'query') {
    return [
      encodeParse({ name: runName, sql: explained ?? statement.sql }),
      encodeBind({ portal: runName, statement: runName }),
    ]
  }
  const { prepared, bind } = statement
  if (!ownParse(statement, options)) {
    return [rebind(bind, { portal: runName, statement: prepared.name })]
  }
  return encodeAnew({ ...prepared, sql: explained ?? prepared.sql }, bind)
}

/** Parse and Bind of the client's statement under our name. */
export function encodeAnew(
  { sql, parameterTypes }: PreparedStatement,
  bind: Uint8Array,
): [Uint8Array, Uint8Array] {
  return [
    encodeParse({ name: runName, sql, parameterTypes }),
    rebind(bind, { portal: runName, statement: encoder.encode(runName) }),
  ]
}

const encoder = new TextEncoder()

/** The client's Bind with other names; parameters and formats are kept byte for byte. */
export function rebind(
  bind: Uint8Array,
  names: { portal: string; statement: Uint8Array },
): Uint8Array {
  const portalEnd = bind.indexOf(0, headerSize)
  const statementEnd = bind.indexOf(0, portalEnd + 1)
  const portal = encoder.encode(names.portal)
  const rest = bind.subarray(statementEnd + 1)
  const size = headerSize + portal.length + 1 + names.statement.length + 1 + rest.length
  const out = Buffer.alloc(size)
  out[0] = 0x42 // B
  out.writeInt32BE(size - 1, 1)
  out.set(portal, headerSize)
  out.set(names.statement, headerSize + portal.length + 1)
  out.set(rest, size - rest.length)
  return out
}
