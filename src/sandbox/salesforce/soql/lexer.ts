// Room sandbox: the words of a SOQL query.

import { failure } from '../errors.ts'

export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly at: number }
  | {
    readonly kind: 'string'
    readonly text: string
    readonly pattern: string
    readonly at: number
  }
  | { readonly kind: 'number'; readonly text: string; readonly at: number }
  | { readonly kind: 'moment'; readonly text: string; readonly at: number }
  | { readonly kind: 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number }

const queryLengthMax = 100_000

const shapes: readonly [Exclude<Token['kind'], 'end'>, RegExp][] = [
  ['moment', /\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))?/y],
  ['moment', /\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/y],
  ['number', /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['name', /[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*/y],
  ['string', /'(?:[^'\\]|\\.)*'/sy],
  ['sign', /<=|>=|!=|<>|[=<>(),]/y],
]

/** Splits a query. The last token is of the kind `end`. */
export function readTokens(query: string): Token[] {
  if (query.length > queryLengthMax) {
    throw failure(
      'MALFORMED_QUERY',
      `SOQL statements cannot be longer than ${queryLengthMax} characters.`,
    )
  }
  const tokens: Token[] = []
  let at = 0
  while (at < query.length) {
    const blank = /\s+/y
    blank.lastIndex = at
    at += blank.exec(query)?.[0].length ?? 0
    if (at >= query.length) break
    const token = tokenAt(query, at)
    tokens.push(token.token)
    at += token.length
  }
  return [...tokens, { kind: 'end', text: '', at: query.length }]
}

function tokenAt(query: string, at: number): { token: Token; length: number } {
  for (const [kind, shape] of shapes) {
    shape.lastIndex = at
    const text = shape.exec(query)?.[0]
    if (text === undefined) continue
    const length = text.length
    if (kind !== 'string') return { token: { kind, text, at }, length }
    const inner = text.slice(1, -1)
    return { token: { kind, text: unescape(inner), pattern: inner, at }, length }
  }
  throw queryFailure(query, at, `unexpected token: '${query[at] ?? ''}'`)
}

/** The text of a string literal. `\%` and `\_` mean themselves; only LIKE tells them from % and _. */
function unescape(inner: string): string {
  return inner.replace(/\\(.)/gs, (_, character: string) => {
    const control: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }
    return control[character.toLowerCase()] ?? character
  })
}

/** An error that shows where in the query it is, as Salesforce shows it. */
export function queryFailure(query: string, at: number, message: string, code = 'MALFORMED_QUERY') {
  const before = query.slice(0, at)
  const row = before.split('\n').length
  const column = at - before.lastIndexOf('\n')
  const start = Math.max(0, at - 30)
  const excerpt = query.slice(start, at + 30).replaceAll('\n', ' ')
  const caret = `${' '.repeat(at - start)}^`
  return failure(code, `\n${excerpt}\n${caret}\nERROR at Row:${row}:Column:${column}\n${message}`)
}
