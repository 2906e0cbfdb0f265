// Room sql: CREATE: what it defines, what it carries out.

import { startsQuery } from './target.ts'
import { at, isSymbol, isWord, skip, type Tokens } from './token.ts'
import { unsure } from './unsure.ts'

const defined = ['function', 'procedure', 'rule', 'trigger', 'policy']

/** Is the CREATE at `index` one whose verbs are part of a definition: of a function, rule, trigger or policy? */
export function isDefinition(tokens: Tokens, index: number): boolean {
  const next = afterReplace(tokens, index)
  if (defined.some((word) => isWord(tokens, next, word))) return true
  return (isWord(tokens, next, 'constraint') || isWord(tokens, next, 'event')) &&
    isWord(tokens, next + 1, 'trigger')
}

const afterReplace = (tokens: Tokens, index: number): number =>
  isWord(tokens, index + 1, 'or') && isWord(tokens, index + 2, 'replace') ? index + 3 : index + 1

/** The index of EXECUTE in CREATE TABLE … AS EXECUTE; null when the CREATE at `index` is another. @throws Unsure */
export function readCreate(
  { tokens, index, end }: { tokens: Tokens; index: number; end: number },
): number | null {
  let next = index + 1
  while (['local', 'global', 'temp', 'temporary', 'unlogged'].includes(at(tokens, next).text)) {
    next++
  }
  if (!isWord(tokens, next, 'table')) return null
  for (; next < end; next = skip(tokens, next)) {
    if (!isWord(tokens, next, 'as') || isSymbol(tokens, next - 1, '.')) continue
    if (isWord(tokens, next + 1, 'execute')) return next + 1
    return startsQuery(tokens, next + 1)
      ? null
      : unsure('a CREATE TABLE AS is not written as expected')
  }
  return null
}

/**
 * The index after the body BEGIN ATOMIC … END that starts at `index`, whose semicolons end no statement; null when none
 * starts there. END also closes CASE and can be a label, so there must be only one in the rest of the text.
 * @throws Unsure
 */
export function afterBody(tokens: Tokens, index: number): number | null {
  if (!isWord(tokens, index, 'begin') || !isWord(tokens, index + 1, 'atomic')) return null
  const ends: number[] = []
  for (let next = index + 2; next < tokens.list.length; next++) {
    if (isWord(tokens, next, 'end')) ends.push(next)
  }
  const [end, another] = ends
  if (end === undefined || another !== undefined) unsure('a BEGIN ATOMIC body is not read')
  return end + 1
}
