// Room sql: the options of EXPLAIN: does it run the statement?
// https://www.postgresql.org/docs/current/sql-explain.html

import { startsQuery } from './target.ts'
import { at, isSymbol, isWord, mateOf, type Token, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

/** Whether EXPLAIN at `index` has ANALYZE, and the index of the statement that it explains. @throws Unsure */
export function readExplain(
  { text, tokens, index }: { text: string; tokens: Tokens; index: number },
): { analyze: boolean; next: number } {
  const open = index + 1
  if (isSymbol(tokens, open, '(') && !startsQuery(tokens, open + 1)) {
    return { analyze: readOptions(text, tokens, open), next: mateOf(tokens, open) + 1 }
  }
  const analyze = isAnalyze(at(tokens, open))
  const verbose = analyze ? open + 1 : open
  return { analyze, next: isWord(tokens, verbose, 'verbose') ? verbose + 1 : verbose }
}

const isAnalyze = ({ kind, text }: Token): boolean =>
  kind === 'word' && (text === 'analyze' || text === 'analyse')

/** `(name [value], …)`: the last ANALYZE counts. */
function readOptions(text: string, tokens: Tokens, open: number): boolean {
  const close = mateOf(tokens, open)
  let analyze = false
  for (let next = open; next < close;) {
    const name = at(tokens, next + 1)
    if (name.kind !== 'word') unsure('the options of EXPLAIN are not written as expected')
    const bare = isSymbol(tokens, next + 2, ',') || next + 2 === close
    if (isAnalyze(name)) analyze = bare || readBoolean(text, at(tokens, next + 2))
    next += bare ? 2 : 3
    if (next !== close && !isSymbol(tokens, next, ',')) {
      unsure('the options of EXPLAIN are not written as expected')
    }
  }
  return analyze
}

/** The values that Postgres takes for a boolean option (defGetBoolean). */
function readBoolean(text: string, token: Token): boolean {
  const value = text.slice(token.start, token.end).toLowerCase().replace(/^'(.*)'$/, '$1')
  if (value === 'true' || value === 'on' || value === '1') return true
  if (value === 'false' || value === 'off' || value === '0') return false
  return unsure('an option of EXPLAIN has a value that is not read')
}
