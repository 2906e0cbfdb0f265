// Room sync: changing which objects and fields a sync has.

import { isDeepStrictEqual } from 'node:util'
import { fault } from '../mutation/fault.ts'
import type { SetupRecord } from '../store/admin-syncs.ts'
import { saveTables, type Selection, type Sync } from '../store/syncs.ts'
import { type Finding, isFailed } from './checks.ts'
import { reconcile } from './drift.ts'
import { describeObjects } from './setup-objects.ts'
import { type AdminDeps, callerOf } from './setup-request.ts'
import { addTables, readWhole } from './setup-tables.ts'

export interface SelectionChange {
  readonly differs: boolean
  /** What comes, after what is changed. */
  readonly words: string
  /** Objects that become tables. */
  readonly fresh: readonly string[]
}

/** What another selection would change. */
export function selectionChange(
  deps: Pick<AdminDeps, 'objectsOf'>,
  { sync, setup, selection }: { sync: Sync; setup: SetupRecord; selection: Selection },
): SelectionChange {
  const { objects = 'all', fields = {} } = selection
  const differs = !isDeepStrictEqual(
    { objects, fields },
    { objects: setup.selection.objects, fields: setup.selection.fields ?? {} },
  )
  if (!differs) return { differs, words: '', fresh: [] }
  const fresh = freshOf(deps, { sync, objects })
  const words = fresh.length === 0 ? '' : `: ${fresh.join(', ')}`
  return { differs, words, fresh }
}

/** Objects that are no table yet, as far as their names tell. */
function freshOf(
  { objectsOf }: Pick<AdminDeps, 'objectsOf'>,
  { sync, objects }: { sync: Sync; objects: readonly string[] | 'all' },
): readonly string[] {
  const wanted = objects === 'all' ? objectsOf(sync.platform) : objects
  return wanted.filter((object) =>
    !sync.tables.some((table) => table.object === object || table.name === object)
  )
}

/**
 * Tables whose objects are not chosen. An object may be named as the platform names it in any way, or by its table; what
 * is not known by its name is asked for. Throws the Fault of `describe`.
 */
export async function surplusOf(
  deps: AdminDeps,
  { sync, objects }: { sync: Sync; objects: readonly string[] | 'all' },
): Promise<readonly string[]> {
  if (objects === 'all') return []
  const named = ({ object, name }: Sync['tables'][number]) =>
    objects.includes(object) || objects.includes(name)
  const rest = sync.tables.filter((table) => !named(table))
  if (rest.length === 0) return []
  const caller = await callerOf(deps, sync.connectionId)
  const { shapes } = await describeObjects(deps.adapterFor(sync.platform), { objects, caller })
  return rest.filter(({ object }) => !shapes.some((shape) => shape.object === object))
    .map(({ name }) => name)
}

/**
 * Changes the selection: tables of new objects are added, columns follow the fields. Tables whose objects are no longer
 * chosen stay until `removeTable`. Gives what was found; where a finding fails nothing was changed. Throws as `addTables`.
 */
export async function changeSelection(
  deps: AdminDeps,
  { syncId, selection }: { syncId: string; selection: Selection },
): Promise<readonly Finding[]> {
  const { objects = 'all', fields = {} } = selection
  const { sync, setup } = await readWhole(deps, syncId)
  const fresh = freshOf(deps, { sync, objects })
  const added = fresh.length === 0
    ? { findings: [] }
    : await addTables(deps, { syncId, objects: fresh, fields: pick(fields, fresh) })
  if (isFailed(added.findings)) return added.findings
  await keepSelection(deps, syncId, { objects, fields })
  if (!isDeepStrictEqual(fields, setup.selection.fields ?? {}) || objects === 'all') {
    await reconcile(deps, syncId, { paused: true })
  }
  return added.findings
}

/** The fields of these objects. */
export function pick(fields: NonNullable<Selection['fields']>, objects: readonly string[]) {
  return Object.fromEntries(Object.entries(fields).filter(([object]) => objects.includes(object)))
}

async function keepSelection(deps: AdminDeps, syncId: string, selection: Selection): Promise<void> {
  const { sync, setup } = await readWhole(deps, syncId)
  const { id, version, tables } = sync
  if (await saveTables(deps.store, { id, version, tables, retired: setup.retired, selection })) {
    return
  }
  throw fault('bad_request', {
    message: `sync "${id}" is being changed`,
    hint: 'Try again in a moment.',
  })
}
