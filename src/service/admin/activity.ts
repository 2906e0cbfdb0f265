// Room service: one mutation as an administrator sees it: its rows before and after, and what was sent.

import { Fault, type FaultData } from '../../mutation/fault.ts'
import type { PlannedRow, Values } from '../../mutation/mutation.ts'
import type { Operation } from '../../mutation/table.ts'
import {
  type ActivityEntry,
  type Earlier,
  readActivity,
  readEarlier,
} from '../../store/activity.ts'
import { readSync } from '../../store/syncs.ts'
import type { InsightDeps } from './insight.ts'
import type { ActivityEntryAnswer, Change } from './insight-schemas.ts'
import { shownText, shownValue } from './redact.ts'

type Deps = Pick<InsightDeps, 'store' | 'adapterFor'>

/** Rows shown of one mutation. */
const changesMax = 200

/** Null: there is no such mutation. Throws `service_unreachable`. */
export async function entryOf(deps: Deps, id: string): Promise<ActivityEntryAnswer | null> {
  const entry = await readActivity(deps.store, id)
  if (entry === null) return null
  const rows = entry.request.rows.slice(0, changesMax)
  const ids = rows.flatMap((row) => row.id === null ? [] : [row.id])
  const earlier = new Map(
    (await readEarlier(deps.store, { entry, ids })).map((each) => [each.id, each]),
  )
  const { request, outcome: _, ...activity } = entry
  return {
    ...activity,
    upsertBy: request.upsertBy ?? null,
    changes: rows.map((row) => changeOf(entry, row, earlier.get(row.id ?? '') ?? null)),
    sends: await sendsOf(deps, entry),
  }
}

function changeOf(entry: ActivityEntry, row: PlannedRow, earlier: Earlier | null): Change {
  const { ordinal, id, values: sent } = row
  const written = writtenOf(entry, ordinal)
  const other = entry.outcome !== null && 'others' in entry.outcome
    ? entry.outcome.others.find((each) => each.ordinal === ordinal)
    : undefined
  const before = earlier?.values ?? null
  const after = written?.values ?? null
  return {
    ordinal,
    id: written?.id ?? id,
    state: written !== null ? 'written' : stateOf(entry, other?.state),
    fault: other !== undefined && 'fault' in other ? told(other.fault) : null,
    earlier: earlier === null ? null : { mutation: earlier.mutation, at: earlier.at },
    cells: cellsOf({ before, sent, after, operation: entry.operation }),
  }
}

function writtenOf({ outcome }: ActivityEntry, ordinal: number) {
  if (outcome === null || !('rows' in outcome)) return null
  return outcome.rows.find((each) => each.ordinal === ordinal) ?? null
}

function stateOf(
  { outcome }: ActivityEntry,
  other: 'refused' | 'unknown' | 'unsent' | undefined,
): Change['state'] {
  if (other !== undefined) return other
  return outcome?.state === 'refused' || outcome?.state === 'unknown' ? outcome.state : 'open'
}

interface Cells {
  readonly before: Values | null
  readonly sent: Values
  readonly after: Values | null
  readonly operation: Operation
}

/**
 * What was sent, and what differs; of a new record what it has, and of a deleted one what it had, as far as that is known.
 * Some answers leave out what is empty: that and null are no difference.
 */
function cellsOf({ before, sent, after, operation }: Cells): Change['cells'] {
  const valueIn = (values: Values | null, name: string) => values?.[name] ?? null
  const differs = (name: string) =>
    before === null
      ? operation === 'insert' && valueIn(after, name) !== null
      : valueIn(before, name) !== valueIn(after, name)
  const names = new Set([
    ...Object.keys(sent),
    ...Object.keys(after ?? {}).filter(differs),
    ...(operation === 'delete'
      ? Object.keys(before ?? {}).filter((name) => valueIn(before, name) !== null)
      : []),
  ])
  const cell = (name: string, values: Values | null) => {
    const value = values?.[name]
    return value === undefined ? undefined : shownValue(name, value)
  }
  return [...names].map((column) => {
    const [was, asked, is] = [cell(column, before), cell(column, sent), cell(column, after)]
    return {
      column,
      ...(was === undefined ? {} : { before: was }),
      ...(asked === undefined ? {} : { sent: asked }),
      ...(is === undefined ? {} : { after: is }),
    }
  })
}

function told({ detail, ...rest }: FaultData): FaultData {
  return {
    ...rest,
    message: shownText(rest.message),
    ...(detail === undefined ? {} : { detail: shownText(detail) }),
  }
}

/** The write requests; none where the sync or the table is gone. */
async function sendsOf(
  { store, adapterFor }: Deps,
  { request, sync: syncId }: ActivityEntry,
): Promise<ActivityEntryAnswer['sends']> {
  try {
    const sync = await readSync(store, syncId)
    const table = sync.tables.find(({ schema, name }) =>
      schema === request.schema && name === request.table
    )
    if (table === undefined) return []
    const { baseUrl, settings, platform } = sync
    const made = adapterFor(platform).requests(request, table, { baseUrl, settings })
    return made.map(({ method, path, rows }) => ({ method, path: shownText(path), rows }))
  } catch (error) {
    if (error instanceof Fault && error.code === 'not_found') return []
    throw error
  }
}
