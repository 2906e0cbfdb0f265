// Room sql: words that begin a clause, told from the same words as names of fields and labels.

import { isSymbol, isWord, skip, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

/** The word as a clause's keyword: not a field after a dot, not a label after AS. */
export function isClause(tokens: Tokens, index: number, word: string): boolean {
  if (!isKeyword(tokens, index, word)) return false
  if (!isKeyword(tokens, index - 1, 'as')) return true
  // the second of two is a label, and after it the word is a keyword: nobody writes that
  if (isWord(tokens, index - 2, 'as')) unsure('AS as a label is not read')
  return false
}

/** The word, and not a field or table after a dot, where every word may stand. */
export function isKeyword(tokens: Tokens, index: number, word: string): boolean {
  return isWord(tokens, index, word) && !isSymbol(tokens, index - 1, '.')
}

/** The index of the first such keyword outside of parentheses; `end` when there is none. */
export function clauseAt(
  tokens: Tokens,
  { from, end, word }: { from: number; end: number; word: string },
): number {
  for (let index = from; index < end; index = skip(tokens, index)) {
    if (isClause(tokens, index, word)) return index
  }
  return end
}
