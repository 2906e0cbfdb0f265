// Room session: what a statement means for Sluice: nothing, a mutation, or a form that is refused. Pure; names without a
// schema are resolved by asking Postgres, through `resolve`.

import {
  readExplained,
  readsStdin,
  recogniseMutation,
  type Recognition,
  type Statement,
  type Target,
  writesAtCursor,
} from '../sql/index.ts'
import type { UpsertRequest } from '../engine/deps.ts'
import { Fault } from '../mutation/fault.ts'
import { type Operation, type SyncedTable, tableKey } from '../mutation/table.ts'
import { refuseForm } from './refused.ts'
import type { Unread } from './unread.ts'
import { readUpsert } from './upsert.ts'

export type Classified =
  /** Forwarded as it is. `unread`: what it does is not known. */
  | { readonly kind: 'pass'; readonly unread?: Unread }
  /** Forwarded; afterwards EXECUTE of the name means `inner`. */
  | { readonly kind: 'prepare'; readonly name: string; readonly inner: Classified }
  /** EXECUTE of a statement prepared in SQL: what it is, Postgres knows. */
  | { readonly kind: 'execute'; readonly name: string; readonly form: Form }
  | {
    readonly kind: 'mutation'
    readonly operation: Operation
    readonly table: SyncedTable
    readonly setColumns: readonly string[] | null
    readonly upsert?: UpsertRequest | undefined
    readonly form: Form
  }
  /** Several statements, of which one at least may be a mutation. */
  | { readonly kind: 'several'; readonly statements: readonly Statement[] }
  | { readonly kind: 'refuse'; readonly fault: Fault }

/**
 * How a mutation is written. copy: COPY FROM STDIN. explain: EXPLAIN of the mutation that stands between two places of the
 * text, in UTF-16 units; `rows`: what is told of it can be rows of the answer.
 */
export type Form =
  | { readonly kind: 'plain' }
  | { readonly kind: 'copy' }
  | {
    readonly kind: 'explain'
    readonly start: number
    readonly end: number
    readonly rows: boolean
  }

export interface ClassifyContext {
  readonly standardConformingStrings: boolean | undefined
  readonly tables: ReadonlyMap<string, SyncedTable>
  /** Views that stand for a synced table when they are written to, by `schema.name`. */
  readonly views: ReadonlyMap<string, SyncedTable>
  /** Names prepared in SQL that may stand for mutations. */
  readonly prepared: ReadonlySet<string>
  /** `schema.name` of what an unqualified name means in this session, or null. */
  resolve(name: string): Promise<string | null>
}

const pass: Classified = { kind: 'pass' }
const plain: Form = { kind: 'plain' }

/** Classifies the text of a Query or Parse. What is not certainly a mutation passes: the triggers decide. */
export async function classify(text: string, context: ClassifyContext): Promise<Classified> {
  const recognition: Recognition = recogniseMutation(text, context)
  if (!recognition.certain) {
    const { reason, beyond } = recognition
    return { kind: 'pass', unread: { kind: beyond ? 'limit' : 'form', reason } }
  }
  const { statements } = recognition
  const [only, another] = statements
  if (only === undefined) return pass
  if (another === undefined) return await classifyOne({ text, statement: only }, context)
  return await classifySeveral(text, statements, context)
}

/**
 * A form that is refused stops all of them before the first one runs. What an earlier statement changes (search_path, a
 * PREPARE) may change what a later one means, so what may become a mutation counts as one here.
 */
async function classifySeveral(
  text: string,
  statements: readonly Statement[],
  context: ClassifyContext,
): Promise<Classified> {
  const prepared = new Set(context.prepared)
  let concerned = false
  let viewMade = false
  for (const statement of statements) {
    const one = await classifyOne({ text, statement }, { ...context, prepared })
    if (one.kind === 'refuse') return one
    if (one.kind === 'prepare') prepared.add(one.name)
    concerned ||= one.kind !== 'pass' || (viewMade && statement.targets.length > 0) ||
      statement.targets.some(({ schema, name }) => schema === null && isNamed(name, context))
    viewMade ||= makesView.test(text.slice(statement.start, statement.end))
  }
  return concerned ? { kind: 'several', statements } : pass
}

