// Room engine: what Postgres says of a plan, where the way out is not in its words.

import { ourIndexSql } from '../database/index.ts'
import { type Conduit, DatabaseError } from './conduit.ts'
import type { EngineRequest } from './deps.ts'
import { unguarded } from './guard.ts'
import { control } from './steps.ts'
import { explainUpsert } from './upsert.ts'

const uniqueViolation = '23505'

/** The error to throw for what failed in a plan; the conduit is outside a transaction by now. Never throws itself. */
export async function explainPlan(
  conduit: Conduit,
  error: unknown,
  request: Pick<EngineRequest, 'upsert' | 'table' | 'setColumns'>,
): Promise<unknown> {
  const unseen = unguarded(error, request.table)
  if (unseen !== null) return unseen
  if (!(error instanceof DatabaseError && error.own && error.sqlstate === uniqueViolation)) {
    return explainUpsert(error, request)
  }
  const column = await columnOf(conduit, error)
  if (column === null) return error
  const { platform } = request.table
  const upsert = request.setColumns === null
    ? `an INSERT with ON CONFLICT ("${column}") DO UPDATE goes by what ${platform} has; else `
    : ''
  return error.with({
    hint:
      `Another row has the value. If no record at ${platform} has it any more, the table is behind: ${upsert}` +
      'try again when the row that has it has been read again. Nothing was sent.',
  })
}

/** The column of which the index is, where Sluice has made it; null also where that cannot be asked. */
async function columnOf(conduit: Conduit, { constraint }: DatabaseError): Promise<string | null> {
  if (constraint === undefined) return null
  try {
    const [result] = await conduit.run([
      control(ourIndexSql, [constraint.schema, constraint.name]),
    ])
    return result?.rows[0]?.[0] ?? null
  } catch {
    return null
  }
}
