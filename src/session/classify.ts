// Room session: what a statement means for Sluice: nothing, a mutation, or a form that is refused. Pure; names without a
// schema are resolved by asking Postgres, through `resolve`.

import { recogniseMutation, type Recognition, type Statement, type Target } from '../sql/index.ts'
import { type Fault, fault } from '../mutation/fault.ts'
import { type SyncedTable, tableKey } from '../mutation/table.ts'

export type Classified =
  /** Forwarded as it is. */
  | { readonly kind: 'pass' }
  /** Forwarded; afterwards EXECUTE of the name means `inner`. */
  | { readonly kind: 'prepare'; readonly name: string; readonly inner: Classified }
  /** EXECUTE of a statement prepared in SQL: what it is, Postgres knows. */
  | { readonly kind: 'execute'; readonly name: string }
  | {
    readonly kind: 'mutation'
    readonly table: SyncedTable
    readonly setColumns: readonly string[] | null
  }
  | { readonly kind: 'refuse'; readonly fault: Fault }

export interface ClassifyContext {
  readonly standardConformingStrings: boolean | undefined
  readonly tables: ReadonlyMap<string, SyncedTable>
  /** Names prepared in SQL that may stand for mutations. */
  readonly prepared: ReadonlySet<string>
  /** `schema.name` of what an unqualified name means in this session, or null. */
  resolve(name: string): Promise<string | null>
}

const pass: Classified = { kind: 'pass' }

/** Classifies the text of a Query or Parse. What is not certainly a mutation passes: the triggers decide. */
export async function classify(text: string, context: ClassifyContext): Promise<Classified> {
  const recognition: Recognition = recogniseMutation(text, context)
  if (!recognition.certain) return pass
  const { statements } = recognition
  const concerned: { statement: Statement; writes: Write[] }[] = []
  for (const statement of statements) {
    const writes = await writesOf(statement, context)
    if (writes.length > 0 || executesKnown(statement, context)) {
      concerned.push({ statement, writes })
    }
  }
  const [first] = concerned
  if (first === undefined) return pass
  if (statements.length > 1) return refuseSeveral(concerned.map(({ statement }) => statement))
  return classifyOne(first.statement, first.writes)
}

/** One mutation in a statement, and the synced table that it writes to. */
interface Write {
  readonly target: Target
  readonly table: SyncedTable
}

function executesKnown(statement: Statement, { prepared }: ClassifyContext): boolean {
  return statement.kind === 'execute' && statement.prepared !== null &&
    prepared.has(statement.prepared)
}

/** The statement's mutations of synced tables. */
async function writesOf(statement: Statement, context: ClassifyContext): Promise<Write[]> {
  const found: Write[] = []
  for (const target of statement.targets) {
    const table = await syncedTable(target, context)
    if (table !== undefined) found.push({ target, table })
  }
  return found
}

async function syncedTable(
  target: Target,
  context: ClassifyContext,
): Promise<SyncedTable | undefined> {
  if (target.schema !== null) return context.tables.get(tableKey(target.schema, target.name))
  const candidates = [...context.tables.values()].some((table) => table.name === target.name)
  if (!candidates) return undefined
  const key = await context.resolve(target.name)
  return key === null ? undefined : context.tables.get(key)
}

function classifyOne(statement: Statement, writes: readonly Write[]): Classified {
  switch (statement.kind) {
    case 'prepare':
      return prepare(statement, writes)
    case 'execute':
      return statement.prepared === null ? pass : { kind: 'execute', name: statement.prepared }
    case 'explain':
      return statement.analyze
        ? refuse(
          'EXPLAIN ANALYZE of a mutation is not supported',
          'Use EXPLAIN without ANALYZE.',
          writes[0]?.table,
        )
        : pass
    case 'insert':
    case 'update':
    case 'delete':
    case 'select':
      return mutation(writes)
    case 'merge':
    case 'copy_from':
    case 'truncate':
      return refuseKind(statement.kind, writes[0]?.table)
    default:
      return pass // a form that the triggers refuse
  }
}

function prepare(statement: Statement, writes: readonly Write[]): Classified {
  if (statement.prepared === null) return pass
  return { kind: 'prepare', name: statement.prepared, inner: mutation(writes) }
}

function mutation(writes: readonly Write[]): Classified {
  const [first] = writes
  if (first === undefined) return pass
  const { table, target } = first
  if (writes.length > 1) {
    return refuse(
      'two mutations in one statement are not supported',
      'Write one statement for each.',
      table,
    )
  }
  if (target.operation === 'merge') return refuseKind('merge', table)
  if (target.onConflict === 'update') {
    return refuse(
      'ON CONFLICT DO UPDATE is not supported on a synced table',
      'Use ON CONFLICT DO NOTHING, then UPDATE the rows that were there.',
      table,
    )
  }
  return { kind: 'mutation', table, setColumns: target.setColumns }
}

const refusedKinds = {
  merge: [
    'MERGE is not supported on a synced table',
    'Write an INSERT, UPDATE or DELETE for each branch.',
  ],
  copy_from: [
    'COPY FROM is not supported on a synced table',
    'Copy into a temporary table, then INSERT … SELECT from it.',
  ],
  truncate: ['TRUNCATE is not supported on a synced table', 'Use DELETE.'],
} as const

function refuseKind(kind: keyof typeof refusedKinds, table: SyncedTable | undefined): Classified {
  const [message, hint] = refusedKinds[kind]
  return refuse(message, hint, table)
}

function refuseSeveral(concerned: readonly Statement[]): Classified {
  const passing = concerned.every(({ kind, analyze }) => kind === 'explain' && !analyze)
  if (passing) return pass
  return refuse(
    'a mutation must be the only statement of a query string',
    'Send the statements one by one.',
    undefined,
  )
}

function refuse(message: string, hint: string, table: SyncedTable | undefined): Classified {
  const place = table === undefined ? {} : { schema: table.schema, table: table.name }
  return { kind: 'refuse', fault: fault('form_not_supported', { message, hint, ...place }) }
}
