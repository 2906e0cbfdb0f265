// Room database: what `\d+` shows of a synced table: the platform's name of every column, and what may be written.

import { rowLimitOf } from '../mutation/limits.ts'
import { type Column, type Operation, operations, type SyncedTable } from '../mutation/table.ts'

/** `LastName (required)`, `CreatedDate (read-only)`: the platform's field, and what is special about writing it. */
export function columnComment(column: Column): string {
  const { field, insertable, updatable, required, label } = column
  const marks = [...markOf({ insertable, updatable }), ...required ? ['required'] : []]
  const named = label === undefined ? field : `${field}, now ${label}`
  return marks.length === 0 ? named : `${named} (${marks.join(', ')})`
}

/** Is it what `columnComment` writes, or `asideComment`, for a column of this field, and no person's? */
export function isCommentOf(comment: string | null, field: string): boolean {
  if (comment === null || !comment.startsWith(field)) return false
  return /^($| \(|, now )/.test(comment.slice(field.length))
}

/** Of a column that stays with its values and is written no more: what it was, and why and since when it is so. */
export function asideComment({ field, why }: { field: string; why: string }): string {
  return `${field} (${why})`
}

function markOf({ insertable, updatable }: Pick<Column, 'insertable' | 'updatable'>): string[] {
  if (insertable && updatable) return []
  if (insertable) return ['insert only']
  return [updatable ? 'update only' : 'read-only']
}

/** Platform, object, sync, how many rows a statement may write, and what is refused and why. */
export function tableComment(table: SyncedTable): string {
  const { platform, object, syncId, label } = table
  const limits = operations.filter((operation) => rowsMaxOf(table, operation) > 0)
    .map((operation) => `${operation.toUpperCase()} ${rowsMaxOf(table, operation)}`)
  return [
    `${platform} object ${object}${label === undefined ? '' : `, now ${label}`}, sync ${syncId}.`,
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
