// Room sync: one table brought to what its platform describes.

import { isDeepStrictEqual } from 'node:util'
import type postgres from 'postgres'
import { attributesMax, changeColumns, type Made, readColumns } from '../database/index.ts'
import { type SyncedTable, type TableTraits, traitsOf } from '../mutation/table.ts'
import type { Retired } from '../store/syncs.ts'
import { holds } from './drift-types.ts'
import { type DriftPlan, planDrift } from './drift-plan.ts'

/** A table as the store has it. */
export interface KnownTable {
  readonly table: SyncedTable
  readonly retired: readonly Retired[]
}

export interface Carrying {
  /** As described, under the name that the table has or will have. */
  readonly described: SyncedTable
  /** Null: the store does not have it yet. */
  readonly known: KnownTable | null
  /** Fields that the platform has and nobody has chosen. */
  readonly unchosen: ReadonlySet<string>
  /** The role that listeners log in with. */
  readonly role: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** For a lock, in milliseconds; a second when absent. */
  readonly lockWaitMs?: number
  /** Called when nobody else can change anything in the database any more: where it throws nothing is changed. */
  readonly check?: () => Promise<void>
  /** Look at the table in the database even where the description is what it was. */
  readonly always: boolean
}

export interface Carried extends KnownTable {
  /** Is it another table than the store has? */
  readonly changed: boolean
  /** Columns that came, or came back, or have other values now: a pass fills them. */
  readonly added: readonly string[]
  /** Why a pass has to fill the table anew; null: nothing was made that one has to fill. */
  readonly refill: string | null
  readonly notes: readonly string[]
}

/**
 * Makes the table what is described: columns come, are set aside or left (see drift-plan.ts), comments and traits follow.
 * Errors: those of ensureTable; 55P03 where the table cannot be locked now.
 */
export async function carryTable(sql: postgres.Sql, carrying: Carrying): Promise<Carried> {
  const { described, known, unchosen, role, now, lockWaitMs, check } = carrying
  const there = await readColumns(sql, described)
  const plan = planDrift({
    platform: described.platform,
    known: known?.table.columns ?? [],
    retired: known?.retired ?? [],
    described: described.columns,
    unchosen,
    present: there?.columns ?? null,
    attributes: there?.attributes ?? 0,
    today: new Date(now).toISOString().slice(0, 10),
  })
  const table = tableOf(described, plan)
  const changed = known === null || plan.steps.length > 0 || !isSame(known.table, table) ||
    isDropped(plan, there)
  if (!changed && !carrying.always) return unchanged(known, { plan, now })
  const { aside, made } = await changeColumns(sql, table, {
    steps: plan.steps,
    role,
    lockWaitMs,
    check,
  })
  const retired = plan.retired.filter((each) =>
    known?.retired.includes(each) || isKept(plan, each, aside)
  )
  const added = known === null
    ? []
    : plan.added.filter((name) => isNew(plan, { name, known, aside }))
  return {
    table,
    changed,
    retired,
    added,
    refill: known === null ? null : refillOf(made, added),
    notes: [...plan.notes, ...notesOf({ table, retired }, now)],
  }
}

function unchanged(known: KnownTable, { plan, now }: { plan: DriftPlan; now: number }): Carried {
  const notes = [...plan.notes, ...notesOf(known, now)]
  return { ...known, changed: false, added: [], refill: null, notes }
}

/**
 * The description is what it was, and somebody has dropped columns of the table, without which nothing can be written. A
 * table that is gone is not made anew by itself: whoever has renamed it may be about to give it its name back.
 */
function isDropped(
  { added }: DriftPlan,
  there: { readonly attributes: number } | null,
): boolean {
  return there !== null && added.length > 0 && there.attributes + added.length <= attributesMax
}

/** Why a table in which this was made has to be filled anew; null: it has not. `added`: columns that came, or came back. */
export function refillOf(made: Made, added: readonly string[] = []): string | null {
  if (made?.kind === 'table') return 'the table was made anew'
  const columns = [...new Set([...added, ...made?.columns ?? []])]
  if (columns.length > 0) return `new columns: ${columns.join(', ')}`
  // what was written meanwhile did not go to the platform
  return made?.triggers === true ? 'its triggers were put back' : null
}

/** The traits name columns as they are described; the table may have other names for them. */
function tableOf(described: SyncedTable, { columns }: DriftPlan): SyncedTable {
  const names = new Map(columns.map((column) => [column.label ?? column.name, column.name]))
  const { keyColumns, ...traits } = traitsOf(described)
  const keys: TableTraits = keyColumns === undefined
    ? {}
    : { keyColumns: keyColumns.map((name) => names.get(name) ?? name) }
  const { syncId, platform, schema, name, object } = described
  return { syncId, platform, schema, name, object, columns, ...traits, ...keys }
}

/** What JSON keeps of them: the store has no more. */
function isSame(one: SyncedTable, other: SyncedTable): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(other)))
}

/** A column that could change its type in place was not set aside. */
function isKept({ steps }: DriftPlan, each: Retired, aside: ReadonlySet<string>): boolean {
  if (each.why !== 'retyped') return true
  return steps.some((step) =>
    step.kind === 'retype' && step.aside === each.name && aside.has(step.name)
  )
}

/** A column that only holds more than before has the values that it had. */
function isNew(
  { steps }: DriftPlan,
  { name, known, aside }: { name: string; known: KnownTable; aside: ReadonlySet<string> },
): boolean {
  const step = steps.find((each) => each.kind === 'retype' && each.name === name)
  if (step?.kind !== 'retype' || aside.has(name)) return true
  const before = known.table.columns.find((column) => column.name === name)
  return before === undefined || !holds(step.type, before.type)
}

/** For so long people are told that a column has taken another's place, in milliseconds. */
const toldMs = 7 * 24 * 60 * 60_000

function notesOf({ table, retired }: KnownTable, now: number): string[] {
  return retired.flatMap(({ name, field, why, on }) => {
    const column = table.columns.find((each) => each.field === field)
    if (why !== 'retyped' || column === undefined || Date.parse(on) < now - toldMs) return []
    return [
      `column "${column.name}" is ${column.type} now; what it was stays in column "${name}", ` +
      'and so do the views and indexes made on it',
    ]
  })
}
