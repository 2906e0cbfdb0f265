// The oracle: what Postgres's own grammar (libpg-query, Postgres 18) makes of a text, in the recogniser's words.

import { loadModule, parseSync } from 'libpg-query'
import type { Statement, StatementKind, Target } from '../../src/sql/index.ts'

type Node = Record<string, unknown>
type Place = Target['place']

/** A statement as the oracle sees it: the recogniser's, with the range in which its tokens must lie. */
export type OracleStatement = Omit<Statement, 'start' | 'end'>

let ready: Promise<void> | undefined

/** Loads the grammar, once. */
export function loadOracle(): Promise<void> {
  return ready ??= loadModule()
}

/** The statements of the text, or null where the grammar refuses it. Anything but a syntax error is thrown. */
export function oracle(text: string): OracleStatement[] | null {
  if (text.trim() === '') return [] // libpg-query takes an empty text for a mistake
  let tree: { stmts?: { stmt: unknown }[] }
  try {
    tree = parseSync(text) as { stmts?: { stmt: unknown }[] }
  } catch (error) {
    if (error instanceof Error && error.name === 'SqlError') return null
    throw error
  }
  return (tree.stmts ?? []).map(({ stmt }) => describe(stmt as Node))
}

function describe(stmt: Node): OracleStatement {
  const [[type, node]] = Object.entries(stmt) as [[string, Node]]
  const found: { target: Target; location: number }[] = []
  collect(stmt, 'top', found)
  found.sort((one, other) => one.location - other.location)
  return {
    kind: kindOf(type, node),
    targets: found.map(({ target }) => target),
    prepared: preparedIn(stmt),
    analyze: type === 'ExplainStmt' && analyzes(node),
  }
}

const kinds: Record<string, StatementKind> = {
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
  MergeStmt: 'merge',
  SelectStmt: 'select',
  TruncateStmt: 'truncate',
  PrepareStmt: 'prepare',
  ExecuteStmt: 'execute',
  DeallocateStmt: 'deallocate',
  ExplainStmt: 'explain',
}

const control: Record<string, StatementKind> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback_to',
}

function kindOf(type: string, node: Node): StatementKind {
  if (type === 'CopyStmt') return node['is_from'] === true ? 'copy_from' : 'other'
  if (type === 'TransactionStmt') return control[String(node['kind'])] ?? 'other'
  if (type === 'DiscardStmt') return node['target'] === 'DISCARD_ALL' ? 'discard_all' : 'other'
  return kinds[type] ?? 'other'
}

/** Nodes whose one statement is itself the top. */
const wrappers: Record<string, string> = {
  PrepareStmt: 'query',
  ExplainStmt: 'query',
  CopyStmt: 'query',
}

/** Definitions: what stands in them is not carried out. */
const definitions = ['CreateFunctionStmt', 'RuleStmt']

function collect(
  value: unknown,
  place: Place,
  found: { target: Target; location: number }[],
): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, place, found)
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, child] of Object.entries(value)) {
    if (definitions.includes(key)) continue
    found.push(...targetsOf(key, child as Node, place))
    const wrapped = wrappers[key]
    if (wrapped !== undefined) collect((child as Node)[wrapped], 'top', found)
    else collect(child, 'cte', found)
  }
}

function targetsOf(
  type: string,
  node: Node,
  place: Place,
): { target: Target; location: number }[] {
  const one = (operation: Target['operation'], relation: Node, more: Partial<Target> = {}) => ({
    location: Number(relation['location'] ?? 0),
    target: {
      operation,
      schema: (relation['schemaname'] as string | undefined) ?? null,
      name: String(relation['relname']),
      place,
      setColumns: null,
      insertColumns: null,
      onConflict: null,
      upsert: null,
      returning: node['returningClause'] !== undefined,
      ...more,
    },
  })
  const relation = node?.['relation'] as Node
  switch (type) {
    case 'InsertStmt':
      return [one('insert', relation, {
        insertColumns: columns(node['cols']),
        ...conflict(node['onConflictClause'] as Node | undefined, node['selectStmt']),
      })]
    case 'UpdateStmt':
      return [one('update', relation, { setColumns: columns(node['targetList']) })]
    case 'DeleteStmt':
      return [one('delete', relation)]
    case 'MergeStmt':
      return [one('merge', relation)]
    case 'CopyStmt': {
      if (node['is_from'] !== true) return []
      const list = node['attlist'] as { String: { sval: string } }[] | undefined
      return [one('copy_from', relation, {
        insertColumns: list?.map(({ String }) => String.sval) ?? null,
      })]
    }
    case 'TruncateStmt':
      return (node['relations'] as { RangeVar: Node }[]).map(({ RangeVar }) =>
        one('truncate', RangeVar)
      )
    default:
      return []
  }
}

