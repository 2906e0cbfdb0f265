// Room database: what `\d+` shows of a synced table: the platform's name of every column, and what may be written.

import { rowLimitOf } from '../mutation/limits.ts'
import { type Column, type Operation, operations, type SyncedTable } from '../mutation/table.ts'

/** `LastName (required)`, `CreatedDate (read-only)`: the platform's field, and what is special about writing it. */
export function columnComment({ field, insertable, updatable, required }: Column): string {
  const marks = [...markOf({ insertable, updatable }), ...required ? ['required'] : []]
  return marks.length === 0 ? field : `${field} (${marks.join(', ')})`
}

function markOf({ insertable, updatable }: Pick<Column, 'insertable' | 'updatable'>): string[] {
  if (insertable && updatable) return []
  if (insertable) return ['insert only']
  return [updatable ? 'update only' : 'read-only']
}

/** Platform, object, sync, how many rows a statement may write, and what is refused and why. */
export function tableComment(table: SyncedTable): string {
  const { platform, object, syncId } = table
  const limits = operations.filter((operation) => rowsMaxOf(table, operation) > 0)
    .map((operation) => `${operation.toUpperCase()} ${rowsMaxOf(table, operation)}`)
  return [
    `${platform} object ${object}, sync ${syncId}.`,
    ...limits.length === 0 ? [] : [`Most rows per statement: ${limits.join(', ')}.`],
    ...operations.flatMap((operation) => {
      const refusal = refusalOf(table, operation)
      return refusal === null ? [] : [`${operation.toUpperCase()} is refused: ${refusal}`]
    }),
  ].join(' ')
}

/** Rows per statement; 0 where the operation is refused. */
export function rowsMaxOf(table: SyncedTable, operation: Operation): number {
  return table.refuses?.[operation] === undefined ? rowLimitOf(table, operation) : 0
}

/** Why the operation is refused and what to do instead; null where it is not. */
export function refusalOf(table: SyncedTable, operation: Operation): string | null {
  const refusal = table.refuses?.[operation]
  return refusal === undefined ? null : `${refusal.detail} ${refusal.hint}`
}
