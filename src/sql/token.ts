// Room sql: what the lexer makes of a text. Tokens point into the text; nothing but names is copied.

/**
 * word: an unquoted identifier or keyword. name: "…" or U&"…". literal: a string constant of any form. number, param:
 * as they stand. symbol: punctuation or an operator. end: after the last token.
 */
export type TokenKind = 'word' | 'name' | 'literal' | 'number' | 'param' | 'symbol' | 'end'

export interface Token {
  readonly kind: TokenKind
  /** Range in the text, in UTF-16 units. */
  readonly start: number
  readonly end: number
  /** word: folded to lower case (ASCII only). symbol: itself. Else empty. */
  readonly text: string
}

export interface Tokens {
  readonly list: readonly Token[]
  /** For each `(` and `[` the index of the token that closes it; -1 for every other token. */
  readonly mates: readonly number[]
}

const none: Token = { kind: 'end', start: 0, end: 0, text: '' }

/** The token at an index; one of kind `end` outside of the list. */
export function at(tokens: Tokens, index: number): Token {
  return tokens.list[index] ?? none
}

/** Is the token at the index this unquoted word? */
export function isWord(tokens: Tokens, index: number, word: string): boolean {
  const token = at(tokens, index)
  return token.kind === 'word' && token.text === word
}

/** Is the token at the index this symbol? */
export function isSymbol(tokens: Tokens, index: number, symbol: string): boolean {
  const token = at(tokens, index)
  return token.kind === 'symbol' && token.text === symbol
}

/** Can the token at the index be an identifier? Reserved words are not told apart here. */
export function isIdent(tokens: Tokens, index: number): boolean {
  const { kind } = at(tokens, index)
  return kind === 'word' || kind === 'name'
}

/** The index of the token that closes the parenthesis at `index`. */
export function mateOf(tokens: Tokens, index: number): number {
  return tokens.mates[index] ?? -1
}

/** The index after the one at `index`, past a whole parenthesis or bracket. */
export function skip(tokens: Tokens, index: number): number {
  const mate = mateOf(tokens, index)
  return mate < 0 ? index + 1 : mate + 1
}
