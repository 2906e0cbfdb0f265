// Room database: what Sluice keeps in the customer's Postgres. It promises that no synced table holds a row version that
// the platform did not accept, whoever writes and however, the owner of the tables excepted.

export { type ApplyOptions, applyRows, withoutTwins } from './apply.ts'
export { keepTables } from './catalog.ts'
export {
  attributesMax,
  changeColumns,
  type ColumnStep,
  type PresentColumn,
  readColumns,
} from './columns.ts'
export { asideComment, columnComment, isCommentOf, tableComment } from './comments.ts'
export { noteFilled } from './filled.ts'
export { hasTicketKey, installDatabase, upgradeDatabase } from './install.ts'
export { type CopyRow, encodeCopy } from './copy.ts'
export { keysOf } from './room.ts'
export { parsePlanDetail, type PlanReport } from './plan.ts'
export { notedMinMs, pruneApplied } from './prune.ts'
export { type About, encodeIds, encodeRows, encodeTicketRows } from './rows.ts'
export * from './statements.ts'
export { fencedState } from './syncing.ts'
export { ensureTable, type Made, tableFlaw } from './table.ts'
export { triggerNames } from './triggers.ts'
export { type Release, releaseTables } from './table-release.ts'
export { type Mode, planSeal, ticketMac } from './ticket.ts'
