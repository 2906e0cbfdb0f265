// Room sql: what only some callers want to know of a statement that has been recognised: what an EXPLAIN explains, where a
// COPY reads from, whether a mutation goes by a cursor.

import { type ExplainOptions, readExplain } from './explain.ts'
import { lex } from './lexer.ts'
import type { RecogniseOptions, Statement } from './statement.ts'
import { at, isIdent, isSymbol, isWord, mateOf, type Tokens } from './token.ts'
import { Unsure } from './unsure.ts'

export interface Explained extends ExplainOptions {
  /** Where the statement that is explained begins in the text, in UTF-16 units; it ends where the EXPLAIN does. */
  readonly start: number
}

/** What an EXPLAIN explains. Null: the statement is none, or cannot be read. */
export function readExplained(
  text: string,
  statement: Statement,
  options: RecogniseOptions,
): Explained | null {
  return read({ text, statement, options }, (tokens, part) => {
    if (!isWord(tokens, 0, 'explain')) return null
    const { next, ...explain } = readExplain({ text: part, tokens, index: 0 })
    return { ...explain, start: statement.start + at(tokens, next).start }
  })
}

/** Does a COPY … FROM take its data from the client? False for a file or a program of the server's. */
export function readsStdin(text: string, statement: Statement, options: RecogniseOptions): boolean {
  const found = read({ text, statement, options }, (tokens) => {
    let index = isWord(tokens, 1, 'binary') ? 2 : 1
    while (isIdent(tokens, index) && isSymbol(tokens, index + 1, '.')) index += 2
    index = isSymbol(tokens, index + 1, '(') ? mateOf(tokens, index + 1) + 1 : index + 1
    return isWord(tokens, index, 'from') && isWord(tokens, index + 1, 'stdin')
  })
  return found ?? false
}

/** Does a mutation in the statement say WHERE CURRENT OF? */
export function writesAtCursor(
  text: string,
  statement: Statement,
  options: RecogniseOptions,
): boolean {
  if (!/\bcurrent\b/i.test(text)) return false
  const found = read(
    { text, statement, options },
    (tokens) =>
      tokens.list.some((_token, index) =>
        ['where', 'current', 'of'].every((word, offset) => isWord(tokens, index + offset, word))
      ),
  )
  return found ?? false
}

/** Reads the tokens of one statement; null where the text cannot be cut into tokens. */
function read<T>(
  { text, statement, options }: { text: string; statement: Statement; options: RecogniseOptions },
  work: (tokens: Tokens, part: string) => T,
): T | null {
  const part = text.slice(statement.start, statement.end)
  try {
    return work(lex(part, options), part)
  } catch (error) {
    if (error instanceof Unsure) return null
    throw error
  }
}
