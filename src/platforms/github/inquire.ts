// Room platforms: what became of a mutation at GitHub whose reply was lost, by reading what GitHub lists from its own
// database; its search, which is behind, is not asked.

import { Fault } from '../../mutation/fault.ts'
import type { PlannedRow } from '../../mutation/mutation.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import { answered } from '../reading.ts'
import { watchClock } from '../clock.ts'
import { isJsonObject, tryParseJson } from '../json.ts'
import type { Keeping } from '../likeness.ts'
import type { Caller, Doubt, Inquiry } from '../platform.ts'
import type { Trace } from '../traces.ts'
import { testify, type Witness } from '../witness.ts'
import { call } from './client.ts'
import type { GithubTable } from './columns.ts'
import { tableFor } from './describe.ts'
import { faultOfResponse, isMoved, placeOf, unknownFault } from './faults.ts'
import { type Asking, datesOf, inParts, madeAt, traceOf } from './inquire-made.ts'
import { nodeIdIn, readNodes, selectionOf } from './inquire-nodes.ts'
import { read } from './read.ts'
import { idOf, valuesOf } from './record.ts'
import { repositoryOf, restRequest, type Target } from './rest.ts'

/** GitHub ends a request after ten seconds; the rest is for its way. */
const requestMaxMs = 60_000

/** Columns that many records of a repository share. */
const common: ReadonlySet<string> = new Set([
  'assignees',
  'base',
  'color',
  'labels',
  'milestone',
  'state',
  'target_commitish',
])

function keepingOf({ inPath }: GithubTable): Keeping {
  return {
    precisionMs: 1000,
    // written as `owner:branch` and read as the branch
    mute: ({ name }) => name === 'head',
    shared: ({ name }) => inPath.includes(name) || common.has(name),
  }
}

/**
 * An update or delete: its records, a hundred in one document where they have node ids, else a request a row. An insert: the
 * lists of its repositories back to that time, at most 20 pages of 100 each; labels, published releases and repositories by
 * their names.
 * @throws Fault as `read`
 */
export async function inquire(
  doubt: Doubt,
  table: SyncedTable,
  caller: Caller,
): Promise<Inquiry> {
  const shape = tableFor(table.object)
  const { operation } = doubt.mutation
  const clock = watchClock(caller, doubt.now)
  const asking = { shape, caller: clock.caller, place: { table } }
  const target = { operation, table, shape }
  const witness: Witness = {
    place: placeOf({ table }),
    keeping: keepingOf(shape),
    requestMaxMs,
    allOrNone: false,
    apartMs: clock.apartMs,
    doubtful: (reason) => unknownFault(reason, { table }),
    made: (rows, span) => madeAt(rows, span, asking),
    held: (rows) => heldOf(rows, target, asking),
  }
  return await testify(witness, doubt, table)
}

async function heldOf(
  rows: readonly PlannedRow[],
  target: Target,
  asking: Asking,
): Promise<ReadonlyMap<string, Trace | null>> {
  const selection = selectionOf(asking.shape.name)
  const traces = selection === undefined
    ? await inParts(rows, (row) => traceAt(row, target, asking))
    : await tracesOf(rows, selection, asking)
  const gone = rows.filter((_, i) => traces[i] === null)
  await seeRepositories(gone, target, asking)
  return new Map(rows.flatMap(({ id }, i) => {
    const trace = traces[i]
    return id === null || trace === undefined ? [] : [[id, trace] as const]
  }))
}

/** Null: there is none; undefined: GitHub does not say. */
type Seen = Trace | null | undefined

async function tracesOf(
  rows: readonly PlannedRow[],
  selection: string,
  asking: Asking,
): Promise<Seen[]> {
  const nodeIds = rows.flatMap((row) => nodeIdIn(row) ?? [])
  const nodes = await readNodes(nodeIds, selection, asking)
  return rows.map((row): Seen => {
    const record = nodes.get(nodeIdIn(row) ?? '')
    if (record === undefined || record === null) return record
    // a label of the GraphQL API has no number; an issue that another node turned out to be is not the row's
    const id = idOf(record) ?? (asking.shape.name === 'labels' ? row.id ?? undefined : undefined)
    if (id === undefined || id !== row.id) return undefined
    const values = valuesOf(record, asking.shape, asking.caller.log)
    return { id, values, ...datesOf(record, asking.shape) }
  })
}

/** The record at a row's address. It moves with a repository that is renamed or transferred: GitHub does not say then. */
async function traceAt(row: PlannedRow, target: Target, asking: Asking): Promise<Seen> {
  const path = recordPath(row, target)
  if (path === undefined) return undefined
  const reply = await call({ kind: 'rest', method: 'GET', path }, asking.caller)
  const response = answered(reply, placeOf(asking.place))
  const { status, body } = response
  if (status === 404 || status === 410) return null
  if (isMoved(status)) return undefined
  if (status !== 200) throw new Fault(faultOfResponse(response, asking.place))
  const record = tryParseJson(body)
  if (!isJsonObject(record) || idOf(record) !== row.id) return undefined
  return traceOf(record, asking)
}

/** The path of a record by what a row holds; undefined: the row cannot be addressed, so it was never sent. A repository keeps its number under any name. */
export function recordPath(row: PlannedRow, target: Target): string | undefined {
  if (target.shape.name === 'repositories') {
    return /^\d{1,20}$/.test(row.id ?? '') ? `/repositories/${row.id}` : undefined
  }
  try {
    return restRequest({ ...row, values: {} }, { ...target, operation: 'delete' }).path
  } catch (error) {
    if (error instanceof Fault) return undefined
    throw error
  }
}

/**
 * What may not be seen any more answers like what is gone: the repositories must still be there.
 * @throws Fault not_found
 */
async function seeRepositories(
  gone: readonly PlannedRow[],
  target: Target,
  asking: Asking,
): Promise<void> {
  if (!target.shape.keyColumns.includes('repository')) return
  const names = new Set(gone.map((row) => repositoryOf(row, target)))
  for (const name of names) await read(`/repos/${name}`, asking)
}