function columns(list: unknown): string[] | null {
  if (list === undefined) return null
  return (list as { ResTarget: { name: string } }[]).map(({ ResTarget }) => ResTarget.name)
}

function conflict(
  clause: Node | undefined,
  query: unknown,
): Pick<Target, 'onConflict' | 'upsert'> {
  if (clause === undefined) return { onConflict: null, upsert: null }
  if (clause['action'] === 'ONCONFLICT_NOTHING') return { onConflict: 'nothing', upsert: null }
  return { onConflict: 'update', upsert: upsert(clause, query) }
}

function upsert(clause: Node, query: unknown): NonNullable<Target['upsert']> {
  const infer = (clause['infer'] ?? {}) as Node
  const [element, another] = (infer['indexElems'] ?? []) as { IndexElem: Node }[]
  const { name: by, expr, collation, opclass } = element?.IndexElem ?? {}
  const single = typeof by === 'string' && another === undefined && expr === undefined &&
    collation === undefined && opclass === undefined && infer['whereClause'] === undefined
  const ordered = /"(?:nulls_)?ordering":"SORTBY_(?!DEFAULT|NULLS_DEFAULT)/
  if (!single || ordered.test(JSON.stringify(element))) return { plain: false, differs: 'target' }
  if (clause['whereClause'] !== undefined) return { plain: false, differs: 'where' }
  const targets = (clause['targetList'] as { ResTarget: Node }[]).map(({ ResTarget }) => ResTarget)
  return targets.every(isExcluded)
    ? { plain: true, by, setColumns: targets.map(({ name }) => String(name)), blank: blank(query) }
    : { plain: false, differs: 'value' }
}

/** Positions at which every row of a bare VALUES has DEFAULT or NULL. */
function blank(query: unknown): number[] {
  const select = (query as { SelectStmt?: Node } | undefined)?.SelectStmt ?? {}
  const bare = ['sortClause', 'limitCount', 'limitOffset', 'lockingClause', 'withClause']
  if (bare.some((name) => select[name] !== undefined)) return []
  const rows = (select['valuesLists'] ?? []) as { List: { items: Node[] } }[]
  const isBlank = (item: Node | undefined) =>
    item?.['SetToDefault'] !== undefined ||
    (item?.['A_Const'] as Node | undefined)?.['isnull'] === true
  const [first] = rows
  return (first?.List.items ?? []).flatMap((_, at) =>
    rows.every(({ List }) => isBlank(List.items[at])) ? [at] : []
  )
}

/** Is what the item of SET gives its column `EXCLUDED` and the same column? */
function isExcluded({ name, indirection, val }: Node): boolean {
  const { MultiAssignRef: many } = val as { MultiAssignRef?: Node }
  if (many === undefined) return indirection === undefined && isOf(val as Node, name)
  const { RowExpr: row } = many['source'] as { RowExpr?: { args?: Node[] } }
  const args = row === undefined ? [many['source'] as Node] : row.args ?? []
  const arg = args[Number(many['colno']) - 1]
  return args.length === many['ncolumns'] && indirection === undefined && arg !== undefined &&
    isOf(arg, name)
}

function isOf(value: Node, name: unknown): boolean {
  const { ColumnRef: column } = value as { ColumnRef?: { fields: { String?: Node }[] } }
  const fields = column?.fields.map(({ String: part }) => part?.['sval'])
  return fields?.length === 2 && fields[0] === 'excluded' && fields[1] === name
}

/** The name in the first PREPARE, EXECUTE or DEALLOCATE of the tree. */
function preparedIn(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null
  for (const [key, child] of Object.entries(value)) {
    if (key === 'PrepareStmt' || key === 'ExecuteStmt' || key === 'DeallocateStmt') {
      return ((child as Node)['name'] as string | undefined) ?? null
    }
    if (definitions.includes(key)) continue
    const name = preparedIn(child)
    if (name !== null) return name
  }
  return null
}

function analyzes(node: Node): boolean {
  const options = (node['options'] ?? []) as { DefElem: { defname: string; arg?: unknown } }[]
  const last = options.filter(({ DefElem }) => DefElem.defname === 'analyze').at(-1)
  if (last === undefined) return false
  const arg = JSON.stringify(last.DefElem.arg ?? null)
  return !/"(off|false)"|"Integer":\{(?:"ival":0)?\}|"boolval":\{\}/i.test(arg)
}
