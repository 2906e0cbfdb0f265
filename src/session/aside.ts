// Room session: what a mutation needs on the side connection, and what it cannot have there.

import { DatabaseError } from '../engine/conduit.ts'
import { quoteIdent } from '../lib/quote.ts'
import { type Fault, fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { textKey } from '../wire/text.ts'
import { queryLink } from './conduit.ts'
import { carryCustom } from './custom.ts'
import { clientEncoding, isUtf8 } from './encoding.ts'
import type { Link } from './link.ts'
import { findRelation, type SessionSettings } from './side.ts'
import type { ClientStatement } from './statement.ts'

/** A statement that is to run on the side connection. */
export interface AsideRequest {
  readonly table: SyncedTable
  readonly statement: ClientStatement
  readonly prepare: string | null
}

/** Makes the side connection ready for the statement. Throws `form_not_supported`. */
export async function furnish(
  { link, aside }: { link: Link; aside: Link },
  request: AsideRequest,
  { temporary }: SessionSettings,
): Promise<void> {
  await carryCustom(link, aside, { sql: textOf(request) })
  await refuseHidden(aside, request, temporary)
  if (request.prepare !== null) await queryLink(aside, prepareText(link, request.prepare))
}

/** Our own messages are UTF-8: text beyond ASCII would reach a connection in another encoding as something else. */
function prepareText(link: Link, text: string): string {
  const encoding = clientEncoding(link)
  if (isUtf8(encoding) || !/[^\x00-\x7f]/.test(text)) return text
  throw fault('form_not_supported', {
    message: `EXECUTE inside a transaction block is not supported in client_encoding ${encoding}`,
    detail: 'The text of the PREPARE holds characters outside ASCII.',
    hint: 'Send the statement itself, or set client_encoding to UTF8.',
  })
}

/**
 * A temporary table is not there on another connection. Where its name stands for another table there, the statement
 * would read or write that one: such a statement is refused.
 */
async function refuseHidden(
  aside: Link,
  request: AsideRequest,
  temporary: readonly string[],
): Promise<void> {
  const hidden = await findRelation(aside, named(request, temporary))
  if (hidden !== null) throw hiddenFault(hidden, { table: request.table, another: true })
}

const undefinedTable = '42P01'

/** The error with which the statement failed; a way round where it misses what only the client's transaction has. */
export async function explainMissing(
  error: unknown,
  { link, request, temporary }: {
    link: Link
    request: AsideRequest
    temporary: readonly string[]
  },
): Promise<unknown> {
  const missing = error instanceof DatabaseError && error.own && error.sqlstate === undefinedTable
  if (!missing) return error
  const hidden = named(request, temporary).find((name) => error.message.includes(name))
  if (hidden !== undefined) return hiddenFault(hidden, { table: request.table })
  const made = await madeHere(link, error.message)
  return made === null ? error : madeFault(made, request.table)
}

/** The relation of which Postgres says that it does not exist, where it does for the client; else null. */
async function madeHere(link: Link, message: string): Promise<string | null> {
  const [, name] = /"([^"]+)"/.exec(message) ?? []
  if (name === undefined || link.closed || link.tracker.failed) return null
  const parts = name.split('.').map(quoteIdent).join('.')
  const rows = await queryLink(link, 'select pg_catalog.to_regclass($1)::text', [parts])
  return rows[0]?.[0] ?? null
}

function madeFault(name: string, { schema, name: table }: SyncedTable): Fault {
  return fault('form_not_supported', {
    message:
      `"${name}" cannot be seen by a mutation before the transaction that makes it has ended`,
    detail:
      'A mutation runs outside the transaction, on a connection of its own. Nothing was sent.',
    hint: 'Commit first, and send the mutation in a statement of its own.',
    schema,
    table,
  })
}

/** So many characters are searched for names at most, all names together: that takes about a millisecond. */
const searchedMax = 4_000_000

/** Those of the names that the statement mentions; all of them where it is too long to be searched for so many. */
function named(request: AsideRequest, names: readonly string[]): readonly string[] {
  if (names.length === 0) return []
  const text = textOf(request).toLowerCase()
  if (text.length * names.length > searchedMax) return names
  return names.filter((name) => text.includes(textKey(encoder.encode(name.toLowerCase()))))
}

function hiddenFault(
  hidden: string,
  { table, another = false }: { table: SyncedTable; another?: boolean },
): Fault {
  const there = another ? `where "${hidden}" is another table` : `where "${hidden}" does not exist`
  return fault('form_not_supported', {
    message: `temporary table "${hidden}" cannot be seen by a mutation inside a transaction block`,
    detail: `A mutation runs on a connection of its own there, ${there}. Nothing was sent.`,
    hint: another
      ? 'Send it outside a transaction block, or give the temporary table another name.'
      : 'Send it outside a transaction block, or use an ordinary table.',
    schema: table.schema,
    table: table.name,
  })
}

const encoder = new TextEncoder()

/** All SQL of the client's that will run, bytes as Latin-1. */
function textOf({ statement, prepare }: AsideRequest): string {
  const sql = statement.via === 'query' ? statement.sql : statement.prepared.sql
  return `${textKey(sql)} ${textKey(encoder.encode(prepare ?? ''))}`
}

/** The client's own transaction holds what the mutation waits for. */
export function ownLock(table: SyncedTable): Fault {
  return fault('lock_not_available', {
    detail:
      `A mutation runs outside your transaction block, and the block holds a lock on rows of ` +
      `${table.schema}.${table.name}, or on rows they refer to. Nothing was sent.`,
    hint: 'Commit or roll back first, then send the statement again.',
    schema: table.schema,
    table: table.name,
  })
}
