// Room sync: tables that come to a sync, or leave it, while it runs.

import { releaseTables } from '../database/index.ts'
import { fault } from '../mutation/fault.ts'
import type { SyncedTable } from '../mutation/table.ts'
import { readSetup, type SetupRecord } from '../store/admin-syncs.ts'
import { readConnection } from '../store/connections.ts'
import { readSync, type Retired, saveTables, type Selection, type Sync } from '../store/syncs.ts'
import { type Finding, isFailed } from './checks.ts'
import { checkTables } from './checks-database.ts'
import { checkPlatform } from './checks-platform.ts'
import { type Carried, carryTable } from './drift-table.ts'
import { ownedDatabase } from './setup-create.ts'
import { nameTables } from './setup-objects.ts'
import { type AdminDeps, asFault, onDatabase } from './setup-request.ts'

export interface TablesDone {
  readonly findings: readonly Finding[]
  /** Names of the tables; none where a finding fails, or in a dry run. */
  readonly tables: readonly string[]
}

/** The sync with what it was asked for, of one version. Throws `not_found`; `bad_request` when it is being changed. */
export async function readWhole(
  { store }: Pick<AdminDeps, 'store'>,
  id: string,
): Promise<{ sync: Sync; setup: SetupRecord }> {
  for (let tries = 0; tries < 3; tries++) {
    const [setup, sync] = [await readSetup(store, id), await readSync(store, id)]
    if (setup.version === sync.version) return { sync, setup }
  }
  throw changing(id)
}

function changing(id: string): Error {
  return fault('bad_request', {
    message: `sync "${id}" is being changed`,
    hint: 'Try again in a moment.',
  })
}

/**
 * Adds tables of these objects; they are filled by and by. Checks first, as when a sync is set up. Throws `not_found`,
 * `bad_request`, and what database and store say.
 */
export async function addTables(
  deps: AdminDeps,
  { syncId, objects, fields = {}, dryRun = false }: {
    syncId: string
    objects: readonly string[]
    fields?: Readonly<Record<string, readonly string[]>>
    dryRun?: boolean
  },
): Promise<TablesDone> {
  const { sync, setup } = await readWhole(deps, syncId)
  const connection = await readConnection(deps.store, sync.connectionId)
  const asked: Selection = { objects, fields }
  const { schema } = sync
  const platform = await checkPlatform(deps, { connection, syncId, schema, selection: asked })
  const fresh = platform.tables.filter(({ object }) =>
    !sync.tables.some((table) => table.object === object)
  )
  const named = nameTables(fresh, { known: sync.tables, foreign: new Set() })
  const database = await ownedDatabase(deps, sync.databaseId)
  try {
    return await onDatabase(deps, database.owner, async (sql) => {
      const look = { installed: true, settled: true }
      const findings = [...platform.findings, ...await checkTables(sql, named, look)]
      if (dryRun || isFailed(findings)) return { findings, tables: [] }
      const carried: Carried[] = []
      for (const described of named) {
        const known = { known: null, unchosen: new Set<string>(), always: true }
        const role = database.address.user
        carried.push(await carryTable(sql, { described, ...known, role, now: deps.now() }))
      }
      await keep(deps, { sync, setup, carried, selection: widened(sync, setup.selection, asked) })
      return { findings, tables: carried.map(({ table }) => table.name) }
    })
  } catch (error) {
    throw asFault(error)
  }
}

function widened(
  sync: Sync,
  before: Selection,
  { objects = [], fields = {} }: Selection,
): Selection {
  const had = before.objects ?? sync.tables.map(({ object }) => object)
  const all = had === 'all' || objects === 'all'
    ? 'all' as const
    : [...new Set([...had, ...objects])]
  return { objects: all, fields: { ...before.fields, ...fields } }
}

async function keep(
  { store }: AdminDeps,
  { sync, setup, carried, selection }: {
    sync: Sync
    setup: SetupRecord
    carried: readonly Carried[]
    selection: Selection
  },
): Promise<void> {
  const tables = [...sync.tables, ...carried.map(({ table }) => table)]
  const { id, version } = sync
  if (!await saveTables(store, { id, version, tables, retired: setup.retired, selection })) {
    throw changing(id)
  }
}

/**
 * Takes a table out of a sync: mutations of it are refused at once, then the table becomes a plain one, or goes. Running
 * it again after it failed goes on. Throws `not_found`, `bad_request`, and what database and store say.
 */
export async function removeTable(
  deps: AdminDeps,
  { syncId, table: name, tables }: { syncId: string; table: string; tables: 'keep' | 'remove' },
): Promise<readonly string[]> {
  const { sync, setup } = await readWhole(deps, syncId)
  const table = sync.tables.find((each) => each.name === name || each.object === name)
  const database = await ownedDatabase(deps, sync.databaseId)
  if (table !== undefined) await leaveOut(deps, { sync, setup, table })
  try {
    const released = await onDatabase(deps, database.owner, (sql) =>
      releaseTables(sql, {
        syncId,
        schema: sync.schema,
        names: [table?.name ?? name],
        tables,
        role: database.address.user,
        today: new Date(deps.now()).toISOString().slice(0, 10),
      }))
    if (released.length > 0 || table !== undefined) return released
  } catch (error) {
    throw asFault(error)
  }
  throw fault('not_found', { message: `sync "${syncId}" has no table "${name}"` })
}

async function leaveOut(
  { store, objectsOf }: AdminDeps,
  { sync, setup, table }: { sync: Sync; setup: SetupRecord; table: SyncedTable },
): Promise<void> {
  const tables = sync.tables.filter((each) => each !== table)
  const { selection } = setup
  // of a platform whose objects are not listed, `all` would bring it back
  const had = selection.objects === 'all'
    ? [...objectsOf(sync.platform), ...sync.tables.map(({ object }) => object)]
    : selection.objects ?? sync.tables.map(({ object }) => object)
  const gone = new Set([table.object, table.name, '*'])
  const objects = [...new Set([...had, ...tables.map(({ object }) => object)])].filter((object) =>
    !gone.has(object)
  )
  const { [table.object]: _one, [table.name]: _other, ...fields } = selection.fields ?? {}
  const retired: Record<string, readonly Retired[]> = { ...setup.retired }
  delete retired[table.name]
  const { id, version } = sync
  if (!await saveTables(store, { id, version, tables, retired, selection: { objects, fields } })) {
    throw changing(id)
  }
}
