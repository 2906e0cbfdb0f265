// Room sync: schema drift. A sync's tables follow what the platform describes, while the sync runs: new fields become
// columns, what is gone is kept and marked, what was renamed is followed by its id. Nothing is lost, and no wait is long.

import type postgres from 'postgres'
import { type Deadline, deadlineIn, withDeadline } from '../lib/deadline.ts'
import type { Log } from '../lib/log.ts'
import { requestWaitMs } from '../mutation/limits.ts'
import type { Platform, SyncedTable } from '../mutation/table.ts'
import type { Adapter, Caller } from '../platforms/platform.ts'
import { readSetup, type SetupRecord } from '../store/admin-syncs.ts'
import { type Database, readDatabase } from '../store/databases.ts'
import type { Store } from '../store/store.ts'
import { readSync, type Retired, saveTables, type Sync } from '../store/syncs.ts'
import { type Dial, openDatabase } from './database.ts'
import { type Carried, carryTable, type KnownTable } from './drift-table.ts'
import { chooseFields, describeObjects, nameTables } from './setup-objects.ts'
import { closeWaitSeconds } from './target.ts'

export interface DriftDeps {
  readonly store: Store
  readonly adapterFor: (platform: Platform) => Adapter
  readonly callerFor: (connectionId: string, options: { deadline: Deadline }) => Promise<Caller>
  /** Objects of a platform where all are chosen: what its adapter's `describe` takes. */
  readonly objectsOf: (platform: Platform) => readonly string[]
  /** How the customers' databases are reached; the driver's own way when absent. */
  readonly dial?: Dial
  readonly now: () => number
  readonly log: Log
  /** How long a database may take, in milliseconds: 25 s to connect and look, a minute for a table when absent. */
  readonly waits?: { readonly lookMs: number; readonly tableMs: number }
}

/** What one look has brought. */
export interface Reconciled {
  /** Were tables changed? Then the sync has another version. */
  readonly changed: boolean
  /** Tables that could not be locked now, or that somebody else has changed meanwhile: look again soon. */
  readonly later: readonly string[]
  /** What people should know, by table: for `problem` in sluice.tables. */
  readonly notes: readonly { readonly table: string; readonly note: string }[]
  /** Columns that were added, by table. */
  readonly added: Readonly<Record<string, readonly string[]>>
  /** Tables that are filled anew, and why. */
  readonly refill: Readonly<Record<string, string>>
}

/** A database that says nothing must not keep the schemas of all others. Its statements have limits of their own. */
const usualWaits = { lookMs: 25_000, tableMs: 60_000 }

const nothing: Reconciled = { changed: false, later: [], notes: [], added: {}, refill: {} }

/**
 * Describes the sync's objects anew and brings its tables to it, as the owner of the database. Tables with new columns
 * are asked to be filled again. Running it again does nothing. To be called every few minutes; several may run at once.
 * Throws the Fault of `describe`, `not_found`, `service_unreachable`, and the database's errors; DeadlineExceeded when it says
 * nothing any more. `paused`: also where the sync is paused, which it is too while it is dropped.
 */
export async function reconcile(
  deps: DriftDeps,
  syncId: string,
  { paused = false }: { readonly paused?: boolean } = {},
): Promise<Reconciled> {
  const { store } = deps
  const [setup, sync] = [await readSetup(store, syncId), await readSync(store, syncId)]
  if (sync.version !== setup.version) return { ...nothing, later: namesOf(sync) }
  if (sync.state === 'disabled' && !paused) return nothing
  const database = await readDatabase(store, sync.databaseId)
  const described = await describeAnew(deps, { sync, setup })
  const sql = openDatabase(database.owner ?? database.address, {
    dial: deps.dial,
    name: 'sluice drift',
  })
  try {
    return await carry(deps, { sql, sync, setup, database, ...described })
  } finally {
    await sql.end({ timeout: closeWaitSeconds })
  }
}

interface Anew {
  readonly choices: readonly Choice[]
  /** Tables whose objects are not described any more. */
  readonly notes: Reconciled['notes']
}

type Choice = ReturnType<typeof chooseFields>

/** What is described of what was chosen. */
async function describeAnew(
  deps: DriftDeps,
  { sync, setup: { selection } }: { sync: Sync; setup: SetupRecord },
): Promise<Anew> {
  const { platform, schema } = sync
  const caller = await deps.callerFor(sync.connectionId, {
    deadline: deadlineIn(requestWaitMs, deps.now()),
  })
  const chosen = selection.objects === 'all'
    ? deps.objectsOf(platform)
    : sync.tables.map(({ object }) => object)
  const objects = [...new Set(chosen)]
  const { shapes, missing } = await describeObjects(deps.adapterFor(platform), { objects, caller })
  const choices = shapes.map((shape) =>
    chooseFields(shape, { syncId: sync.id, platform, schema, selection, lenient: true })
  )
  const gone = sync.tables.filter(({ object }) => !shapes.some((shape) => shape.object === object))
  const notes = gone.map(({ name, object }) => {
    const why = missing.find((each) => each.object === object)?.fault.data
    const words = why?.hint ?? why?.detail ?? 'the platform does not describe it any more'
    return { table: name, note: `object ${object} is gone, or may not be seen: ${words}` }
  })
  return { choices, notes }
}

