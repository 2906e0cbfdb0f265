// Room sql: the options of EXPLAIN: does it run the statement, and what does it answer?
// https://www.postgresql.org/docs/current/sql-explain.html

import { startsQuery } from './target.ts'
import { at, isSymbol, isWord, mateOf, type Token, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

export interface ExplainOptions {
  readonly analyze: boolean
  /** FORMAT, in lower case; `text` unless said otherwise. */
  readonly format: string
  /** The plan is one for any parameters. */
  readonly generic: boolean
}

const plain: ExplainOptions = { analyze: false, format: 'text', generic: false }

/** The options of EXPLAIN at `index`, and the index of the statement that it explains. @throws Unsure */
export function readExplain(
  { text, tokens, index }: { text: string; tokens: Tokens; index: number },
): ExplainOptions & { next: number } {
  const open = index + 1
  if (isSymbol(tokens, open, '(') && !startsQuery(tokens, open + 1)) {
    return { ...readOptions(text, tokens, open), next: mateOf(tokens, open) + 1 }
  }
  const analyze = isAnalyze(at(tokens, open))
  const verbose = analyze ? open + 1 : open
  const next = isWord(tokens, verbose, 'verbose') ? verbose + 1 : verbose
  return { ...plain, analyze, next }
}

const isAnalyze = ({ kind, text }: Token): boolean =>
  kind === 'word' && (text === 'analyze' || text === 'analyse')

/** `(name [value], …)`: the last of each counts. */
function readOptions(text: string, tokens: Tokens, open: number): ExplainOptions {
  const close = mateOf(tokens, open)
  let { analyze, format, generic } = plain
  for (let next = open; next < close;) {
    const name = at(tokens, next + 1)
    if (name.kind !== 'word') unsure('the options of EXPLAIN are not written as expected')
    const bare = isSymbol(tokens, next + 2, ',') || next + 2 === close
    const value = at(tokens, next + 2)
    if (isAnalyze(name)) analyze = bare || readBoolean(text, value)
    if (name.text === 'format' && !bare) format = readValue(text, value)
    if (name.text === 'generic_plan') generic = bare || readBoolean(text, value)
    next += bare ? 2 : 3
    if (next !== close && !isSymbol(tokens, next, ',')) {
      unsure('the options of EXPLAIN are not written as expected')
    }
  }
  return { analyze, format, generic }
}

function readValue(text: string, token: Token): string {
  return text.slice(token.start, token.end).toLowerCase().replace(/^(['"])(.*)\1$/, '$2')
}

/** The values that Postgres takes for a boolean option (defGetBoolean). */
function readBoolean(text: string, token: Token): boolean {
  const value = readValue(text, token)
  if (value === 'true' || value === 'on' || value === '1') return true
  if (value === 'false' || value === 'off' || value === '0') return false
  return unsure('an option of EXPLAIN has a value that is not read')
}
