// Room sql: the lexer. It cuts a text into tokens exactly as Postgres's scan.l does, or says that it is not certain.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html

import { nameBytesMax } from '../lib/name.ts'
import {
  scanComment,
  scanDollar,
  scanEscape,
  scanName,
  scanPlain,
  startsComment,
} from './quoted.ts'
import type { Token, TokenKind, Tokens } from './token.ts'
import { unsure, unsureBeyond } from './unsure.ts'

// a text is read in one go: these bounds keep the event loop from standing still for longer than 5 ms

/** The longest text that is looked at, in UTF-16 units. */
export const textMax = 512 * 1024
/** The most tokens and comments that a text may have: 200 rows of 120 values each. */
export const tokensMax = 50_000

/** What `standard_conforming_strings` is in the session; undefined: not known. */
export interface LexOptions {
  readonly standardConformingStrings: boolean | undefined
}

// character classes, one for each UTF-16 unit below 128; every one above is an identifier character, as in scan.l
const bad = 0
const space = 1
const ident = 2
const digit = 3
const quote = 4
const doubleQuote = 5
const dollar = 6
const operator = 7
const punctuation = 8
const dot = 9

const classes = new Uint8Array(128)
const classify = (characters: string, kind: number) => {
  for (const character of characters) classes[character.charCodeAt(0)] = kind
}
classify(' \t\n\r\f\v', space)
classify('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_', ident)
classify('0123456789', digit)
classify("'", quote)
classify('"', doubleQuote)
classify('$', dollar)
classify('+-*/<>=~!@#%^&|`?', operator)
classify('()[],;:', punctuation)
classify('.', dot)

/** 1 for the units below 128 that a word may go on with. */
const inWord = classes.map((kind) => kind === ident || kind === digit || kind === dollar ? 1 : 0)

const classAt = (text: string, index: number): number => {
  const code = text.charCodeAt(index)
  return code < 128 ? classes[code] ?? bad : Number.isNaN(code) ? bad : ident
}

/**
 * The tokens of a text, comments and white space left out, parentheses paired.
 * @throws Unsure for what Postgres would refuse, for what depends on a setting that is not known, for too long a text.
 */
export function lex(text: string, options: LexOptions): Tokens {
  if (text.length > textMax) unsureBeyond(`the text is longer than ${textMax} characters`)
  if (text.includes('\0')) unsure('the text holds a NUL character')
  const backslashes = options.standardConformingStrings !== true && text.includes('\\')
  const pairs = new Pairs()
  const list: Token[] = []
  let comments = 0
  let start = 0
  while (start < text.length) {
    const kind = classAt(text, start)
    if (kind === space) {
      while (classAt(text, start) === space) start++
      continue
    }
    const gap = kind === operator ? scanComment(text, start) : start
    if (list.length + comments >= tokensMax) {
      unsureBeyond(`the text has more than ${tokensMax} tokens and comments`)
    }
    if (gap > start) {
      start = gap
      comments++
      continue
    }
    const token = kind === ident
      ? scanWord(text, start, backslashes)
      : scanOther(text, start, { kind, backslashes })
    pairs.take(token)
    list.push(token)
    start = token.end
  }
  return { list, mates: pairs.finish() }
}

/** Pairs parentheses and brackets while the tokens come. */
class Pairs {
  readonly #mates: number[] = []
  readonly #open: { index: number; closer: string }[] = []

  take(token: Token): void {
    const index = this.#mates.length
    this.#mates.push(-1)
    if (token.kind !== 'symbol') return
    if (token.text === '(') this.#open.push({ index, closer: ')' })
    else if (token.text === '[') this.#open.push({ index, closer: ']' })
    else if (token.text === ')' || token.text === ']') {
      const opened = this.#open.pop()
      if (opened?.closer !== token.text) unsure('parentheses are not balanced')
      this.#mates[opened.index] = index
    }
  }

