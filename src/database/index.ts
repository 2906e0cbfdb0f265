// Room database: what Sluice keeps in the customer's Postgres. It promises that no synced table holds a row version that
// the platform did not accept, whoever writes and however, the owner of the tables excepted.

export { type ApplyOptions, applyRows } from './apply.ts'
export { keepTables } from './catalog.ts'
export { noteFilled } from './filled.ts'
export { installDatabase } from './install.ts'
export { keysOf } from './room.ts'
export { parsePlanDetail, type PlanReport } from './plan.ts'
export { notedMinMs, pruneApplied } from './prune.ts'
export { type About, encodeIds, encodeTicketRows } from './rows.ts'
export * from './statements.ts'
export { ensureTable } from './table.ts'
export { type Mode, planSeal, ticketMac } from './ticket.ts'
