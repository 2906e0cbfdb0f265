// Room sql: the head of a statement: what kind it is, and where a query or mutation stands in it.
// https://www.postgresql.org/docs/current/sql-commands.html

import { isDefinition, readCreate } from './create.ts'
import { readExplain } from './explain.ts'
import { nameOf } from './name.ts'
import type { StatementKind, Target } from './statement.ts'
import { readCopy, readTruncate } from './target.ts'
import { at, isIdent, isSymbol, isWord, mateOf, skip, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

export interface HeadOptions {
  readonly text: string
  readonly tokens: Tokens
  /** The head's first token; the statement ends before `end`. */
  readonly index: number
  readonly end: number
}

export interface Head {
  /** main: the kind of what stands at `inner`. */
  readonly kind: StatementKind | 'main'
  readonly inner: { readonly index: number; readonly end: number } | null
  readonly prepared: string | null
  readonly analyze: boolean
  /** Mutations that only stand at the head: TRUNCATE and COPY. */
  readonly targets: readonly Target[]
  /** A rule, function or trigger: what stands in it is defined, not carried out. */
  readonly definition: boolean
}

/** A head of this kind with nothing in it. */
export const plainHead = (kind: StatementKind): Head => ({
  kind,
  inner: null,
  prepared: null,
  analyze: false,
  targets: [],
  definition: false,
})

const others = new Set(
  ('alter analyze analyse call checkpoint close cluster comment declare do drop fetch grant import listen load lock move ' +
    'notify reassign refresh reindex reset revoke security set show unlisten vacuum').split(' '),
)

/** Reads the head of a statement. @throws Unsure */
export function readHead(options: HeadOptions): Head {
  const { tokens, index, end } = options
  if (isSymbol(tokens, index, '(')) return plainHead('select')
  const first = at(tokens, index)
  if (first.kind !== 'word') return unsure('a statement of an unknown kind')
  switch (first.text) {
    case 'select':
    case 'values':
    case 'table':
      return plainHead('select')
    case 'with':
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return { ...plainHead('other'), kind: 'main', inner: { index, end } }
    case 'truncate':
      return {
        ...plainHead('truncate'),
        targets: readTruncate({ ...options, place: 'top' }),
      }
    case 'copy':
      return readCopyHead(options)
    case 'prepare':
      return readPrepare(options)
    case 'execute':
      return readExecute(options, index)
    case 'deallocate':
      return readDeallocate(options)
    case 'explain':
      return readExplainHead(options)
    case 'create':
      return readCreateHead(options)
    default:
      if (others.has(first.text)) return plainHead('other')
      return plainHead(readControl(tokens, index) ?? unsure('a statement of an unknown kind'))
  }
}

/** Transaction control and DISCARD. */
function readControl(tokens: Tokens, index: number): StatementKind | null {
  switch (at(tokens, index).text) {
    case 'begin':
      return 'begin'
    case 'start':
      return isWord(tokens, index + 1, 'transaction') ? 'begin' : null
    case 'commit':
      return isWord(tokens, index + 1, 'prepared') ? 'other' : 'commit'
    case 'end':
      return 'commit'
    case 'abort':
      return 'rollback'
    case 'rollback': {
      if (isWord(tokens, index + 1, 'prepared')) return 'other'
      const noise = ['work', 'transaction'].some((word) => isWord(tokens, index + 1, word))
      return isWord(tokens, noise ? index + 2 : index + 1, 'to') ? 'rollback_to' : 'rollback'
    }
    case 'savepoint':
      return 'savepoint'
    case 'release':
      return 'release'
    case 'discard':
      return isWord(tokens, index + 1, 'all') ? 'discard_all' : 'other'
    default:
      return null
  }
}

function readCopyHead(options: HeadOptions): Head {
  const { tokens, index } = options
  if (!isSymbol(tokens, index + 1, '(')) {
    const found = readCopy({ ...options, place: 'top' })
    return found === null ? plainHead('other') : { ...plainHead('copy_from'), targets: [found] }
  }
  const close = mateOf(tokens, index + 1)
  if (!isWord(tokens, close + 1, 'to')) unsure('a COPY is not written as expected')
  return { ...plainHead('other'), inner: { index: index + 2, end: close } }
}

/** PREPARE name [(types)] AS statement; PREPARE TRANSACTION 'id' is two-phase commit. */
function readPrepare(options: HeadOptions): Head {
  const { text, tokens, index, end } = options
  if (isWord(tokens, index + 1, 'transaction') && at(tokens, index + 2).kind === 'literal') {
    return plainHead('other')
  }
  const prepared = readName(text, tokens, index + 1)
  const next = isSymbol(tokens, index + 2, '(') ? skip(tokens, index + 2) : index + 2
  if (!isWord(tokens, next, 'as')) unsure('a PREPARE is not written as expected')
  return { ...plainHead('prepare'), prepared, inner: { index: next + 1, end } }
}

/** EXECUTE name [(values)] at `index`. */
function readExecute({ text, tokens, end }: HeadOptions, index: number): Head {
  const prepared = readName(text, tokens, index + 1)
  const next = isSymbol(tokens, index + 2, '(') ? skip(tokens, index + 2) : index + 2
  if (next !== end) unsure('an EXECUTE is not written as expected')
  return { ...plainHead('execute'), prepared }
}

/** DEALLOCATE [PREPARE] {name | ALL} */
function readDeallocate({ text, tokens, index, end }: HeadOptions): Head {
  const noise = isWord(tokens, index + 1, 'prepare') && index + 2 < end
  const at = noise ? index + 2 : index + 1
  if (at + 1 !== end) unsure('a DEALLOCATE is not written as expected')
  if (isWord(tokens, at, 'all')) return plainHead('deallocate')
  return { ...plainHead('deallocate'), prepared: readName(text, tokens, at) }
}

/** EXPLAIN over anything that it explains. */
function readExplainHead(options: HeadOptions): Head {
  const { tokens, end } = options
  const { analyze, next: index } = readExplain(options)
  const explained = ['declare', 'refresh', 'create', 'execute', 'select', 'values', 'table']
  const first = at(tokens, index)
  const known = isSymbol(tokens, index, '(') || (first.kind === 'word' &&
    ['with', 'insert', 'update', 'delete', 'merge', ...explained].includes(first.text))
  if (!known || index >= end) unsure('an EXPLAIN is not written as expected')
  return { ...readHead({ ...options, index }), kind: 'explain', analyze }
}

function readCreateHead(options: HeadOptions): Head {
  const { text, tokens, index } = options
  if (isDefinition(tokens, index)) return { ...plainHead('other'), definition: true }
  const execute = readCreate(options)
  if (execute === null) return plainHead('other')
  return { ...plainHead('other'), prepared: readName(text, tokens, execute + 1) }
}

function readName(text: string, tokens: Tokens, index: number): string {
  if (!isIdent(tokens, index)) unsure('a name was expected')
  return nameOf(text, at(tokens, index))
}
