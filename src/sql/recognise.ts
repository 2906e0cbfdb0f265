// Room sql: the recogniser: a text to its statements and their mutations. It accounts for every unquoted verb or says
// that it is not certain; it never guesses.

import { afterBody, isDefinition } from './create.ts'
import { readHead } from './head.ts'
import { lex } from './lexer.ts'
import { scan } from './scan.ts'
import type { RecogniseOptions, Recognition, Statement } from './statement.ts'
import { at, isSymbol, isWord, skip, type Tokens } from './token.ts'
import { Unsure, unsure, unsureBeyond } from './unsure.ts'

/**
 * Recognises a text of up to `statementsMax` statements. Never throws; takes time linear in the text, 5 ms at most.
 *
 * What it says holds for a text that Postgres accepts; one that Postgres would refuse may be read either way. It knows
 * what the text says, not what functions, rules and triggers do besides.
 */
export function recognise(text: string, options: RecogniseOptions): Recognition {
  try {
    const tokens = lex(text, options)
    const statements = split(tokens).map((range) => readStatement(text, tokens, range))
    return { certain: true, statements }
  } catch (error) {
    if (error instanceof Unsure) {
      return { certain: false, reason: error.message, beyond: error.beyond }
    }
    throw error
  }
}

interface Range {
  readonly from: number
  readonly end: number
}

/** The most statements that a text may have: reading so many takes a millisecond. */
export const statementsMax = 1_000

/** The ranges of tokens between semicolons, empty ones left out. */
function split(tokens: Tokens): Range[] {
  const ranges: Range[] = []
  const { length } = tokens.list
  for (let from = 0; from < length;) {
    const end = statementEnd(tokens, from)
    if (end > from) ranges.push({ from, end })
    if (ranges.length > statementsMax) {
      unsureBeyond(`the text has more than ${statementsMax} statements`)
    }
    from = end + 1
  }
  return ranges
}

function statementEnd(tokens: Tokens, from: number): number {
  const { length } = tokens.list
  const atomic = isWord(tokens, from, 'create') && isDefinition(tokens, from)
  for (let index = from; index < length;) {
    if (isSymbol(tokens, index, ';')) return index
    index = (atomic ? afterBody(tokens, index) : null) ?? skip(tokens, index)
  }
  return length
}

function readStatement(text: string, tokens: Tokens, { from, end }: Range): Statement {
  const head = readHead({ text, tokens, index: from, end })
  const found = head.definition
    ? { targets: [], main: null }
    : scan({ text, tokens, from, end, inner: head.inner })
  const kind = head.kind === 'main'
    ? found.main ?? unsure('a statement of an unknown kind')
    : head.kind
  return {
    start: at(tokens, from).start,
    end: at(tokens, end - 1).end,
    kind,
    targets: [...head.targets, ...found.targets],
    prepared: head.prepared,
    analyze: head.analyze,
  }
}