  finish(): number[] {
    if (this.#open.length > 0) unsure('parentheses are not balanced')
    return this.#mates
  }
}

const make = (kind: TokenKind, start: number, end: number, text = ''): Token => ({
  kind,
  start,
  end,
  text,
})

function scanOther(
  text: string,
  start: number,
  { kind, backslashes }: { kind: number; backslashes: boolean },
): Token {
  switch (kind) {
    case quote:
      return make('literal', start, scanPlain(text, start, backslashes))
    case doubleQuote:
      return make('name', start, scanName(text, start))
    case digit:
      return make('number', start, scanNumber(text, start))
    case dot:
      return classAt(text, start + 1) === digit
        ? make('number', start, scanNumber(text, start))
        : scanDots(text, start)
    case dollar:
      return scanDollarToken(text, start)
    case operator: {
      const end = operatorEnd(text, start)
      return make('symbol', start, end, text.slice(start, end))
    }
    case punctuation:
      return make('symbol', start, start + 1, text[start])
    default:
      return unsure('a character that cannot stand outside of quotes')
  }
}

function scanDots(text: string, start: number): Token {
  const end = text[start + 1] === '.' ? start + 2 : start + 1
  return make('symbol', start, end, text.slice(start, end))
}

/** An identifier or keyword, or a literal or name with a letter before its quote. */
function scanWord(text: string, start: number, backslashes: boolean): Token {
  const prefixed = scanPrefixed(text, start, backslashes)
  if (prefixed !== null) return prefixed
  let end = start
  let wide = false
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code >= 128) wide = true
    else if (inWord[code] !== 1) break
  }
  return make('word', start, end, fold(text.slice(start, Math.min(end, start + wordMax)), wide))
}

/** More of a word is not looked at: no keyword and no name has more characters. */
const wordMax = nameBytesMax + 1

/** Postgres folds A to Z; other letters only in single-byte encodings, which we do not serve. */
function fold(word: string, wide: boolean): string {
  return wide ? word.replace(/[A-Z]+/g, (run) => run.toLowerCase()) : word.toLowerCase()
}

/** E'…', B'…', X'…', N'…', U&'…' and U&"…"; null when the word is an ordinary one. */
function scanPrefixed(text: string, start: number, backslashes: boolean): Token | null {
  const next = text.charCodeAt(start + 1)
  if (next === 0x27) {
    const letter = text.charCodeAt(start) | 0x20
    if (letter === 0x65) return make('literal', start, scanEscape(text, start + 1))
    if (letter === 0x62 || letter === 0x78 || letter === 0x6e) {
      return make('literal', start, scanPlain(text, start + 1, backslashes))
    }
  }
  if (next !== 0x26 || (text.charCodeAt(start) | 0x20) !== 0x75) return null
  const after = text[start + 2]
  if (after === '"') return make('name', start, scanName(text, start + 2))
  if (after === "'") return make('literal', start, scanPlain(text, start + 2, backslashes))
  return null
}

const number =
  /0[xX](?:_?[0-9A-Fa-f])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d+(?:_\d+)*(?:\.(?!\.)(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+(?:_\d+)*)?/y

/** Letters right after a number are refused by Postgres 15 and later and start a word before. */
function scanNumber(text: string, start: number): number {
  number.lastIndex = start
  const end = number.test(text) ? number.lastIndex : start + 1
  if (classAt(text, end) === ident) unsure('letters stand right after a number')
  return end
}

/** A parameter or a dollar-quoted literal. */
function scanDollarToken(text: string, start: number): Token {
  let end = start + 1
  while (classAt(text, end) === digit) end++
  if (end === start + 1) return make('literal', start, scanDollar(text, start))
  if (classAt(text, end) === ident) unsure('letters stand right after a parameter')
  return make('param', start, end)
}

/** The longest run of operator characters; an operator itself has at most 63. */
const operatorRunMax = 128

const keepsSign = /[~!@#%^&|`?]/

/** Where an operator ends: before a comment, and without trailing + and - unless a character of its own allows them. */
function operatorEnd(text: string, start: number): number {
  let end = start + 1
  for (; end < text.length && end - start <= operatorRunMax; end++) {
    const code = text.charCodeAt(end)
    if (code >= 128 || classes[code] !== operator || startsComment(text, end)) break
  }
  // trailing signs are read again, one by one, so a long run of them would take quadratic time
  if (end - start > operatorRunMax) unsure('an operator is too long')
  if (end === start + 1 || keepsSign.test(text.slice(start, end))) return end
  while (end > start + 1 && (text[end - 1] === '+' || text[end - 1] === '-')) end--
  return end
}