interface Work extends Anew {
  readonly sql: postgres.Sql
  readonly sync: Sync
  readonly setup: SetupRecord
  readonly database: Database
}

async function carry(deps: DriftDeps, work: Work): Promise<Reconciled> {
  const { sql, sync, setup, database, choices } = work
  const { waits = usualWaits } = deps
  const looking = { waitMs: waits.lookMs, what: 'Looking at the schema of a database' }
  const foreign = await withDeadline(relationsOf(sql, sync), looking)
  const tables = nameTables(choices.map(({ table }) => table), { known: sync.tables, foreign })
  const knownOf = ({ object }: SyncedTable): KnownTable | null => {
    const table = sync.tables.find((each) => each.object === object)
    return table === undefined ? null : { table, retired: setup.retired[table.name] ?? [] }
  }
  const carried: Carried[] = []
  const later: string[] = []
  for (const [index, described] of tables.entries()) {
    const options = {
      described,
      known: knownOf(described),
      unchosen: choices[index]?.unchosen ?? new Set(),
    }
    try {
      const role = database.address.user
      const rest = {
        role,
        now: deps.now(),
        always: false,
        check: () => checkUnchanged(deps, setup, sync.id),
      }
      const change = carryTable(sql, { ...options, ...rest })
      carried.push(await withDeadline(change, { waitMs: waits.tableMs, what: 'Changing a table' }))
    } catch (error) {
      if (error instanceof Superseded) return { ...nothing, later: namesOf(sync) }
      if ((error as { code?: unknown }).code !== '55P03') throw error
      later.push(described.name)
    }
  }
  return await save(deps, work, { carried, later })
}

/** The sync is another one than it was: paused, to be dropped perhaps, or with other tables. */
class Superseded extends Error {
  override name = 'Superseded'
}

/**
 * Somebody may have dropped the sync since it was read, or let go of a table: it must not be made again. Whoever drops one
 * changes it first, and lets go of its tables under the lock under which this is asked. Throws Superseded, `not_found`.
 */
async function checkUnchanged(
  { store }: DriftDeps,
  { version }: SetupRecord,
  syncId: string,
): Promise<void> {
  if ((await readSetup(store, syncId)).version !== version) throw new Superseded()
}

/** What stands in the schema and is no table of the sync. */
async function relationsOf(sql: postgres.Sql, { schema, tables }: Sync): Promise<Set<string>> {
  const rows = await sql.unsafe(
    `select c.relname::text as name from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = $1::text`,
    [schema],
  )
  const names = new Set(rows.map((row) => String(row['name'])))
  for (const { name } of tables) names.delete(name)
  return names
}

async function save(
  { store, log }: DriftDeps,
  { sync, setup, notes }: Work,
  { carried, later }: { carried: readonly Carried[]; later: readonly string[] },
): Promise<Reconciled> {
  const told = [
    ...notes,
    ...carried.flatMap(({ table, notes }) => notes.map((note) => ({ table: table.name, note }))),
  ]
  const changed = carried.filter((each) => each.changed)
  if (changed.length === 0) return { ...nothing, later, notes: told }
  const after = new Map(carried.map((each): [string, KnownTable] => [each.table.name, each]))
  const rest = sync.tables.filter(({ name }) => !after.has(name))
  const retired: Record<string, readonly Retired[]> = { ...setup.retired }
  for (const [name, each] of after) retired[name] = each.retired
  const tables = [...[...after.values()].map(({ table }) => table), ...rest]
  const { id, version } = sync
  const added = Object.fromEntries(
    changed.filter((each) => each.added.length > 0).map((each) => [each.table.name, each.added]),
  )
  const refill = Object.fromEntries(
    changed.flatMap(({ table, refill }) => refill === null ? [] : [[table.name, refill]]),
  )
  // what the database has by now is found there the next time
  const saved = await saveTables(store, { id, version, tables, retired, refill })
  if (!saved) return { ...nothing, later: namesOf(sync) }
  log.info('drift.followed', {
    sync: id,
    tables: changed.map(({ table }) => table.name),
    added,
    later,
  })
  return { changed: true, later, notes: told, added, refill }
}

function namesOf({ tables }: Sync): string[] {
  return tables.map(({ name }) => name)
}
