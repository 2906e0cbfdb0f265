// Room service: what the routes of the HTTP door have run, each as one statement.

import type { Log } from '../../lib/log.ts'
import type { Trace } from '../../lib/trace.ts'
import type { SyncConfig } from '../../mutation/config.ts'
import { fault } from '../../mutation/fault.ts'
import type { StatementAnswer, Statements } from '../../mutation/statement.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { HistoryEntry } from '../../store/history.ts'
import { type DoorAnswer, jsonAnswer, problemAnswer, recordsBody, resultAnswer } from './answer.ts'
import type { Json } from './lossless.ts'
import {
  checkIds,
  deleteStatement,
  idsOf,
  insertStatement,
  type JsonRecord,
  missingStatement,
  type RecordsStatement,
  selectStatement,
  twinsStatement,
  updateStatement,
} from './records.ts'
import type { Written } from './resume.ts'
import { toParameter } from './values.ts'

export interface StatementDeps {
  readonly statements: Statements
  readonly log: Log
  readonly newId: () => string
}

/** What one request runs against. */
export interface Target {
  readonly config: SyncConfig
  readonly signal: AbortSignal
  /** The place in a trace that the request came from. */
  readonly trace?: Trace | null
}

/** A request, ready to be carried out. */
export interface Plan {
  /** It writes nothing but a synced table. */
  readonly onlyMutates: boolean
  /** Never throws. */
  run(mutationId: string): Promise<DoorAnswer>
  /**
   * Is the mutation in the customer's database? Asked as the sync's role, to which only mutations of the tables that it may
   * read are shown. Throws a Fault.
   */
  isApplied(mutationId: string): Promise<boolean>
  remake(entry: HistoryEntry, outcome: Written): Promise<DoorAnswer | null>
}

/** Any statement. */
export function planQuery(
  deps: StatementDeps,
  target: Target,
  { sql, params }: { sql: string; params: readonly Json[] },
): Plan {
  const parameters = (types: readonly number[]) => {
    if (types.length !== params.length) {
      const message =
        `the statement has ${types.length} parameters, but params has ${params.length}`
      throw fault('bad_request', { message })
    }
    return params.map((value, index) => toParameter(value, types[index] ?? 0, `$${index + 1}`))
  }
  return {
    onlyMutates: false,
    run: answering(deps, async (mutationId) => {
      const { signal, trace = null } = target
      const request = { sql, parameters, mutationId, signal, trace }
      return resultAnswer(await deps.statements.run(target.config, request))
    }),
    isApplied: (mutationId) => isApplied(deps, target, mutationId),
    remake: () => Promise.resolve(null),
  }
}

export function planInsert(
  deps: StatementDeps,
  target: Target,
  { table, records }: { table: SyncedTable; records: readonly JsonRecord[] },
): Plan {
  const statement = insertStatement(table, records)
  return {
    onlyMutates: true,
    run: answering(deps, async (mutationId) => {
      const answer = await runRecords(deps, target, { statement, mutationId })
      return jsonAnswer(201, recordsBody(answer))
    }),
    isApplied: (mutationId) => isApplied(deps, target, mutationId),
    remake: remaking(deps, target, { table, status: 201 }),
  }
}

export function planUpdate(
  deps: StatementDeps,
  target: Target,
  { table, records }: { table: SyncedTable; records: readonly JsonRecord[] },
): Plan {
  const ids = idsOf(records)
  return planChange(deps, target, { table, ids, statement: updateStatement(table, records) })
}

export function planDelete(
  deps: StatementDeps,
  target: Target,
  { table, ids: given }: { table: SyncedTable; ids: readonly string[] },
): Plan {
  const ids = checkIds(given)
  return planChange(deps, target, { table, ids, statement: deleteStatement(table, ids) })
}

interface Change {
  readonly table: SyncedTable
  readonly ids: readonly string[]
  readonly statement: RecordsStatement
}

/** An update or delete: of all the records, or of none. */
function planChange(deps: StatementDeps, target: Target, change: Change): Plan {
  const { table, ids, statement } = change
  return {
    onlyMutates: true,
    run: answering(deps, async (mutationId) => {
      const answer = await runRecords(deps, target, { statement, mutationId })
      if (answer.rows.length === 0) throw await nothingChanged(deps, target, change)
      return jsonAnswer(200, recordsBody(answer, { order: ids }))
    }),
    isApplied: (mutationId) => isApplied(deps, target, mutationId),
    remake: remaking(deps, target, { table, status: 200 }),
  }
}

async function nothingChanged(
  deps: StatementDeps,
  target: Target,
  { table, ids }: Change,
): Promise<Error> {
  const statement = missingStatement(table, ids)
  const { rows } = await runRecords(deps, target, { statement, mutationId: deps.newId() })
  if (rows.length === 0) return await twins(deps, target, { table, ids })
  const names = rows.map(([id]) => `"${id}"`).join(', ')
  return fault('not_found', {
    message: `${rows.length} of ${ids.length} records not found in ${table.name}, nothing was sent`,
    detail: `Not found: ${names}.`,
    schema: table.schema,
    table: table.name,
  })
}

async function twins(
  deps: StatementDeps,
  target: Target,
  { table, ids }: Pick<Change, 'table' | 'ids'>,
): Promise<Error> {
  const statement = twinsStatement(table, ids)
  const { rows: [twin] } = await runRecords(deps, target, { statement, mutationId: deps.newId() })
  if (twin === undefined) return fault('serialization_failure') // the missing ones have come meanwhile
  return fault('bad_request', {
    message: `record "${twin[0]}" stands twice, nothing was sent`,
    detail: 'Two of the ids are spellings of one.',
    schema: table.schema,
    table: table.name,
  })
}

async function isApplied(
  { statements, newId }: StatementDeps,
  { config, signal }: Target,
  mutationId: string,
): Promise<boolean> {
  const { rows } = await statements.run(config, {
    sql: 'select id from sluice.mutations where id = $1',
    parameters: () => [mutationId],
    mutationId: newId(),
    signal,
  })
  return rows.length > 0
}

async function runRecords(
  { statements }: StatementDeps,
  { config, signal, trace = null }: Target,
  { statement, mutationId }: { statement: RecordsStatement; mutationId: string },
): Promise<StatementAnswer> {
  const { sql, parameter } = statement
  const parameters = () => [parameter]
  return await statements.run(config, { sql, parameters, mutationId, signal, trace })
}

/** The answer of a mutation that another process has carried out: its records as they are in the database. */
function remaking(
  deps: StatementDeps,
  target: Target,
  { table, status }: { table: SyncedTable; status: number },
): Plan['remake'] {
  return async (entry, outcome) => {
    if (entry.operation === 'delete') return null
    const order = outcome.rows.map(({ id }) => id)
    const statement = selectStatement(table, order)
    const answer = await runRecords(deps, target, { statement, mutationId: deps.newId() })
    if (answer.rows.length < order.length) return null // some are gone since
    const sent = { mutation: entry.request, outcome }
    return jsonAnswer(status, recordsBody({ ...answer, sent }, { order }))
  }
}

function answering(
  deps: StatementDeps,
  work: (mutationId: string) => Promise<DoorAnswer>,
): Plan['run'] {
  return async (mutationId) => {
    try {
      return await work(mutationId)
    } catch (error) {
      return problemAnswer(error, deps)
    }
  }
}