/** What a later statement writes to may be the view. */
const makesView = /^create\b[^(;]{0,200}?\bview\b/i

/** Has a synced table, or a view over one, that name in some schema? */
function isNamed(name: string, { tables, views }: ClassifyContext): boolean {
  for (const table of tables.values()) if (table.name === name) return true
  for (const key of views.keys()) if (key.endsWith(`.${name}`)) return true
  return false
}

interface Read {
  readonly text: string
  readonly statement: Statement
}

/** One mutation in a statement, and the synced table that it writes to. */
interface Write {
  readonly target: Target
  readonly table: SyncedTable
  /** The target is a view over the table, whose columns may have other names. */
  readonly view: boolean
}

/** The statement's mutations of synced tables. */
async function writesOf(statement: Statement, context: ClassifyContext): Promise<Write[]> {
  const found: Write[] = []
  for (const target of statement.targets) {
    const write = await writeOf(target, context)
    if (write !== null) found.push(write)
  }
  return found
}

async function writeOf(target: Target, context: ClassifyContext): Promise<Write | null> {
  const { schema, name } = target
  const key = schema !== null
    ? tableKey(schema, name)
    : isNamed(name, context)
    ? await context.resolve(name)
    : null
  if (key === null) return null
  const table = context.tables.get(key)
  if (table !== undefined) return { target, table, view: false }
  const base = context.views.get(key)
  return base === undefined ? null : { target, table: base, view: true }
}

async function classifyOne(read: Read, context: ClassifyContext): Promise<Classified> {
  const { statement } = read
  const writes = await writesOf(statement, context)
  const executes = statement.kind !== 'prepare' && statement.kind !== 'deallocate' &&
    statement.prepared !== null && context.prepared.has(statement.prepared)
  if (writes.length === 0 && !executes) return pass
  switch (statement.kind) {
    case 'prepare':
      return prepare(read, { writes, context })
    case 'execute':
      return statement.prepared === null
        ? pass
        : { kind: 'execute', name: statement.prepared, form: plain }
    case 'explain':
      return explain(read, { writes, context })
    case 'copy_from':
      return copy(read, { writes, context })
    case 'insert':
    case 'update':
    case 'delete':
    case 'select':
    case 'merge':
    case 'truncate':
      return mutation(read, { writes, context, form: plain })
    default:
      return writes.length > 0 ? refuse(isCopy(read) ? 'copy_to' : 'inside', writes[0]) : pass
  }
}

/** COPY (INSERT … RETURNING) TO; else a statement makes something of a query with a mutation in it. */
function isCopy({ text, statement: { start } }: Read): boolean {
  return /^copy\b/i.test(text.slice(start, start + 5))
}

interface Found {
  readonly writes: readonly Write[]
  readonly context: ClassifyContext
}

function prepare(read: Read, found: Found): Classified {
  const { prepared } = read.statement
  if (prepared === null) return pass
  return { kind: 'prepare', name: prepared, inner: mutation(read, { ...found, form: plain }) }
}

function explain(read: Read, { writes, context }: Found): Classified {
  const { text, statement } = read
  if (statement.analyze) return refuse('explain_analyze', writes[0])
  const explained = readExplained(text, statement, context)
  if (explained === null || explained.generic) return pass
  const { start, format } = explained
  const form: Form = { kind: 'explain', start, end: statement.end, rows: format === 'text' }
  if (writes.length > 0) return mutation(read, { writes, context, form })
  return statement.prepared === null ? pass : { kind: 'execute', name: statement.prepared, form }
}

function copy(read: Read, { writes, context }: Found): Classified {
  const { text, statement } = read
  const [first] = writes
  if (first === undefined || first.view) return pass // Postgres does not copy to a view
  if (!readsStdin(text, statement, context)) return refuse('copy_file', first)
  const { table } = first
  return { kind: 'mutation', operation: 'insert', table, setColumns: null, form: { kind: 'copy' } }
}

function mutation(
  { text, statement }: Read,
  { writes, context, form }: Found & { form: Form },
): Classified {
  const [first, another] = writes
  if (first === undefined) return pass
  if (another !== undefined && statement.kind !== 'truncate') return refuse('two', first)
  const { table, target, view } = first
  if (target.operation === 'merge') return refuse('merge', first)
  // Postgres itself does not truncate a view
  if (target.operation === 'truncate') return view ? pass : refuse('truncate', first)
  const upsert = target.onConflict === 'update' ? readUpsert(target, { table, view }) : undefined
  if (upsert instanceof Fault) return { kind: 'refuse', fault: upsert }
  if (writesAtCursor(text, statement, context)) return refuse('cursor', first)
  // COPY has a form of its own
  const operation = target.operation === 'copy_from' ? 'insert' : target.operation
  const setColumns = view ? null : target.setColumns
  return { kind: 'mutation', operation, table, setColumns, upsert, form }
}

function refuse(form: Parameters<typeof refuseForm>[0], write: Write | undefined): Classified {
  return { kind: 'refuse', fault: refuseForm(form, write?.table) }
}
